//! MLflow's scoring protocol: `/invocations`, `/ping`, `/version`.

pub(crate) mod forms;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri, header};
use serde_json::json;

use super::answer::{self, Answer};
use super::app::App;
use super::body;
use super::listing;
use super::problem::Problem;
use forms::Form;

/// `GET /ping`: the service can answer.
pub(crate) async fn ping(State(app): State<Arc<App>>) -> Answer {
    app.store.check().await?;
    Ok(answer::typed(StatusCode::OK, "application/json", "\n"))
}

/// `GET /version`: of the program.
pub(crate) async fn version() -> Answer {
    Ok(answer::typed(StatusCode::OK, "text/plain; charset=utf-8", env!("CARGO_PKG_VERSION")))
}

/// `POST /invocations`: asks the model that `?model=` names, or the only one.
pub(crate) async fn invoke(State(app): State<Arc<App>>, uri: Uri, request: Request) -> Answer {
    invoke_by(&app, &uri, request).await.map_err(Problem::for_mlflow)
}

async fn invoke_by(app: &App, uri: &Uri, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let form = Form::of(parts.headers.get(header::CONTENT_TYPE)).map_err(|media_type| {
        let text = format!("`{media_type}` is not accepted; send `application/json` or `text/csv`");
        Problem::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)
    })?;
    let name = match listing::parameter(uri, "model") {
        Some(name) => name,
        None => app.store.only_model().await?.map(|id| id.to_string()).ok_or_else(|| {
            let text = "there is not exactly one model; say which by `?model=NAME`";
            Problem::plain(StatusCode::BAD_REQUEST, text)
        })?,
    };
    let (_, loaded) = app.model_named(&name).await?;
    let mut read = body::read(app, body).await?;
    let frame = app.apart(read.bytes.len(), || {
        let (bytes, room) = (&read.bytes, &mut read.room);
        // A text that only Python writes is copied.
        app.room.take(room, bytes.len())?;
        form.read(bytes, &loaded.features(), &mut |more| app.room.take(room, more))
    });
    let frame = frame.await?;
    let predicted = app.ask(&loaded, frame).await?;
    Ok(answer::json(StatusCode::OK, &json!({ "predictions": predicted.values() })))
}
