//! The HTTP service of one model.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /health` | 200 `{"status":"ok"}` |
//! | `POST /predict` with a JSON object | 200 and the prediction |
//! | anything else | 400, 404, 405, 413 or 422, `{"error": text}` |

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::{InputError, Model, Predictor};

/// The largest request body in bytes.
pub const BODY_MAX: usize = 1024 * 1024;

const HEALTH: &str = "/health";
const PREDICT: &str = "/predict";

/// Serves one model until `shutdown` is ready and the calls in progress have been answered.
///
/// It asks for no credential and for no content type: who may call is the business of whatever stands in front.
///
/// # Errors
/// If the weights cannot be read ([`io::ErrorKind::InvalidData`]) or the listener fails.
pub async fn serve(
    listener: TcpListener,
    model: Model,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let predictor = model.load().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    axum::serve(listener, router(predictor)).with_graceful_shutdown(shutdown).await
}

/// A request that gets no prediction; the text tells the caller why.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the body is empty; send a JSON object")]
    Empty,
    #[error("the body is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("the body must be a JSON object, as in {{\"text\": \"…\"}} or {{\"features\": {{…}}}}")]
    NotAnObject,
    #[error("the body is larger than {BODY_MAX} bytes")]
    TooLarge,
    #[error("the body ended early")]
    Broken,
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("there is nothing at `{0}`; send `POST /predict` or `GET /health`")]
    NoSuchPath(String),
    #[error("`{path}` takes {allowed} only")]
    Method { path: String, allowed: &'static str },
}

fn router(predictor: Predictor) -> Router {
    Router::new()
        .route(HEALTH, get(health))
        .route(PREDICT, post(predict))
        .fallback(async |uri: Uri| Refusal::NoSuchPath(uri.path().to_owned()))
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(Arc::new(predictor))
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Runs in the task of the connection: a prediction takes microseconds, one of a megabyte of text some hundredths of
/// a second.
async fn predict(
    State(predictor): State<Arc<Predictor>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let input = object(&body?)?;
    Ok(Json(predictor.predict(&input)?).into_response())
}

async fn wrong_method(uri: Uri) -> Refusal {
    let allowed = if uri.path() == HEALTH { "GET" } else { "POST" };
    Refusal::Method { path: uri.path().to_owned(), allowed }
}

/// Reads a JSON object; the parser itself refuses text that is not UTF-8, nesting beyond 128 and numbers that no
/// double holds.
fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Err(Refusal::Empty);
    }
    match serde_json::from_slice(body)? {
        Value::Object(object) => Ok(object),
        _ => Err(Refusal::NotAnObject),
    }
}

impl From<BytesRejection> for Refusal {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            _ => Self::Broken,
        }
    }
}

impl Refusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Empty | Self::NotJson(_) | Self::NotAnObject | Self::Broken => StatusCode::BAD_REQUEST,
            Self::NoSuchPath(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Input(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status(), Json(json!({ "error": self.to_string() }))).into_response()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#[expect(clippy::disallowed_methods, reason = "what a test spawns ends with the runtime of that test")]
mod tests;
