//! The data plane: what happens to a request between the caller's socket and the model.

mod answer;
mod body;
mod call;
pub mod connection;
mod cors;
mod exchange;
mod forward;
mod framing;
pub mod health;
pub mod listener;
mod metered;
mod pool;
mod problem;
mod tunnel;
mod wire;
pub mod worker;

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tollgate_core::access;
use tollgate_core::authn::hawk::Unproven;
use tollgate_core::authn::{self, Answer, Identity};
use tollgate_core::denial::{Bound, Denial, Malformed};
use tollgate_core::route::Route;

use self::body::{Failure, Progress, RequestBody, ResponseBody, Stream};
use self::call::{Call, Outcome};
use self::forward::{Answered, Ready};
use self::listener::Peer;
use self::wire::pace::Pace;
use self::worker::Worker;
use crate::state::Live;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Bodies that must be read whole (a payload proof) are at most this large where the route has no limit.
const BUFFER_MAX: u64 = 10 * 1024 * 1024;

/// How a request was answered.
enum Reply {
    /// By the gate itself.
    Own(Response<Bytes>),
    /// By the model; the identity signs the answer where the scheme wants that.
    Model(Answered, Option<Identity>),
    /// By a change of protocol.
    Tunnel(tunnel::Opened),
}

/// Answers one request of a caller. Never fails: whatever goes wrong is an answer too.
pub async fn serve(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    pace: Arc<Pace>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let now = worker.gate.clock.now();
    let id = worker.ids.borrow_mut().next(now);
    let live = worker.gate.live();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let method = request.method().clone();
    let mut call = Call::open(worker.gate.clone(), pace.begin(), id, now, method, peer.address);
    let request_id = call.id.header();

    let reply = walk(&worker, &peer, &live, request, &mut call).await;
    let route = call.route.clone();
    let mut response = match reply {
        Ok(Reply::Model(answered, identity)) => match identity.and_then(|identity| identity.hawk) {
            None => answer::from_model(&worker, answered, call),
            Some(artifacts) => Box::pin(answer::signed(&worker, answered, call, artifacts)).await,
        },
        Ok(Reply::Own(response)) => {
            call.status = response.status();
            call.outcome = Outcome::Served;
            response.map(ResponseBody::from)
        }
        Ok(Reply::Tunnel(opened)) => tunnel::run(&worker, opened, call).map(ResponseBody::from),
        Err(denial) => {
            let dialect = match (&route, &denial) {
                (Some(route), _) => route.errors,
                (None, Denial::MethodNotAllowed { errors: Some(errors), .. }) => *errors,
                (None, _) => live.snapshot.errors,
            };
            let response = problem::response(&denial, dialect, call.path.as_deref(), call.id.as_str());
            call.deny(&denial);
            call.status = response.status();
            response.map(ResponseBody::from)
        }
    };
    response.headers_mut().insert(X_REQUEST_ID, request_id);
    if let Some(cors) = route.as_ref().and_then(|route| route.cors.as_ref()) {
        cors::decorate(cors, origin.as_ref(), response.headers_mut());
    }
    Ok(response)
}

/// The walk: framing, route, identity, access, and on to the model. Each step's answer is the next one's ticket.
async fn walk(
    worker: &Rc<Worker>,
    peer: &Peer,
    live: &Live,
    request: Request<Incoming>,
    call: &mut Call,
) -> Result<Reply, Denial> {
    let (mut parts, incoming) = request.into_parts();
    let switch = parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    let checked = framing::check(parts, !incoming.is_end_stream(), peer, &worker.gate.process.bounds)?;
    call.path = Some(checked.head.path.as_str().into());
    call.client = checked.head.client;
    call.client_request_id = checked.client_request_id.clone();

    let route = live.snapshot.routes.find(&checked.head)?;
    call.route = Some(route.clone());
    if let Some(answer) = cors::preflight(route, &checked.head) {
        return Ok(Reply::Own(answer));
    }
    check_declared_size(route, &incoming)?;

    let progress: Rc<Progress> = Rc::default();
    let credentials = &live.snapshot.credentials;
    let (identity, body) =
        match authn::identify(&checked.head, &route.accept, credentials, &worker.gate.memory, call.now) {
            Answer::Absent => (None, stream(incoming, route, call, &progress)),
            Answer::Identified(identity) => (Some(identity), stream(incoming, route, call, &progress)),
            Answer::Rejected(denial) => return Err(denial),
            Answer::Unproven(unproven) => {
                let content_type = checked.head.headers.get(header::CONTENT_TYPE);
                // Boxed, as every rare and large future of the walk: its room would be moved with each request.
                let (identity, bytes) =
                    Box::pin(prove(unproven, incoming, content_type, route, call)).await?;
                progress.end();
                (Some(identity), RequestBody::Whole((!bytes.is_empty()).then_some(bytes)))
            }
        };
    call.credential = identity.as_ref().map(|identity| identity.credential.clone());

    let permit = access::decide(route, identity.clone())?;
    let ready = Ready { permit, checked, body, progress };
    if ready.checked.upgrade.is_some() {
        let switch = switch.ok_or(Malformed::Upgrade)?;
        return Box::pin(tunnel::open(worker, live, ready, switch, call)).await.map(Reply::Tunnel);
    }
    let answered = forward::forward(worker, live, ready, call).await?;
    call.answered();
    Ok(Reply::Model(answered, identity))
}

/// A judged payload: who calls, and the body read whole.
async fn prove(
    unproven: Unproven,
    incoming: Incoming,
    content_type: Option<&HeaderValue>,
    route: &Route,
    call: &Call,
) -> Result<(Identity, Bytes), Denial> {
    let bytes = read_whole(incoming, route, call).await?;
    let identity = unproven.prove(&route.accept, content_type, &bytes)?;
    call.request_bytes.set(bytes.len() as u64);
    Ok((identity, bytes))
}

/// The body as it comes, bounded and counted.
fn stream(incoming: Incoming, route: &Route, call: &Call, progress: &Rc<Progress>) -> RequestBody {
    if incoming.is_end_stream() {
        progress.end();
        return RequestBody::Whole(None);
    }
    RequestBody::Stream(Stream {
        incoming,
        max: route.body_max,
        bytes: call.request_bytes.clone(),
        progress: progress.clone(),
        pace: call.connection().pace().clone(),
    })
}

/// A body that says itself that it is too large is refused before anything is read.
fn check_declared_size(route: &Route, incoming: &Incoming) -> Result<(), Denial> {
    match route.body_max {
        Some(max) if incoming.size_hint().lower() > max => Err(Denial::Bound(Bound::Body { max })),
        _ => Ok(()),
    }
}

async fn read_whole(incoming: Incoming, route: &Route, call: &Call) -> Result<Bytes, Denial> {
    let max = route.body_max.unwrap_or(BUFFER_MAX);
    let limited = Limited::new(incoming, usize::try_from(max).unwrap_or(usize::MAX));
    match limited.collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Denial::Bound(Bound::Body { max }))
        }
        Err(error) => Err(match error.downcast::<hyper::Error>() {
            Ok(error) => Failure::of(&error, call.connection().pace()).into(),
            Err(_) => Malformed::Chunk.into(),
        }),
    }
}
