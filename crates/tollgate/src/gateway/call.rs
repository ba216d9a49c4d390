//! The record of one request, closed exactly once however it ends.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use tollgate_core::Now;
use tollgate_core::credential::{Credential, Origin};
use tollgate_core::denial::{Denial, Malformed};
use tollgate_core::limit::{Reservation, Standing};
use tollgate_core::mode::lets_through;
use tollgate_core::route::Route;
use tollgate_ledger::journal::Entry;
use ulid::Ulid;

use super::exchange::Exchange;
use super::insight::Insight;
use super::rate_limit::RateLimit;
use crate::auth_service::{Charge, Use};
use crate::state::Gate;
use crate::state::room::Held;
use crate::telemetry::access_log::Record;
use crate::telemetry::counters::Ended;

/// What an auth service is told of a caller who left before there was an answer, as nginx writes it down.
const LEFT: u16 = 499;

/// How a request that reached the model ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The model's whole answer went to the caller.
    Served,
    /// The caller left before the end.
    Cancelled,
    /// The model broke off, or gave no answer.
    UpstreamError,
    /// It was refused before it reached the model.
    Denied,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Cancelled => "cancelled",
            Self::UpstreamError => "upstream_error",
            Self::Denied => "denied",
        }
    }
}

/// What is known of one request so far. Dropping it closes the record: as cancelled, unless something else was said.
#[derive(Debug)]
pub struct Call {
    /// The gate's id of the request.
    pub id: RequestId,
    /// When it began.
    pub now: Now,
    /// The caller's own id of it.
    pub client_request_id: Option<HeaderValue>,
    /// Its route, once found.
    pub route: Option<Arc<Route>>,
    /// Its credential, once identified.
    pub credential: Option<Arc<Credential>>,
    /// The head's canonical path, once checked.
    pub path: Option<Box<str>>,
    /// Its method.
    pub method: http::Method,
    /// The caller's address.
    pub client: core::net::IpAddr,
    /// The status sent to the caller, or that would have been; absent for one who left before there was an answer.
    pub status: Option<StatusCode>,
    /// The page that asks, where the route answers such.
    pub origin: Option<HeaderValue>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused.
    pub denial: Option<&'static str>,
    /// Why it would have been refused, where the route's mode let it through.
    pub would: Option<&'static str>,
    /// What the limits had left that refused it.
    pub standing: Vec<Standing>,
    /// Until the model's answer began.
    pub upstream: Option<Duration>,
    /// Its place in the journal, once it may be sent.
    pub entry: Option<Entry>,
    /// When it was sent.
    sent_at: Option<Duration>,
    /// What it holds of its limits until it ends.
    pub reservation: Option<Reservation>,
    /// What its answer tells of its limits.
    pub rate_limit: Option<RateLimit>,
    /// Room that its body takes while it is held whole.
    pub held: Option<Held>,
    /// What was read of it, where its route looks into bodies.
    pub insight: Option<Box<Insight>>,
    /// Body bytes to the model, counted where they pass.
    pub request_bytes: Rc<Cell<u64>>,
    /// Body bytes to the caller.
    pub response_bytes: u64,
    gate: Arc<Gate>,
}

impl Call {
    /// Opens the record of a request.
    pub fn open(
        gate: Arc<Gate>,
        id: RequestId,
        now: Now,
        method: http::Method,
        client: core::net::IpAddr,
    ) -> Box<Self> {
        Box::new(Self {
            id,
            now,
            client_request_id: None,
            route: None,
            credential: None,
            path: None,
            method,
            client,
            status: None,
            origin: None,
            outcome: Outcome::Cancelled,
            denial: None,
            would: None,
            standing: Vec::new(),
            upstream: None,
            entry: None,
            sent_at: None,
            reservation: None,
            rate_limit: None,
            held: None,
            insight: None,
            request_bytes: Rc::default(),
            response_bytes: 0,
            gate,
        })
    }

