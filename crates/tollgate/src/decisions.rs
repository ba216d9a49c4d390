//! What the gate lately refused, or would have refused: kept in bounded memory, found again by the request's id.
//!
//! A call that is allowed as a matter of course leaves nothing here and costs nothing.

mod ring;
mod shadow;

use std::net::IpAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::sync::mpsc::Sender;
use tollgate_core::limit::{Rule, Standing};

use self::ring::Ring;
use self::shadow::Shadow;
pub use self::shadow::{Report, Row};

/// The longest path that is kept, in bytes.
const PATH: usize = 256;
/// The longest id of a credential that is kept, in bytes; Hawk ids may have thousands.
const CREDENTIAL: usize = 128;

/// The process's memory of decisions; one per gate.
#[derive(Debug, Default)]
pub struct Decisions {
    ring: Ring,
    shadow: Shadow,
    /// Where other nodes of the fleet learn of refusals.
    told: Option<Sender<Decision>>,
}

/// One refusal, or what would have been one. Nothing in it is a secret.
#[derive(Debug, Clone, Serialize)]
pub struct Decision {
    /// The request's id, as its answer told it.
    pub id: Box<str>,
    /// When the request began, since the Unix epoch.
    #[serde(serialize_with = "timestamp")]
    pub time: Duration,
    /// What became of the call.
    pub outcome: Outcome,
    /// Whether the refusal was in force for this caller.
    pub mode: Mode,
    /// What an enforcing route does.
    pub would: Outcome,
    /// The refusal's stable word, `code` of problem bodies.
    pub denial: &'static str,
    /// The status of the refusal, whether or not it was answered.
    pub status: u16,
    /// The same in words.
    pub detail: String,
    /// Where the rule stands that refused: a place of the configuration, or a limit as `RateLimit-Policy` names it.
    pub rule: Option<String>,
    /// What the call's limits had left, where limits were looked at.
    pub counters: Vec<Counter>,
    /// Seconds after which the call might pass, where time is all that it needs.
    pub retry_after: Option<u64>,
    /// The route, once found.
    pub route: Option<Box<str>>,
    /// Who called, once identified.
    pub consumer: Option<Box<str>>,
    /// With which credential: its id.
    pub credential: Option<Box<str>>,
    /// The method, unless the request was refused as bytes.
    pub method: Option<Box<str>>,
    /// The canonical path, once checked; cut where it is long.
    pub path: Option<Box<str>>,
    /// The caller's address.
    pub client: IpAddr,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It went to the model.
    Allowed,
    /// It was refused.
    Denied,
    /// The model gave no answer.
    UpstreamError,
}

/// Whether a refusal was in force for its caller; `percent` is one or the other for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It was.
    Enforce,
    /// It was only recorded.
    Shadow,
}

/// What one limit of a call had left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// The limit, as `RateLimit-Policy` names it.
    pub name: Box<str>,
    /// How much passes per window or period, or at once.
    pub limit: u64,
    /// What would be admitted at that moment.
    pub remaining: u64,
    /// Seconds until everything is there again.
    pub reset: u64,
}

impl Decisions {
    /// Remembers for this process, and tells a fleet, where there is one.
    pub fn telling(told: Option<Sender<Decision>>) -> Self {
        Self { told, ..Self::default() }
    }

    /// Keeps a decision; the oldest one goes for it. What was let through is counted for the report too.
    pub fn record(&self, mut decision: Decision) {
        shorten(&mut decision.path, PATH);
        shorten(&mut decision.credential, CREDENTIAL);
        if decision.mode == Mode::Shadow {
            self.shadow.count(&decision);
        }
        if let Some(told) = &self.told {
            // A flood of refusals is told in part; this node remembers them all.
            let _ = told.try_send(decision.clone());
        }
        self.ring.push(decision);
    }

    /// The decision of the request with this id, where it is still kept.
    pub fn find(&self, id: &str) -> Option<Decision> {
        self.ring.find(id)
    }

    /// Who would have been refused since the gate started, most frequent first.
    pub fn report(&self) -> Report {
        self.shadow.report()
    }
}

impl Counter {
    /// What these limits have left.
    pub fn all<'a>(
        rules: impl Iterator<Item = &'a Rule>,
        standing: impl IntoIterator<Item = Standing>,
    ) -> Vec<Self> {
        let counters = rules.zip(standing).map(|(rule, standing)| Self {
            name: rule.name().into(),
            limit: rule.limit().unit().whole(standing.limit()),
            remaining: rule.limit().unit().whole(standing.remaining()),
            reset: standing.reset_seconds(),
        });
        counters.collect()
    }
}

/// Cuts a text at a character's border.
fn shorten(text: &mut Option<Box<str>>, most: usize) {
    if let Some(long) = text.as_deref().filter(|text| text.len() > most) {
        *text = Some(format!("{}…", &long[..long.floor_char_boundary(most)]).into());
    }
}

fn timestamp<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let text = jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}"));
    text.unwrap_or_default().serialize(serializer)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
