//! What is remembered of a refusal, for whoever asks why.

use http::StatusCode;
use tollgate_core::admission;
use tollgate_core::denial::{Denial, Malformed};
use tollgate_core::limit::Standing;
use tollgate_core::mode::{self, Softened};
use tollgate_core::route::Route;
use tollgate_core::time::Now;

use super::call::{Call, RequestId};
use super::problem;
use super::rate_limit::RateLimit;
use crate::decisions::{Counter, Decision, Mode, Outcome};
use crate::explain::rules;
use crate::state::Gate;

/// Remembers why a call was refused, or has no answer of the model.
pub fn denied(call: &Call, denial: &Denial, status: StatusCode) {
    let outcome = match denial {
        // Nobody is left who could ask.
        Denial::Malformed(Malformed::Incomplete) => return,
        Denial::Upstream(_) => Outcome::UpstreamError,
        _ => Outcome::Denied,
    };
    let counters = counters(call, &call.standing);
    let decision = Decision { outcome, would: outcome, counters, ..of(call, denial, status) };
    call.gate().decisions.record(decision);
}

/// Remembers what a call would have met that goes on all the same; its answer tells the limits as the refusal had done.
pub fn softened(call: &mut Call, softened: &Softened) {
    let Softened { denial, rule, standing } = softened;
    call.would = Some(denial.code());
    if let Some(told) = RateLimit::of(call, standing.iter().copied(), *rule) {
        call.rate_limit = Some(told);
    }
    let counters = counters(call, standing);
    let (outcome, mode) = (Outcome::Allowed, Mode::Shadow);
    let decision = Decision { outcome, mode, counters, ..of(call, denial, denial.status()) };
    call.gate().decisions.record(decision);
}

/// A refusal of a call that was admitted already: in force, or remembered where the route's mode lets the call go on.
///
/// # Errors
/// The same denial.
pub fn unless_softened(call: &mut Call, denial: Denial) -> Result<(), Denial> {
    let passes = |route: &Route| mode::lets_through(route, call.credential.as_deref());
    if !call.route.as_deref().is_some_and(passes) {
        return Err(denial);
    }
    softened(call, &Softened::new(denial));
    Ok(())
}

/// Remembers a head that was refused as bytes, before there was a request.
pub fn refused(gate: &Gate, id: &RequestId, now: Now, client: core::net::IpAddr, denial: &Denial) {
    gate.decisions.record(Decision {
        id: id.as_str().into(),
        time: now.wall,
        outcome: Outcome::Denied,
        mode: Mode::Enforce,
        would: Outcome::Denied,
        denial: denial.code(),
        status: denial.status().as_u16(),
        detail: problem::message(denial),
        rule: None,
        counters: Vec::new(),
        retry_after: None,
        route: None,
        consumer: None,
        credential: None,
        method: None,
        path: None,
        client,
    });
}

fn of(call: &Call, denial: &Denial, status: StatusCode) -> Decision {
    let consumer = call.credential.as_ref().map(|credential| &credential.consumer.name);
    let route = call.route.as_deref();
    Decision {
        id: call.id.as_str().into(),
        time: call.now.wall,
        outcome: Outcome::Denied,
        mode: Mode::Enforce,
        would: Outcome::Denied,
        denial: denial.code(),
        status: status.as_u16(),
        detail: problem::message(denial),
        rule: route.and_then(|route| rules::rule(route, consumer, denial)),
        counters: Vec::new(),
        retry_after: rules::retry_after(denial),
        route: route.map(|route| route.name.as_str().into()),
        consumer: consumer.map(|name| name.as_str().into()),
        credential: call.credential.as_ref().map(|credential| credential.id.clone()),
        method: Some(call.method.as_str().into()),
        path: call.path.clone(),
        client: call.client,
    }
}

fn counters(call: &Call, standing: &[Standing]) -> Vec<Counter> {
    let Some(route) = &call.route else { return Vec::new() };
    Counter::all(admission::rules(route, call.credential.as_deref()), standing.iter().copied())
}