    /// Notes that the request was refused.
    pub fn deny(&mut self, denial: &Denial) {
        self.denial = Some(denial.code());
        self.outcome = match denial {
            Denial::Upstream(_) => Outcome::UpstreamError,
            Denial::Malformed(Malformed::Incomplete) | Denial::Revoked => Outcome::Cancelled,
            _ => Outcome::Denied,
        };
    }

    /// Notes that the exchange failed after the answer had begun. The model's own failure has no code: nothing was
    /// refused.
    pub fn deny_midway(&mut self, denial: &Denial) {
        self.deny(denial);
        if self.outcome == Outcome::UpstreamError {
            self.denial = None;
        }
    }

    /// Notes that it is sent now: from here on it counts, however it ends.
    pub fn sent(&mut self) {
        self.sent_at = self.entry.is_some().then(|| self.gate.clock.monotonic());
        if let Some(reservation) = &mut self.reservation {
            reservation.commit();
        }
    }

    /// Notes that the model's answer began; a look at the clock that only the log needs.
    pub fn answered(&mut self, exchange: &Exchange) {
        // A stream may go on for long after its request.
        if exchange.is_sent() {
            self.held = None;
        }
        if self.gate.telemetry.access_log.is_some() {
            self.upstream = Some(self.elapsed());
        }
    }

    /// Settles what was reserved with what was used. Without that it ends as it stands: it counts if the call was sent.
    fn settle(&mut self) {
        let Some(reservation) = self.reservation.take() else { return };
        let bytes = self.request_bytes.get().saturating_add(self.response_bytes);
        let used = self.booked().cost(bytes);
        if reservation.is_committed() && reservation.differs_from(&used) {
            reservation.settle(&used, self.gate.clock.now());
        }
    }

    /// Tells the auth service of a call that one of its keys made and that reached the model.
    fn report(&self) {
        let Some(reporter) = &self.gate.reporter else { return };
        let Some(credential) = self.credential.as_ref().filter(|have| have.origin == Origin::Service) else {
            return;
        };
        if self.outcome == Outcome::Denied {
            return;
        }
        reporter.report(Use {
            key_id: credential.id.clone(),
            endpoint: self.path.clone().unwrap_or_default(),
            response_time_ms: u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX),
            status_code: self.status.map_or(LEFT, |status| status.as_u16()),
        });
    }

    /// Whether its credential was revoked since it began, where that ends a call.
    pub fn is_revoked(&self) -> bool {
        let passes =
            |credential| self.route.as_ref().is_some_and(|route| lets_through(route, Some(credential)));
        self.credential.as_ref().is_some_and(|credential| credential.is_revoked() && !passes(credential))
    }

    /// The gate's process-wide state.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What is to be charged before the call is sent, and for whose credential, where somebody charges for it. Nobody pays for a call that would have
    /// been refused.
    pub fn to_charge(&self) -> Option<(Arc<Credential>, Charge)> {
        let pays = |have: &&Arc<Credential>| self.would.is_none() && self.gate.directory.charges(have);
        let credential = self.credential.as_ref().filter(pays)?;
        let charge = Charge {
            key_id: credential.id.clone(),
            request_id: self.id.as_str().into(),
            model: self.route.as_ref().map_or_else(Box::default, |route| route.name.as_str().into()),
            endpoint: self.path.clone().unwrap_or_default(),
        };
        Some((credential.clone(), charge))
    }

    /// Time since the request began.
    pub fn elapsed(&self) -> Duration {
        self.gate.clock.monotonic().saturating_sub(self.now.monotonic)
    }

    /// Notes how much went either way so far.
    pub fn carried(&mut self, up: u64, down: u64) {
        self.request_bytes.set(up);
        self.response_bytes = down;
    }

    /// Time since it was sent, if it was.
    pub fn since_sent(&self) -> Option<Duration> {
        self.sent_at.map(|sent| self.gate.clock.monotonic().saturating_sub(sent))
    }

    /// Time since the request began, and of that since it was sent.
    pub fn spent(&self) -> (Duration, Duration) {
        let elapsed = self.elapsed();
        let before = self.sent_at.map_or(elapsed, |sent| sent.saturating_sub(self.now.monotonic));
        (elapsed, elapsed.saturating_sub(before))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // Whoever wants to know when it is written has closed it already.
        drop(self.close());
        self.settle();
        self.tell_doubt();
        self.report();
        if self.gate.telemetry.access_log.is_none() {
            self.gate.telemetry.counters.add(Ended {
                route: self.route.as_ref().map(|route| route.name.as_str()),
                outcome: self.outcome.as_str(),
                status: self.status.map(|status| status.as_u16()),
                denial: self.denial,
            });
            return;
        }
        let millis = |duration: Duration| (duration.as_secs_f64() * 1e6).round() / 1e3;
        self.gate.telemetry.finish(&Record {
            time: timestamp(self.now.wall),
            request_id: self.id.as_str(),
            client_request_id: self.client_request_id.as_ref().and_then(|id| id.to_str().ok()),
            client: self.client,
            method: Some(self.method.as_str()),
            path: self.path.as_deref(),
            route: self.route.as_ref().map(|route| route.name.as_str()),
            consumer: self.credential.as_ref().map(|credential| credential.consumer.name.as_str()),
            credential: self.credential.as_ref().map(|credential| &*credential.id),
            status: self.status.map(|status| status.as_u16()),
            outcome: self.outcome.as_str(),
            denial: self.denial,
            would: self.would,
            duration_ms: millis(self.elapsed()),
            upstream_ms: self.upstream.map(millis),
            request_bytes: self.request_bytes.get(),
            response_bytes: self.response_bytes,
        });
    }
}

