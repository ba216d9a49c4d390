//! What follows the newest seal of a stream.

use jiff::{SignedDuration, Timestamp};
use ulid::Ulid;

use super::Linked;
use crate::usage::BadEncoding;

/// More events than these never follow the newest seal: gates make one every 1,000, and the rest is on its way.
const EVENTS: u64 = 2000;
/// Nor do events that ended so long after one another: gates make a seal every ten seconds.
const TIME: SignedDuration = SignedDuration::from_secs(60);

/// The events of a stream behind its newest seal.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    first: Option<(u64, Ulid)>,
    events: u64,
    /// When the first of them ended and when the last one did, whatever their order; in microseconds.
    ended: Option<(i64, i64)>,
}

impl Tail {
    /// Takes note of the next event.
    ///
    /// # Errors
    /// [`BadEncoding`], which does not happen: the event was read before.
    pub fn add(&mut self, linked: &Linked) -> Result<(), BadEncoding> {
        let event = linked.event()?;
        // When a call ended and not when it began: it goes into the chain then.
        let end = event.closing.duration_ms.saturating_mul(1000).saturating_add(linked.time_micros());
        let end = i64::try_from(end).unwrap_or(i64::MAX);
        let (earliest, latest) = self.ended.unwrap_or((end, end));
        self.ended = Some((earliest.min(end), latest.max(end)));
        self.first.get_or_insert((linked.seq(), linked.id()));
        self.events += 1;
        Ok(())
    }

    /// The place and the id of the first one.
    pub fn first(&self) -> Option<(u64, Ulid)> {
        self.first
    }

    /// Whether a seal must have come for these. What a gate did last before it was killed has none, where nobody finished
    /// its stream: so all of it counts by the time between its ends, or until `now`, where that is given.
    pub fn is_due(&self, now: Option<Timestamp>) -> bool {
        let Some((earliest, latest)) = self.ended else { return false };
        let latest = now.map_or(latest, |now| latest.max(now.as_microsecond()));
        self.events > EVENTS || latest.saturating_sub(earliest) > TIME.as_micros() as i64
    }
}
