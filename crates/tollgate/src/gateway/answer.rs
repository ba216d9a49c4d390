//! The model's answer as the caller gets it.

use std::rc::Rc;
use std::sync::Arc;

use http::Response;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::response::Parts;
use http_body_util::BodyExt;
use tollgate_core::authn::hawk;
use tollgate_core::denial::{Denial, UpstreamFailure};

use super::body::ResponseBody;
use super::call::Call;
use super::forward::Answered;
use super::metered::Metered;
use super::problem;
use super::worker::Worker;

const SERVER_AUTHORIZATION: HeaderName = HeaderName::from_static("server-authorization");

/// Answers up to this size are read whole to sign them.
const SIGNED_MAX: u64 = 1024 * 1024;

/// Makes the caller's answer from the model's; from here on the body owns the call.
pub fn from_model(worker: &Rc<Worker>, answered: Answered, call: Call) -> Response<ResponseBody> {
    let (parts, metered) = meter(worker, answered, call);
    Response::from_parts(parts, ResponseBody::Metered(Box::new(metered)))
}

/// The same with a `Server-Authorization`. The header comes before the body, so only an answer of known, modest size
/// is covered with its body; a stream is signed by its head alone. A body that breaks before its head was sent is
/// answered as any model that breaks off: 502 in the route's dialect.
pub async fn signed(
    worker: &Rc<Worker>,
    answered: Answered,
    call: Call,
    artifacts: Arc<hawk::Artifacts>,
) -> Response<ResponseBody> {
    let (route, path, id) = (call.route.clone(), call.path.clone(), call.id.clone());
    let (mut parts, mut metered) = meter(worker, answered, call);
    if metered.size_hint().exact().is_none_or(|size| size > SIGNED_MAX) {
        if let Some(signature) = artifacts.server_authorization(None) {
            parts.headers.insert(SERVER_AUTHORIZATION, signature);
        }
        return Response::from_parts(parts, ResponseBody::Metered(Box::new(metered)));
    }
    metered.withhold();
    let Ok(collected) = ResponseBody::Metered(Box::new(metered)).collect().await else {
        let dialect = route.map(|route| route.errors).unwrap_or_default();
        let denial = Denial::Upstream(UpstreamFailure::Unreachable);
        return problem::response(&denial, dialect, path.as_deref(), id.as_str()).map(ResponseBody::from);
    };
    let bytes = collected.to_bytes();
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let signature = artifacts.server_authorization(Some((content_type.unwrap_or_default(), &bytes)));
    if let Some(signature) = signature {
        parts.headers.insert(SERVER_AUTHORIZATION, signature);
    }
    Response::from_parts(parts, bytes.into())
}

fn meter(worker: &Rc<Worker>, answered: Answered, mut call: Call) -> (Parts, Metered) {
    let Answered { response, exchange, occupied } = answered;
    let (mut parts, incoming) = response.into_parts();
    strip(&mut parts.headers);
    call.status = parts.status;
    let idle = call.route.as_ref().map(|route| route.upstream.timeout.idle).unwrap_or_default();
    (parts, Metered::new(incoming, exchange, call, occupied, worker.clone(), idle))
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