/// The record of a head that was refused as bytes, before there was a request.
pub fn refused<'a>(id: &'a RequestId, now: Now, client: core::net::IpAddr, denial: &Denial) -> Record<'a> {
    Record {
        time: timestamp(now.wall),
        request_id: id.as_str(),
        client_request_id: None,
        client,
        method: None,
        path: None,
        route: None,
        consumer: None,
        credential: None,
        status: Some(denial.status().as_u16()),
        outcome: Outcome::Denied.as_str(),
        denial: Some(denial.code()),
        would: None,
        duration_ms: 0.0,
        upstream_ms: None,
        request_bytes: 0,
        response_bytes: 0,
    }
}

fn timestamp(wall: Duration) -> String {
    let millis = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// A ULID in text form: 48 bits of milliseconds, 80 bits from the operating system's random source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId {
    id: Ulid,
    text: HeaderValue,
}

impl RequestId {
    /// The 26 characters.
    pub fn as_str(&self) -> &str {
        self.text.to_str().unwrap_or_default()
    }

    /// Ready to send.
    pub fn header(&self) -> HeaderValue {
        self.text.clone()
    }

    /// The number that the text stands for.
    pub fn ulid(&self) -> Ulid {
        self.id
    }
}

/// Makes request ids; one per thread, with random bytes fetched ahead.
#[derive(Debug)]
pub struct RequestIds {
    random: Box<[u8; 4000]>,
    used: usize,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self { random: Box::new([0; 4000]), used: 4000 }
    }
}

impl RequestIds {
    /// The next id.
    pub fn next(&mut self, now: Now) -> RequestId {
        let mut buffer = [0; ulid::ULID_LEN];
        let millis = u64::try_from(now.wall.as_millis()).unwrap_or(u64::MAX);
        let [a, b, c, d, e, f, g, h, i, j, ..] = self.bytes::<16>();
        let random = u128::from_be_bytes([0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j]);
        let id = Ulid::from_parts(millis, random);
        let text = HeaderValue::from_str(id.array_to_str(&mut buffer));
        RequestId { id, text: text.unwrap_or(HeaderValue::from_static("")) }
    }

    /// Random bytes, for trace ids too.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        if self.used + N > self.random.len() {
            // The provider reads the operating system's source and can fail only before that is seeded.
            if aws_lc_rs::rand::fill(&mut *self.random).is_err() {
                tracing::error!("the operating system gave no random bytes");
            }
            self.used = 0;
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.random[self.used..self.used + N]);
        self.used += N;
        bytes
    }
}
