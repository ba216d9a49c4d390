//! Events found by when they were.

use std::collections::VecDeque;
use std::ops::Range;

use tollgate_core::usage::StreamId;
use ulid::Ulid;

use super::block::{AT_ONCE, Block};
use super::rollup::Span;
use super::row::int;
use super::series::UsageFilter;
use crate::database::Transaction;
use crate::error::Result;
use crate::scope::Scope;
use crate::statement::Statement;
use crate::tables::USAGE_BLOCKS;

/// The blocks of one hour of UTC that have events of some time, in the order of their earliest ones.
pub(super) struct OfHour {
    hour: i64,
    time: Range<i64>,
    /// Where the last block began that was read: when, in which stream, and at what place.
    read: Option<(i64, StreamId, u64)>,
    blocks: VecDeque<Block>,
    end: bool,
}

/// The hours that have events of some time, in their order.
pub(super) struct Hours<'a> {
    scope: Scope,
    filter: &'a UsageFilter,
    /// What is not looked through yet, in whole hours but for the end.
    time: Range<i64>,
    hours: VecDeque<i64>,
    end: bool,
}

/// Hours read at once from roll-ups.
const HOURS: i64 = 200;

impl OfHour {
    /// The blocks that may have events of this time, in microseconds, in the hour that begins so.
    pub(super) fn new(hour: i64, time: Range<i64>) -> Self {
        Self { hour, time, read: None, blocks: VecDeque::new(), end: false }
    }

    /// The next block.
    pub(super) async fn next(&mut self, transaction: &mut Transaction) -> Result<Option<Block>> {
        if self.blocks.is_empty() && !self.end {
            self.fetch(transaction).await?;
        }
        Ok(self.blocks.pop_front())
    }

    async fn fetch(&mut self, transaction: &mut Transaction) -> Result<()> {
        let rows = Statement::select(&[&USAGE_BLOCKS]).push(" FROM usage_blocks WHERE hour = ");
        let rows = rows.bind(self.hour).push(" AND first_time < ").bind(self.time.end);
        let mut rows = rows.push(" AND last_time >= ").bind(self.time.start);
        if let Some((time, stream, first)) = self.read {
            rows = rows.push(" AND (first_time, stream, first) > (").bind(time).push(", ");
            rows = rows.bind(stream.to_string()).push(", ").bind(int(first)).push(")");
        }
        let rows = rows.push(" ORDER BY first_time, stream, first LIMIT ").bind(AT_ONCE);
        self.blocks = transaction.all::<Block>(rows).await?.into();
        self.end = self.blocks.len() < AT_ONCE as usize;
        self.read = self.blocks.back().map(|block| (block.first_time, block.stream, block.first));
        Ok(())
    }
}

impl<'a> Hours<'a> {
    /// The hours in which events of this time, in microseconds, may be that the scope and the filter let through.
    pub(super) fn new(scope: Scope, filter: &'a UsageFilter, time: Range<i64>) -> Self {
        let time = Span::Hour.floor(time.start)..time.end;
        Self { scope, filter, time, hours: VecDeque::new(), end: false }
    }

    /// When the next one begins.
    pub(super) async fn next(&mut self, transaction: &mut Transaction) -> Result<Option<i64>> {
        if self.hours.is_empty() && !self.end {
            self.fetch(transaction).await?;
        }
        Ok(self.hours.pop_front())
    }

    async fn fetch(&mut self, transaction: &mut Transaction) -> Result<()> {
        let narrow = self.scope != Scope::All || *self.filter != UsageFilter::default();
        let (hours, limit) = if narrow {
            // Roll-ups tell in which hours there is anything at all for whoever asks: the others are not opened.
            let hours = Statement::new("SELECT DISTINCT start");
            let (scope, time) = (self.scope, self.time.clone());
            let hours = hours.push(self.filter.rollups(scope, transaction, Span::Hour, time).await?);
            let hours = hours.bind(Span::Hour.seconds()).push(" AND start >= ").bind(self.time.start);
            let hours = hours.push(" AND start < ").bind(self.time.end);
            let hours = self.scope.narrow(self.filter.narrow_hours(hours), "account_id");
            (hours.push(" ORDER BY start LIMIT "), HOURS)
        } else {
            // One at a time: to find several, all blocks of each would be passed.
            let hours = Statement::new("SELECT hour FROM usage_blocks WHERE hour >= ");
            let hours = hours.bind(self.time.start).push(" AND hour < ").bind(self.time.end);
            (hours.push(" ORDER BY hour LIMIT "), 1)
        };
        self.hours = transaction.all::<i64>(hours.bind(limit)).await?.into();
        self.end = (self.hours.len() as i64) < limit;
        if let Some(last) = self.hours.back() {
            self.time.start = last.saturating_add(Span::Hour.micros());
        }
        Ok(())
    }
}

/// The place of the event of this id in a stream whose ids are of the times of its events, as far as it is kept.
pub(crate) async fn place_of(
    transaction: &mut Transaction,
    stream: StreamId,
    id: Ulid,
) -> Result<Option<u64>> {
    let begin = i64::try_from(id.timestamp_ms()).unwrap_or(i64::MAX).saturating_mul(1000);
    let time = begin..begin.saturating_add(1000);
    let mut blocks = OfHour::new(Span::Hour.floor(begin), time);
    while let Some(block) = blocks.next(transaction).await? {
        if block.stream == stream {
            let events = block.open()?;
            if let Some(linked) = events.iter().find(|linked| linked.id() == id) {
                return Ok(Some(linked.seq()));
            }
        }
    }
    Ok(None)
}
