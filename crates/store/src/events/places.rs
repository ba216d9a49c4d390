//! Events found by their places in a stream.

use std::collections::VecDeque;

use tollgate_core::usage::StreamId;
use tollgate_core::usage::chain::Linked;

use super::block::{AT_ONCE, Block, Damaged, SPAN};
use super::row::int;
use crate::database::Transaction;
use crate::error::Result;
use crate::statement::Statement;
use crate::tables::USAGE_BLOCKS;

/// The events of a stream above a place, one after the other in the order of their places, whatever blocks they lie in.
/// It keeps the events of the blocks that overlap, which are at most twice [`SPAN`], and what was read at once.
pub(super) struct InOrder {
    stream: StreamId,
    after: u64,
    /// Where the last block began that was read.
    read: Option<u64>,
    /// Blocks that are not opened yet.
    blocks: VecDeque<Block>,
    /// Whether no more blocks are to be read.
    end: bool,
    /// What is in the blocks that were opened and was not given yet.
    found: VecDeque<Found>,
}

/// An event, or where a block begins that cannot be opened.
pub(super) type Found = std::result::Result<Linked, Damaged>;

impl InOrder {
    /// The events above this place.
    pub(super) fn after(stream: StreamId, place: u64) -> Self {
        let (blocks, found) = (VecDeque::new(), VecDeque::new());
        Self { stream, after: place, read: None, blocks, end: false, found }
    }

    /// The next event.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) for a block that cannot be opened, and what the database says.
    pub(super) async fn next(&mut self, transaction: &mut Transaction) -> Result<Option<Linked>> {
        Ok(self.find(transaction).await?.transpose()?)
    }

    /// The next event, or the block that stands in its place and cannot be opened.
    pub(super) async fn find(&mut self, transaction: &mut Transaction) -> Result<Option<Found>> {
        loop {
            if self.blocks.is_empty() && !self.end {
                self.fetch(transaction).await?;
            }
            // Blocks come in the order of where they begin: what lies before the next one is complete.
            let next = self.blocks.front().map_or(u64::MAX, |block| block.first);
            if self.found.front().is_some_and(|found| place(found) < next) {
                return Ok(self.found.pop_front());
            }
            let Some(block) = self.blocks.pop_front() else { return Ok(None) };
            self.open(&block);
        }
    }

    fn open(&mut self, block: &Block) {
        match block.open() {
            Ok(events) => {
                let above = events.into_iter().filter(|linked| linked.seq() > self.after);
                self.found.extend(above.map(Ok));
            }
            Err(damaged) => self.found.push_back(Err(damaged)),
        }
        // It takes hardly any time where blocks do not overlap, as everything is in its order then.
        self.found.make_contiguous().sort_by_key(place);
    }

    async fn fetch(&mut self, transaction: &mut Transaction) -> Result<()> {
        let rows = Statement::select(&[&USAGE_BLOCKS]).push(" FROM usage_blocks WHERE stream = ");
        let rows = rows.bind(self.stream.to_string()).push(" AND first > ");
        let rows = rows.bind(self.read.map_or(before(self.after), int)).push(" AND last > ");
        let rows = rows.bind(int(self.after)).push(" ORDER BY first LIMIT ").bind(AT_ONCE);
        self.blocks = transaction.all::<Block>(rows).await?.into();
        self.end = self.blocks.len() < AT_ONCE as usize;
        self.read = self.blocks.back().map(|block| block.first).or(self.read);
        Ok(())
    }
}

/// What lies at places of a stream.
#[derive(Debug, Default)]
pub(super) struct There {
    /// The events, in the order of their places.
    pub(super) events: Vec<Linked>,
    /// The first place and the last one of blocks that cannot be opened.
    damaged: Vec<(u64, u64)>,
}

impl There {
    /// Whether an event may lie at this place that cannot be read, and whether one does.
    pub(super) fn doubt(&self, seq: u64) -> Option<bool> {
        let around = self.damaged.iter().filter(|(first, last)| (*first..=*last).contains(&seq));
        around.map(|(first, last)| seq == *first || seq == *last).reduce(|one, other| one || other)
    }
}

/// The events of a stream at these places, as far as there are some. The places come in their order.
pub(super) async fn at(transaction: &mut Transaction, stream: StreamId, places: &[u64]) -> Result<There> {
    let mut there = There::default();
    // Places that are far from each other are looked for apart, so that nothing between them is read.
    for near in places.chunk_by(|a, b| b - a < SPAN) {
        let (Some(first), Some(last)) = (near.first(), near.last()) else { continue };
        let mut after = before(first.saturating_sub(1));
        loop {
            let rows = Statement::select(&[&USAGE_BLOCKS]).push(" FROM usage_blocks WHERE stream = ");
            let rows = rows.bind(stream.to_string()).push(" AND first > ").bind(after);
            let rows = rows.push(" AND first <= ").bind(int(*last)).push(" AND last >= ").bind(int(*first));
            let blocks: Vec<Block> =
                transaction.all(rows.push(" ORDER BY first LIMIT ").bind(AT_ONCE)).await?;
            for block in &blocks {
                let wanted = |linked: &Linked| near.binary_search(&linked.seq()).is_ok();
                match block.open() {
                    Ok(events) => there.events.extend(events.into_iter().filter(wanted)),
                    Err(_) => there.damaged.push((block.first, block.last)),
                }
            }
            match blocks.last() {
                Some(block) if blocks.len() == AT_ONCE as usize => after = int(block.first),
                Some(_) | None => break,
            }
        }
    }
    there.events.sort_by_key(|linked| linked.seq());
    Ok(there)
}

/// Deletes the events of a stream up to a place. Blocks go as a whole; of those that the place is within, what is above it
/// stays as a block of its own.
pub(super) async fn delete(transaction: &mut Transaction, stream: StreamId, last: u64) -> Result<()> {
    let cut = Statement::select(&[&USAGE_BLOCKS]).push(" FROM usage_blocks WHERE stream = ");
    let cut = cut.bind(stream.to_string()).push(" AND first > ").bind(before(last));
    let cut = cut.push(" AND first <= ").bind(int(last)).push(" AND last > ").bind(int(last));
    let mut rest = Vec::new();
    for block in transaction.all::<Block>(cut.push(" ORDER BY first")).await? {
        rest.extend(block.open()?.into_iter().filter(|linked| linked.seq() > last));
    }
    let gone = Statement::new("DELETE FROM usage_blocks WHERE stream = ").bind(stream.to_string());
    transaction.execute(gone.push(" AND first <= ").bind(int(last))).await?;
    rest.sort_by_key(|linked| linked.seq());
    let blocks = Block::split(&rest.iter().collect::<Vec<_>>());
    transaction.insert(&USAGE_BLOCKS, blocks.into_iter().map(Block::row).collect()).await
}

/// Where a block begins at the earliest, less one, that has a place above this one.
fn before(place: u64) -> i64 {
    int(place).saturating_sub(SPAN as i64).saturating_add(1)
}

fn place(found: &Found) -> u64 {
    match found {
        Ok(linked) => linked.seq(),
        Err(damaged) => damaged.first,
    }
}
