//! The data plane: what happens to a request between the caller's socket and the model.

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

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tollgate_core::access;
use tollgate_core::authn::{self, Answer, Identity};
use tollgate_core::denial::{Bound, Denial, Malformed, UpstreamFailure};
use tollgate_core::route::Route;

use self::body::{Failure, Progress, RequestBody, ResponseBody, Stream};
use self::call::{Call, Outcome};
use self::forward::{Answered, Ready};
use self::framing::Checked;
use self::listener::Peer;
use self::metered::Metered;
use self::wire::pace::Pace;
use self::worker::Worker;
use crate::state::Live;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_AUTHORIZATION: HeaderName = HeaderName::from_static("server-authorization");

/// Bodies that must be read whole (a payload proof) are at most this large where the route has no limit.
const BUFFER_MAX: u64 = 10 * 1024 * 1024;
/// Answers up to this size are read whole to sign them.
const SIGNED_ANSWER_MAX: u64 = 1024 * 1024;

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
) -> Response<ResponseBody> {
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
        Ok(Reply::Model(answered, identity)) => from_model(&worker, answered, identity, call).await,
        Ok(Reply::Own(response)) => {
            call.status = response.status();
            call.outcome = Outcome::Served;
            response.map(ResponseBody::from)
        }
        Ok(Reply::Tunnel(opened)) => tunnel::run(&worker, opened, call).map(ResponseBody::from),
        Err(denial) => {
            let dialect = route.as_ref().map_or(live.snapshot.errors, |route| route.errors);
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
    response
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
    let checked = framing::check(parts, !incoming.is_end_stream(), peer)?;
    call.path = Some(checked.head.path.as_str().into());
    call.client = checked.head.client;
    call.client_request_id = checked.client_request_id.clone();

    let route = live.snapshot.routes.find(&checked.head)?;
    call.route = Some(route.clone());
    if let Some(answer) = cors::preflight(route, &checked.head) {
        return Ok(Reply::Own(answer));
    }
    check_declared_size(route, &incoming)?;

    let (identity, body, progress) = identify(worker, live, route, &checked, incoming, call).await?;
    call.credential = identity.as_ref().map(|identity| identity.credential.clone());

    let permit = access::decide(route, identity.clone())?;
    let ready = Ready {
        permit,
        checked,
        body,
        progress,
    };
    if ready.checked.upgrade.is_some() {
        let switch = switch.ok_or(Malformed::Upgrade)?;
        return tunnel::open(worker, live, ready, switch, call)
            .await
            .map(Reply::Tunnel);
    }
    let answered = forward::forward(worker, live, ready, call).await?;
    call.upstream = Some(call.elapsed());
    Ok(Reply::Model(answered, identity))
}

/// Who calls, and the body that goes on: as it comes, or whole where a proof had to read it.
async fn identify(
    worker: &Worker,
    live: &Live,
    route: &Route,
    checked: &Checked,
    incoming: Incoming,
    call: &Call,
) -> Result<(Option<Identity>, RequestBody, Rc<Progress>), Denial> {
    let progress: Rc<Progress> = Rc::default();
    let answer = authn::identify(
        &checked.head,
        &route.accept,
        &live.snapshot.credentials,
        &worker.gate.memory,
        call.now,
    );
    let identity = match answer {
        Answer::Absent => None,
        Answer::Identified(identity) => Some(identity),
        Answer::Rejected(denial) => return Err(denial),
        Answer::Unproven(unproven) => {
            let bytes = read_whole(incoming, route, call).await?;
            let content_type = checked.head.headers.get(header::CONTENT_TYPE);
            let identity = unproven.prove(&route.accept, content_type, &bytes)?;
            call.request_bytes.set(bytes.len() as u64);
            progress.ended.set(Some(tokio::time::Instant::now()));
            return Ok((
                Some(identity),
                RequestBody::Whole((!bytes.is_empty()).then_some(bytes)),
                progress,
            ));
        }
    };
    if incoming.is_end_stream() {
        progress.ended.set(Some(tokio::time::Instant::now()));
        return Ok((identity, RequestBody::Whole(None), progress));
    }
    let body = RequestBody::Stream(Stream {
        incoming,
        max: route.body_max,
        bytes: call.request_bytes.clone(),
        progress: progress.clone(),
        pace: call.connection().pace().clone(),
    });
    Ok((identity, body, progress))
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

/// The model's answer as the caller gets it; from here on the body owns the call.
async fn from_model(
    worker: &Rc<Worker>,
    answered: Answered,
    identity: Option<Identity>,
    mut call: Call,
) -> Response<ResponseBody> {
    let Answered {
        response,
        exchange,
        occupied,
    } = answered;
    let (mut parts, incoming) = response.into_parts();
    strip_response(&mut parts.headers);
    call.status = parts.status;
    let idle = call
        .route
        .as_ref()
        .map(|route| route.upstream.timeout.idle)
        .unwrap_or_default();
    let artifacts = identity.and_then(|identity| identity.hawk);
    let whole = artifacts.is_some()
        && incoming
            .size_hint()
            .exact()
            .is_some_and(|size| size <= SIGNED_ANSWER_MAX);
    let (route, path, id) = (call.route.clone(), call.path.clone(), call.id.clone());
    let mut metered = Metered::new(incoming, exchange, call, occupied, worker.clone(), idle);
    if whole {
        metered.withhold();
    }
    std::future::poll_fn(|cx| {
        metered.finish_if_empty(cx);
        std::task::Poll::Ready(())
    })
    .await;
    let body = ResponseBody::Metered(Box::new(metered));
    let Some(artifacts) = artifacts else {
        return Response::from_parts(parts, body);
    };
    sign(parts, body, &artifacts, whole)
        .await
        .unwrap_or_else(|denial| {
            let dialect = route.map(|route| route.errors).unwrap_or_default();
            problem::response(&denial, dialect, path.as_deref(), id.as_str()).map(ResponseBody::from)
        })
}

/// Adds `Server-Authorization`. The header comes before the body, so only an answer of known, modest size is covered
/// with its body; a stream is signed by its head alone.
async fn sign(
    mut parts: http::response::Parts,
    body: ResponseBody,
    artifacts: &authn::hawk::Artifacts,
    whole: bool,
) -> Result<Response<ResponseBody>, Denial> {
    let (body, signature) = if whole {
        let collected = body.collect().await;
        let bytes = collected
            .map_err(|_| UpstreamFailure::Unreachable)
            .map_err(Denial::Upstream)?
            .to_bytes();
        let content_type = parts.headers.get(header::CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let signature = artifacts.server_authorization(Some((content_type, &bytes)));
        (bytes.into(), signature)
    } else {
        (body, artifacts.server_authorization(None))
    };
    if let Some(signature) = signature {
        parts.headers.insert(SERVER_AUTHORIZATION, signature);
    }
    Ok(Response::from_parts(parts, body))
}

/// Takes out of an answer what concerns only the connection to the model, and what only the gate says.
fn strip_response(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .filter(|name| *name != header::CONTENT_LENGTH)
        .collect();
    for name in listed {
        headers.remove(name);
    }
    for name in [
        header::CONNECTION,
        header::UPGRADE,
        header::PROXY_AUTHENTICATE,
        header::TRAILER,
    ] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
    headers.remove(header::TRANSFER_ENCODING);
    if !headers.contains_key(header::SERVER) {
        headers.insert(header::SERVER, HeaderValue::from_static("tollgate"));
    }
}
