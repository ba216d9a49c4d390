//! The model's answer as the caller gets it.

pub mod body;

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::response::Parts;
use http::{Response, StatusCode};
use tollgate_core::authn::hawk;

use self::body::ResponseBody;
use super::call::Call;
use super::forward::Answered;
use super::metered::Metered;
use super::problem;
use super::tunnel::Tunnel;
use super::wire::response::ResponseHead;
use super::wire::timer::Timer;
use super::worker::Worker;

const SERVER_AUTHORIZATION: HeaderName = HeaderName::from_static("server-authorization");

/// Answers up to this size are read whole to sign them.
const SIGNED_MAX: u64 = 1024 * 1024;

/// Makes the caller's answer from the model's; from here on the body owns the call.
pub fn from_model(
    worker: &Rc<Worker>,
    timer: &Rc<Timer>,
    answered: Answered,
    call: Box<Call>,
) -> Response<ResponseBody> {
    let (parts, metered) = meter(worker, timer, answered, call);
    Response::from_parts(parts, ResponseBody::Metered(metered))
}

/// Makes the answer to a change of protocol that the model agreed to; what follows the head goes through the tunnel.
pub fn switched(answered: Answered, mut call: Box<Call>) -> (Response<ResponseBody>, Box<Tunnel>) {
    let Answered { head, exchange, occupied } = answered;
    call.status = Some(head.status);
    let mut response = Response::new(ResponseBody::from(Bytes::new()));
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    (response, Tunnel::new(exchange, call, occupied))
}

/// The same as [`from_model`] with a `Server-Authorization`. The header comes before the body, so only an answer of known, modest size
/// is covered with its body; a stream is signed by its head alone. A body that breaks before its head was sent is
/// answered as any model that breaks off: 502 in the route's dialect.
pub async fn signed(
    worker: &Rc<Worker>,
    timer: &Rc<Timer>,
    answered: Answered,
    call: Box<Call>,
    artifacts: Arc<hawk::Artifacts>,
) -> Response<ResponseBody> {
    let (route, path, id) = (call.route.clone(), call.path.clone(), call.id.clone());
    let (mut parts, mut metered) = meter(worker, timer, answered, call);
    if metered.remaining().is_none_or(|size| size > SIGNED_MAX) {
        if let Some(signature) = artifacts.server_authorization(None) {
            parts.headers.insert(SERVER_AUTHORIZATION, signature);
        }
        return Response::from_parts(parts, ResponseBody::Metered(metered));
    }
    metered.withhold();
    let bytes = match metered.read_whole().await {
        Ok(bytes) => bytes,
        Err(error) => {
            let denial = error.denial();
            let dialect = route.map(|route| route.errors).unwrap_or_default();
            return problem::response(&denial, dialect, path.as_deref(), id.as_str()).map(ResponseBody::from);
        }
    };
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let signature = artifacts.server_authorization(Some((content_type.unwrap_or_default(), &bytes)));
    if let Some(signature) = signature {
        parts.headers.insert(SERVER_AUTHORIZATION, signature);
    }
    Response::from_parts(parts, bytes.into())
}

/// The head that the caller gets, and the body that owns the call.
pub fn meter(
    worker: &Rc<Worker>,
    timer: &Rc<Timer>,
    answered: Answered,
    mut call: Box<Call>,
) -> (Parts, Metered) {
    let Answered { head, exchange, occupied } = answered;
    let ResponseHead { status, mut headers, .. } = head;
    // Such an answer has no length to speak of (RFC 9110 §8.6).
    if status == StatusCode::NO_CONTENT {
        headers.remove(header::CONTENT_LENGTH);
    }
    if !headers.contains_key(header::SERVER) {
        headers.insert(header::SERVER, HeaderValue::from_static("tollgate"));
    }
    call.status = Some(status);
    call.begin_answer(status, &mut headers);
    let idle = call.route.as_ref().map(|route| route.upstream.timeout.idle).unwrap_or_default();
    let (mut parts, ()) = Response::new(()).into_parts();
    (parts.status, parts.headers) = (status, headers);
    (parts, Metered::new(exchange, call, occupied, worker.clone(), timer.clone(), idle))
}
