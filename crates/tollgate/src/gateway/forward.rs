//! Carries a permitted request to a target and brings back the head of its answer.

mod outgoing;

use std::io;
use std::rc::Rc;

use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::time::Instant;
use tollgate_core::access::Permit;
use tollgate_core::denial::{Denial, UpstreamFailure};
use tollgate_core::upstream::Timeouts;

use self::outgoing::Outgoing;
use super::body::{Progress, RequestBody};
use super::call::Call;
use super::exchange::{self, Exchange, Fault};
use super::framing::Checked;
use super::wire::io::Io;
use super::worker::Worker;
use crate::state::Live;
use crate::state::upstreams::{Occupied, TargetState, UpstreamState};

/// An answer whose body is still to come.
#[derive(Debug)]
pub struct Answered {
    /// The model's head and body.
    pub response: Response<Incoming>,
    /// The connection that the body comes on.
    pub exchange: Exchange,
    /// Counts the request at its target.
    pub occupied: Occupied,
}

/// A request ready to be sent: judged, checked, with its body.
#[derive(Debug)]
pub struct Ready {
    /// The right to send it, used up here.
    pub permit: Permit,
    /// Its head.
    pub checked: Checked,
    /// Its body.
    pub body: RequestBody,
    /// What the body says while it flows.
    pub progress: Rc<Progress>,
}

/// Sends a request to one target of the route's upstream and waits for the answer's head.
///
/// A request that was never sent is tried once more: on a new connection where a kept one turned out to be closed, or
/// at another target where the first could not be reached.
///
/// # Errors
/// The caller's outcome when there is no answer.
pub async fn forward(
    worker: &Rc<Worker>,
    live: &Live,
    ready: Ready,
    call: &Call,
) -> Result<Answered, Denial> {
    let upstream = live.upstreams.get(&ready.permit.route().upstream.name);
    let upstream = upstream.ok_or(Denial::Upstream(UpstreamFailure::NoHealthyTarget))?;
    let timeouts = upstream.upstream.timeout;
    let start = Instant::now();
    let progress = ready.progress.clone();
    let deadline = || deadline(start, &progress, &timeouts);
    let mut outgoing = Outgoing::new(ready, live, worker, call);

    let mut occupied = pick(upstream, worker, None)?;
    let mut retried = false;
    loop {
        let target = occupied.target().clone();
        let kept = match retried {
            false => worker.pool.borrow_mut().take(target.id, timeouts.idle, start),
            true => None,
        };
        let mut exchange = match kept {
            Some(exchange) => exchange,
            // Boxed, as every rare and large future of the walk: its room would be moved with each request.
            None => match Box::pin(Exchange::connect(&target, timeouts.connect, &worker.gate.process.bounds))
                .await
            {
                Ok(exchange) => exchange,
                Err(error) => {
                    log_connect(&target, upstream, &error);
                    let other = if retried { None } else { pick(upstream, worker, Some(&target)).ok() };
                    let Some(other) = other else {
                        return Err(unreachable(&error));
                    };
                    occupied = other;
                    retried = true;
                    continue;
                }
            },
        };
        match exchange.send(outgoing.request_for(&target), deadline).await {
            Ok(response) if !is_sound(&response) => {
                tracing::warn!(upstream = %upstream.upstream.name, "the end of the upstream's answer is in doubt");
                return Err(Denial::Upstream(UpstreamFailure::Invalid));
            }
            Ok(response) => {
                return Ok(Answered { response, exchange, occupied });
            }
            Err(Fault::NotSent(request)) if !retried => {
                outgoing.take_back(*request);
                retried = true;
            }
            Err(fault) => return Err(denial(&fault, upstream, &progress)),
        }
    }
}

/// Opens a connection for one request that will change its protocol; it never goes back to the pool.
///
/// # Errors
/// As [`forward`], before anything is sent.
pub async fn dedicated(
    worker: &Rc<Worker>,
    live: &Live,
    ready: Ready,
    call: &Call,
) -> Result<(Io, Request<RequestBody>, Occupied), Denial> {
    let upstream = live.upstreams.get(&ready.permit.route().upstream.name);
    let upstream = upstream.ok_or(Denial::Upstream(UpstreamFailure::NoHealthyTarget))?;
    let within = upstream.upstream.timeout.connect;
    let occupied = pick(upstream, worker, None)?;
    let io = exchange::connect(occupied.target(), within).await.map_err(|error| {
        log_connect(occupied.target(), upstream, &error);
        unreachable(&error)
    })?;
    let request = Outgoing::new(ready, live, worker, call).request_for(occupied.target());
    Ok((io, request, occupied))
}

/// Whether the end of the answer can be read in one way only (RFC 9112 §6.3). hyper lets a length beside a coding pass,
/// takes a coding that it does not know for a body until the end, and a change of protocol that nobody asked for as it
/// comes.
fn is_sound(response: &Response<Incoming>) -> bool {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return false;
    }
    let headers = response.headers();
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let (length, coding) = (lengths.next(), codings.next());
    if lengths.next().is_some() || codings.next().is_some() {
        return false;
    }
    match coding {
        None => true,
        Some(coding) => length.is_none() && coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
    }
}

fn pick(upstream: &UpstreamState, worker: &Worker, not: Option<&TargetState>) -> Result<Occupied, Denial> {
    let target = upstream.pick(worker.turn(), not);
    target.map(TargetState::occupy).ok_or(Denial::Upstream(UpstreamFailure::NoHealthyTarget))
}

/// The answer must begin by then: `first_byte` after the body's last byte, and in any case `total` after the start.
fn deadline(start: Instant, progress: &Progress, timeouts: &Timeouts) -> Instant {
    let total = start + timeouts.total;
    match progress.ended.get() {
        Some(ended) => total.min(ended + timeouts.first_byte),
        None => total,
    }
}

fn unreachable(error: &io::Error) -> Denial {
    match error.kind() {
        io::ErrorKind::TimedOut => Denial::Upstream(UpstreamFailure::Timeout),
        _ => Denial::Upstream(UpstreamFailure::Unreachable),
    }
}

/// Whose fault it is: the caller's body first, then the model.
fn denial(fault: &Fault, upstream: &UpstreamState, progress: &Progress) -> Denial {
    if let Some(failure) = progress.failure.get() {
        return failure.into();
    }
    let failure = match fault {
        Fault::TimedOut => UpstreamFailure::Timeout,
        Fault::Broken(error) if error.is_parse() => UpstreamFailure::Invalid,
        Fault::Flooded => UpstreamFailure::Invalid,
        Fault::Broken(_) | Fault::NotSent(_) => UpstreamFailure::Unreachable,
    };
    tracing::warn!(upstream = %upstream.upstream.name, ?fault, "no answer from the upstream");
    Denial::Upstream(failure)
}

fn log_connect(target: &TargetState, upstream: &UpstreamState, error: &io::Error) {
    tracing::warn!(
        upstream = %upstream.upstream.name,
        address = %target.target.authority,
        %error,
        "cannot connect to the upstream"
    );
}
