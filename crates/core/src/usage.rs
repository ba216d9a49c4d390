//! What is known of one admitted call once it is over: the usage event, from which everything is billed.
//!
//! An event has two halves. The [`Intent`] is known before a byte goes to the model, the [`Closing`] when the call has
//! ended; a ledger writes each when it is known and joins them to a [`UsageEvent`]. Both are plain data: nothing here
//! reads a clock, makes an id or does I/O.
//!
//! [`UsageEvent::encode`] gives the one canonical form in bytes. It is what a journal keeps and what its chain of hashes
//! covers, so an event that was read back from a database or from JSON encodes to the very same bytes.

pub mod chain;
mod encoding;
mod json;
mod measures;

use std::fmt;
use std::str::FromStr;

pub use encoding::{BadEncoding, MAX_CLOSING, MAX_EVENT, MAX_INTENT};
pub use json::CloudEvent;
pub use measures::{MICROS_PER_COMPUTE_UNIT, Measure, Measures, Quality};
use ulid::Ulid;

/// The fact of one admitted call; `T` is `&str` where its canonical form is at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEvent<T = Box<str>> {
    /// Who numbered it.
    pub stream: StreamId,
    /// Its place in the stream, from 1, without gaps, in the order in which calls ended.
    pub seq: u64,
    /// What was known before a byte went to the model.
    pub intent: Intent<T>,
    /// What its end told.
    pub closing: Closing,
}

/// One core of one boot of a gate: whoever numbers events without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The boot, unique among all nodes.
    pub boot: Ulid,
    /// The stream's number within the boot.
    pub number: u16,
}

/// A text that is no [`StreamId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stream is written `BOOT/NUMBER`, such as `01JD3X4M5N6P7Q8R9STVWXYZ00/0`")]
pub struct NoStreamId;

/// What is known of a call before a byte goes to the model; `T` is `&str` on the way of a request and `Box<str>` where
/// it is kept.
///
/// Texts are bounded when they are encoded: what is longer than the bound that stands beside it is cut there, at a
/// character's border, and a NUL becomes `?`, as not every database can hold one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent<T> {
    /// The event's id, minted by the gate and never taken from a caller.
    pub id: Ulid,
    /// When the call began: microseconds since the Unix epoch.
    pub time_micros: u64,
    /// The node that served it; 64 bytes.
    pub node: T,
    /// The name of the account that pays, at that time; 255 bytes. Absent where nobody was identified.
    pub account: Option<T>,
    /// The id of that account, where it is the store's; 64 bytes. What an account may see goes by it alone: an account of
    /// the file or of an auth service may bear the same name, and names change.
    pub account_id: Option<T>,
    /// The name of the consumer that called; 255 bytes.
    pub consumer: Option<T>,
    /// The credential's id, the one that models are told; 255 bytes.
    pub credential: Option<T>,
    /// The route's name; 64 bytes.
    pub route: T,
    /// The model; 255 bytes.
    pub model: Option<T>,
    /// The method; 32 bytes.
    pub method: T,
    /// The canonical path; 1,024 bytes.
    pub path: T,
    /// The caller's own id of the call; 128 bytes.
    pub client_request_id: Option<T>,
    /// The tier whose prices hold; 64 bytes.
    pub tier: Option<T>,
}

/// What the end of a call tells. The numbers are bounded to what a signed 64-bit column holds when they are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// How it ended.
    pub outcome: Outcome,
    /// The status that the caller was sent; absent where none is known.
    pub status: Option<u16>,
    /// From the first byte of the request to the end, in milliseconds.
    pub duration_ms: u64,
    /// Of that, what was spent with the model.
    pub upstream_ms: u64,
    /// Of that, what was spent in the queue.
    pub queue_ms: u64,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// What was counted.
    pub measures: Measures,
    /// How far the measures can be trusted.
    pub quality: Quality,
}

/// How a call that was admitted ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A whole answer of the model went to the caller; the status says which.
    Served,
    /// The caller left before the end.
    Cancelled,
    /// The model broke off, or gave no answer.
    UpstreamError,
    /// The gate itself ended before the call did.
    Interrupted,
}

impl UsageEvent {
    /// Joins both halves of a call, bounded as the canonical form bounds them.
    pub fn of<T: AsRef<str>>(stream: StreamId, seq: u64, intent: &Intent<T>, closing: &Closing) -> Self {
        Self { stream, seq: encoding::bounded(seq), intent: intent.bounded(), closing: closing.bounded() }
    }
}

impl From<UsageEvent<&str>> for UsageEvent {
    fn from(event: UsageEvent<&str>) -> Self {
        let UsageEvent { stream, seq, intent, closing } = event;
        Self { stream, seq, intent: intent.map(Box::from), closing }
    }
}

impl<T> Intent<T> {
    /// The same intent with each text turned into another type.
    pub fn map<U>(self, mut turn: impl FnMut(T) -> U) -> Intent<U> {
        Intent {
            id: self.id,
            time_micros: self.time_micros,
            node: turn(self.node),
            account: self.account.map(&mut turn),
            account_id: self.account_id.map(&mut turn),
            consumer: self.consumer.map(&mut turn),
            credential: self.credential.map(&mut turn),
            route: turn(self.route),
            model: self.model.map(&mut turn),
            method: turn(self.method),
            path: turn(self.path),
            client_request_id: self.client_request_id.map(&mut turn),
            tier: self.tier.map(&mut turn),
        }
    }
}

impl Closing {
    /// The end of a call of which nothing more is known: one request, and nothing counted.
    pub fn unknown(outcome: Outcome) -> Self {
        Self {
            outcome,
            status: None,
            duration_ms: 0,
            upstream_ms: 0,
            queue_ms: 0,
            request_bytes: 0,
            response_bytes: 0,
            measures: Measures::request(),
            quality: Quality::Reported,
        }
    }

    /// What is told of a call whose gate ended before it, given what was last known of it: a pure function, so that
    /// each recovery of the same journal tells the same.
    pub fn interrupted(last_known: Option<&Self>) -> Self {
        let known = last_known.copied().unwrap_or(Self::unknown(Outcome::Interrupted));
        Self { outcome: Outcome::Interrupted, measures: known.measures.with(Measure::Requests, 1), ..known }
    }
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Served, Self::Cancelled, Self::UpstreamError, Self::Interrupted];

    /// Its name in JSON, SQL and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Cancelled => "cancelled",
            Self::UpstreamError => "upstream_error",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.boot, self.number)
    }
}

impl FromStr for StreamId {
    type Err = NoStreamId;

    fn from_str(text: &str) -> Result<Self, NoStreamId> {
        let (boot, number) = text.split_once('/').ok_or(NoStreamId)?;
        let id = Self {
            boot: Ulid::from_string(boot).map_err(|_| NoStreamId)?,
            number: number.parse().map_err(|_| NoStreamId)?,
        };
        // One stream has one text.
        if id.to_string() == text { Ok(id) } else { Err(NoStreamId) }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
