//! The seals of a stream in their order.

use std::collections::VecDeque;

use tollgate_core::usage::StreamId;
use tollgate_core::usage::chain::Seal;

use super::super::book::StoredSeal;
use super::super::row::int;
use crate::database::Transaction;
use crate::error::Result;
use crate::statement::Statement;
use crate::tables::USAGE_SEALS;

/// Seals read at once.
const BATCH: i64 = 1000;
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
