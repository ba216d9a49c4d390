//! Carries a permitted request to a target and brings back the head of its answer.

pub mod outgoing;

use std::io;

use http::StatusCode;
use tokio::time::Instant;
use tollgate_core::denial::{Denial, UpstreamFailure};

use self::outgoing::Outgoing;
use super::exchange::{Deadline, Exchange, Fault};
use super::wire::response::ResponseHead;
use super::wire::timer::Timer;
use super::worker::Worker;
use crate::state::upstreams::{Occupied, TargetState, UpstreamState};

/// An answer whose body is still to come.
#[derive(Debug)]
pub struct Answered {
    /// The model's head.
    pub head: ResponseHead,
    /// The connection that the body comes on.
    pub exchange: Box<Exchange>,
    /// Counts the request at its target.
    pub occupied: Occupied,
}

/// Sends a request to one target of the route's upstream and waits for the answer's head.
///
/// A request that was never sent is tried once more: on a new connection where a kept one turned out to be closed, or
/// at another target where the first could not be reached. One that asks for another protocol gets a connection of its
/// own.
///
/// # Errors
/// The caller's outcome when there is no answer.
pub async fn forward(worker: &Worker, timer: &Timer, mut outgoing: Outgoing) -> Result<Answered, Denial> {
    let upstream = outgoing.upstream.clone();
    let timeouts = upstream.upstream.timeout;
    let start = Instant::now();
    let deadline = Deadline { total: start + timeouts.total, first_byte: timeouts.first_byte };

    let mut occupied = pick(&upstream, worker, None)?;
    let mut retried = false;
    loop {
        let target = occupied.target().clone();
        let kept = match retried || outgoing.upgrades {
            false => worker.pool.borrow_mut().take(target.id, timeouts.idle, start),
            true => None,
        };
        let mut exchange = match kept {
            Some(exchange) => exchange,
            // Boxed, as every rare and large future of the walk: its room would be moved with each request.
            None => match Box::pin(Exchange::connect(&target, timeouts.connect)).await {
                Ok(exchange) => exchange,
                Err(error) => {
                    log_connect(&target, &upstream, &error);
                    let other = if retried { None } else { pick(&upstream, worker, Some(&target)).ok() };
                    let Some(other) = other else {
                        return Err(unreachable(&error));
                    };
                    occupied = other;
                    retried = true;
                    continue;
                }
            },
        };
        let request = outgoing.request_for(&target);
        match exchange.send(request, deadline, &worker.gate.process.bounds, timer).await {
            Ok(head) if head.status == StatusCode::SWITCHING_PROTOCOLS && !outgoing.upgrades => {
                return Err(denial(&Fault::Invalid, &upstream));
            }
            Ok(head) => return Ok(Answered { head, exchange, occupied }),
            Err(Fault::NotSent(request)) if !retried => {
                outgoing.take_back(request.body);
                retried = true;
            }
            Err(fault) => return Err(denial(&fault, &upstream)),
        }
    }
}

fn pick(upstream: &UpstreamState, worker: &Worker, not: Option<&TargetState>) -> Result<Occupied, Denial> {
    let target = upstream.pick(worker.turn(), not);
    target.map(TargetState::occupy).ok_or(Denial::Upstream(UpstreamFailure::NoHealthyTarget))
}

fn unreachable(error: &io::Error) -> Denial {
    match error.kind() {
        io::ErrorKind::TimedOut => Denial::Upstream(UpstreamFailure::Timeout),
        _ => Denial::Upstream(UpstreamFailure::Unreachable),
    }
}

/// Whose fault it is: the caller's body first, then the model.
fn denial(fault: &Fault, upstream: &UpstreamState) -> Denial {
    let failure = match fault {
        Fault::Caller(failure) => return (*failure).into(),
        Fault::TimedOut => UpstreamFailure::Timeout,
        Fault::Invalid => UpstreamFailure::Invalid,
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
