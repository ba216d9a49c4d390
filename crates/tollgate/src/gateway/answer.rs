//! The model's answer as the caller gets it.

use std::rc::Rc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use tollgate_core::authn::{Identity, hawk};

use super::body::ResponseBody;
use super::call::Call;
use super::forward::Answered;
use super::metered::Metered;
use super::worker::Worker;

const SERVER_AUTHORIZATION: HeaderName = HeaderName::from_static("server-authorization");

/// Answers up to this size are read whole to sign them.
const SIGNED_MAX: u64 = 1024 * 1024;

/// Makes the caller's answer from the model's; from here on the body owns the call.
pub async fn from_model(
    worker: &Rc<Worker>,
    answered: Answered,
    identity: Option<Identity>,
    mut call: Call,
) -> Response<ResponseBody> {
    let Answered { response, exchange, occupied } = answered;
    let (mut parts, incoming) = response.into_parts();
    strip(&mut parts.headers);
    call.status = parts.status;
    let idle = call.route.as_ref().map(|route| route.upstream.timeout.idle).unwrap_or_default();
    let mut metered = Metered::new(incoming, exchange, call, occupied, worker.clone(), idle);
    std::future::poll_fn(|cx| {
        metered.finish_if_empty(cx);
        std::task::Poll::Ready(())
    })
    .await;
    let body = ResponseBody::Metered(Box::new(metered));
    match identity.and_then(|identity| identity.hawk) {
        None => Response::from_parts(parts, body),
        Some(artifacts) => Box::pin(sign(parts, body, &artifacts)).await,
    }
}

/// Adds `Server-Authorization`. The header comes before the body, so only an answer of known, modest size is covered
/// with its body; a stream is signed by its head alone.
async fn sign(
    mut parts: http::response::Parts,
    body: ResponseBody,
    artifacts: &hawk::Artifacts,
) -> Response<ResponseBody> {
    let whole = body.size_hint().exact().is_some_and(|size| size <= SIGNED_MAX);
    if !whole {
        if let Some(value) = artifacts.server_authorization(None) {
            parts.headers.insert(SERVER_AUTHORIZATION, value);
        }
        return Response::from_parts(parts, body);
    }
    match body.collect().await {
        Ok(collected) => {
            let bytes = collected.to_bytes();
            let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            if let Some(value) =
                artifacts.server_authorization(Some((content_type.unwrap_or_default(), &bytes)))
            {
                parts.headers.insert(SERVER_AUTHORIZATION, value);
            }
            Response::from_parts(parts, bytes.into())
        }
        Err(_) => {
            let mut broken = Response::new(ResponseBody::from(Bytes::new()));
            *broken.status_mut() = StatusCode::BAD_GATEWAY;
            broken
        }
    }
}

/// Takes out of an answer what concerns only the connection to the model.
fn strip(headers: &mut HeaderMap) {
    let mut ended: Vec<HeaderName> = Vec::new();
    for (name, value) in &*headers {
        match name.as_str() {
            "connection" => {
                let named = value.to_str().unwrap_or_default().split(',');
                let named = named.filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok());
                ended.extend(named.filter(|name| *name != header::CONTENT_LENGTH));
                ended.push(header::CONNECTION);
            }
            "upgrade" | "proxy-authenticate" | "trailer" | "keep-alive" | "proxy-connection"
            | "transfer-encoding" => {
                ended.push(name.clone());
            }
            _ => {}
        }
    }
    for name in ended {
        headers.remove(name);
    }
    if !headers.contains_key(header::SERVER) {
        headers.insert(header::SERVER, HeaderValue::from_static("tollgate"));
    }
}
