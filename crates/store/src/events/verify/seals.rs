//! The seals of a stream in their order, and the events behind the last of them.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use tollgate_core::usage::StreamId;
use tollgate_core::usage::chain::{Linked, Seal};
use ulid::Ulid;

use super::super::book::StoredSeal;
use super::super::row::int;
use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::statement::Statement;
use crate::tables::USAGE_SEALS;

/// Seals read at once.
const BATCH: i64 = 1000;
/// More events than these never follow the newest seal: gates make one every 1,000, and the rest is on its way.
const EVENTS: u64 = 2000;
/// Nor do events that ended so long after one another: gates make a seal every ten seconds.
const TIME: SignedDuration = SignedDuration::from_secs(60);

/// The seals of a stream that were not looked at yet.
pub(super) struct Seals {
    stream: StreamId,
    read: VecDeque<Seal>,
    /// The last one that was read.
    after: u64,
    end: bool,
    /// The last one that was passed over.
    newest: Option<u64>,
}

/// The events of a stream behind its newest seal.
#[derive(Default)]
pub(super) struct Tail {
    first: Option<(u64, Ulid)>,
    events: u64,
    /// When the first of them ended and when the last one did, whatever their order; in microseconds.
    ended: Option<(i64, i64)>,
}

impl Seals {
    pub(super) fn of(stream: StreamId) -> Self {
        Self { stream, read: VecDeque::new(), after: 0, end: false, newest: None }
    }

    /// The next one.
    pub(super) async fn peek(&mut self, snapshot: &mut Transaction) -> Result<Option<Seal>> {
        if self.read.is_empty() && !self.end {
            let rows = Statement::select(&[&USAGE_SEALS]).push(" FROM usage_seals WHERE stream = ");
            let rows = rows.bind(self.stream.to_string()).push(" AND seq > ").bind(int(self.after));
            let rows = rows.push(" ORDER BY seq LIMIT ").bind(BATCH);
            let rows: Vec<StoredSeal> = snapshot.all(rows).await?;
            self.end = rows.is_empty();
            self.read.extend(rows.into_iter().map(|StoredSeal(seal)| seal));
            self.after = self.read.back().map_or(self.after, |seal| seal.head.seq);
        }
        Ok(self.read.front().copied())
    }

    /// Passes over the next one.
    pub(super) fn pass(&mut self) {
        if let Some(seal) = self.read.pop_front() {
            self.newest = Some(seal.head.seq);
        }
    }

    /// The place of the last one that was passed over.
    pub(super) fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Whether no seal stands at this place or behind it.
    pub(super) async fn are_behind(&mut self, snapshot: &mut Transaction, seq: u64) -> Result<bool> {
        Ok(self.peek(snapshot).await?.is_none() && self.newest != Some(seq))
    }
}

impl Tail {
    /// Takes note of the next event.
    ///
    /// # Errors
    /// [`Error::Corrupt`], which does not happen: the event was read before.
    pub(super) fn add(&mut self, linked: &Linked) -> Result<()> {
        let event = linked.event().map_err(|error| Error::Corrupt(error.to_string()))?;
        // When a call ended and not when it began: it goes into the chain then.
        let took = int(event.closing.duration_ms).saturating_mul(1000);
        let end = int(linked.time_micros()).saturating_add(took);
        let (earliest, latest) = self.ended.unwrap_or((end, end));
        self.ended = Some((earliest.min(end), latest.max(end)));
        self.first.get_or_insert((linked.seq(), linked.id()));
        self.events += 1;
        Ok(())
    }

    /// The place and the id of the first one.
    pub(super) fn first(&self) -> Option<(u64, Ulid)> {
        self.first
    }

    /// Whether a seal must have come for these. Where none ever came, nothing may follow the first ten seconds, so there
    /// the time that it is now counts; elsewhere what a gate did last before it was lost has no seal for ever.
    pub(super) fn is_due(&self, newest: Option<u64>, now: Timestamp) -> bool {
        let Some((earliest, latest)) = self.ended else { return false };
        let latest = if newest.is_none() { latest.max(now.as_microsecond()) } else { latest };
        self.events > EVENTS || latest.saturating_sub(earliest) > TIME.as_micros() as i64
    }
}
