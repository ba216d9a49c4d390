//! Events as they are kept: in blocks, each one row.
//!
//! A row, an index entry and a statement's text for each event cost a gate more than serving its request does. So the
//! events that come together go in together: those of one stream that began within one hour of UTC and lie within
//! [`SPAN`] places. Two blocks of a stream may overlap, as calls that began in one hour end in the next; no two have an
//! event in common.

mod body;

use std::collections::BTreeMap;

use tollgate_core::usage::StreamId;
use tollgate_core::usage::chain::Linked;

use body::Lying;

use super::rollup::Span;
use super::row::{int, unsigned};
use crate::error::{Error, Result};
use crate::row::{Columns, Read};
use crate::statement::Value;

/// The places of a block lie within this many, so that the blocks that may have a place are those that begin at most so
/// far before it.
pub(super) const SPAN: u64 = 1000;
/// Blocks read at once. One has some tens of kilobytes; at worst, when all texts are long and random, about three
/// megabytes.
pub(super) const AT_ONCE: i64 = 16;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) stream: StreamId,
    /// The lowest place.
    pub(super) first: u64,
    /// The highest place.
    pub(super) last: u64,
    /// When its hour began, in microseconds, as all times are.
    hour: i64,
    /// Of the earliest event.
    pub(super) first_time: i64,
    /// Of the latest event.
    last_time: i64,
    events: u64,
    body: Vec<u8>,
}

/// A block whose body is not what its row says, or no body at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged {
    pub(super) stream: StreamId,
    pub(super) first: u64,
    why: &'static str,
}

impl Block {
    /// Puts events into as few blocks as may be; they come in the order of their streams and places.
    pub(super) fn split(events: &[&Linked]) -> Vec<Self> {
        let mut open: BTreeMap<(StreamId, i64), Vec<&Linked>> = BTreeMap::new();
        let mut blocks = Vec::new();
        for linked in events {
            let hour = Span::Hour.floor(time(linked));
            let some = open.entry((linked.stream(), hour)).or_default();
            if some.first().is_some_and(|first| linked.seq() - first.seq() >= SPAN) {
                blocks.extend(Self::of(&std::mem::take(some)));
            }
            some.push(linked);
        }
        blocks.extend(open.into_values().filter_map(|some| Self::of(&some)));
        blocks
    }

    /// One block of events in the order of their places.
    fn of(events: &[&Linked]) -> Option<Self> {
        let (first, last) = (events.first()?, events.last()?);
        let times = || events.iter().map(|linked| time(linked));
        let first_time = times().min()?;
        Some(Self {
            stream: first.stream(),
            first: first.seq(),
            last: last.seq(),
            hour: Span::Hour.floor(first_time),
            first_time,
            last_time: times().max()?,
            events: events.len() as u64,
            body: body::pack(events),
        })
    }

    /// The values of [`USAGE_BLOCKS`](crate::tables::USAGE_BLOCKS).
    pub(super) fn row(self) -> Vec<Value> {
        vec![
            self.stream.to_string().into(),
            int(self.first).into(),
            int(self.last).into(),
            self.hour.into(),
            self.first_time.into(),
            self.last_time.into(),
            int(self.events).into(),
            self.body.into(),
        ]
    }

    /// The events in the order of their places. They are what the row says of them: who reads some blocks by their row
    /// alone is told what is true.
    pub(super) fn open(&self) -> std::result::Result<Vec<Linked>, Damaged> {
        let plain = self.unpack()?;
        let linked = |lying: &Lying<'_>| Linked::read(lying.canonical, lying.hash);
        let events: std::result::Result<_, _> = self.look(&plain)?.iter().map(linked).collect();
        events.map_err(|_| self.damaged("has something else than events"))
    }

    /// The unpacked bytes, for [`Block::look`].
    pub(super) fn unpack(&self) -> std::result::Result<Vec<u8>, Damaged> {
        body::unpack(&self.body).map_err(|why| self.damaged(why))
    }

    /// The events where they lie in the unpacked bytes; otherwise as [`Block::open`].
    pub(super) fn look<'a>(&self, plain: &'a [u8]) -> std::result::Result<Vec<Lying<'a>>, Damaged> {
        let events = body::events(plain).map_err(|why| self.damaged(why))?;
        let ordered = events.is_sorted_by(|a, b| a.event.seq < b.event.seq);
        if !ordered || self.last.saturating_sub(self.first) >= SPAN || !self.describes(&events) {
            return Err(self.damaged("has other events than its row says"));
        }
        Ok(events)
    }

    fn damaged(&self, why: &'static str) -> Damaged {
        Damaged { stream: self.stream, first: self.first, why }
    }

    fn describes(&self, events: &[Lying<'_>]) -> bool {
        let times = || events.iter().map(|lying| int(lying.event.intent.time_micros));
        let ends = events.first().zip(events.last()).map(|(first, last)| (first.event.seq, last.event.seq));
        ends == Some((self.first, self.last))
            && events.len() as u64 == self.events
            && events.iter().all(|lying| lying.event.stream == self.stream)
            && times().all(|time| Span::Hour.floor(time) == self.hour)
            && (times().min(), times().max()) == (Some(self.first_time), Some(self.last_time))
    }
}

impl From<Damaged> for Error {
    fn from(Damaged { stream, first, why }: Damaged) -> Self {
        Self::Corrupt(format!("the block of usage events of `{stream}` that begins with {first} {why}"))
    }
}

impl Read for Block {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            stream: columns.parse()?,
            first: unsigned(columns)?,
            last: unsigned(columns)?,
            hour: columns.next()?,
            first_time: columns.next()?,
            last_time: columns.next()?,
            events: unsigned(columns)?,
            body: columns.next()?,
        })
    }
}

fn time(linked: &Linked) -> i64 {
    int(linked.time_micros())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
