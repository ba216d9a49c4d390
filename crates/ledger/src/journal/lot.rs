//! What a stream and the journal's thread share: which files are to be synced, how far that has got, and the next
//! segment.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use tollgate_core::usage::StreamId;

use super::segment::Segment;

/// One stream as both sides see it.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Which stream.
    pub(crate) id: StreamId,
    /// Where its segments are.
    pub(crate) directory: PathBuf,
    lot: Mutex<Lot>,
}

/// A point of a stream's log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mark {
    /// Bytes of records since the stream began, in whichever files they are.
    pub(crate) offset: u64,
    /// The newest event among them.
    pub(crate) seq: u64,
}

/// What is behind the lock.
#[derive(Debug, Default)]
pub(crate) struct Lot {
    /// The segment in use, none while there is none that can be trusted.
    pub(crate) current: Option<Segment>,
    /// Full segments that are not synced yet.
    pub(crate) retired: Vec<Arc<File>>,
    /// Goes up with each failure: what a sync of older files tells no longer counts against the newer ones.
    pub(crate) epoch: u64,
    /// How far records are in files.
    pub(crate) written: Mark,
    /// How far they are on the disk.
    pub(crate) synced: Mark,
    /// How far they are what was promised, and callers were told.
    pub(crate) acknowledged: u64,
    /// A sync failed, and the stream has not seen it yet.
    pub(crate) distrusted: bool,
    /// The segment after the one in use.
    pub(crate) spare: Option<Segment>,
    /// There is no spare, and one is wanted.
    pub(crate) wants_spare: bool,
    /// The number of the next segment to be made.
    pub(crate) next_number: u32,
    /// The stream refuses calls until what it has in memory is in a file again.
    pub(crate) failing: bool,
    /// Segments before this one have no intent of an open call that is not in a later one, too.
    pub(crate) needed: u32,
    /// Bytes used of the segment in use.
    pub(crate) used: usize,
    /// When the write began that has not come back.
    pub(crate) writing_since: Option<Instant>,
    /// When the sync began that has not come back.
    pub(crate) syncing_since: Option<Instant>,
    /// The stream is gone and this is all of it.
    pub(crate) ended: bool,
    waiters: Vec<(u64, Waker)>,
}

impl Shared {
    pub(crate) fn new(id: StreamId, directory: PathBuf, first: Option<Segment>) -> Self {
        let lot = Lot {
            next_number: first.as_ref().map_or(1, |first| first.number + 1),
            used: super::segment::HEAD,
            failing: first.is_none(),
            current: first,
            wants_spare: true,
            ..Lot::default()
        };
        Self { id, directory, lot: Mutex::new(lot) }
    }

    /// The lot; held only for as long as it takes to look and note, never over a call to the disk.
    pub(crate) fn lot(&self) -> MutexGuard<'_, Lot> {
        self.lot.lock()
    }
}

impl Lot {
    /// Wakes `waker` once everything up to `offset` is acknowledged, or something failed.
    pub(crate) fn wait(&mut self, offset: u64, waker: &Waker) {
        match self.waiters.iter_mut().find(|(have, _)| *have == offset) {
            Some((_, have)) => have.clone_from(waker),
            None => self.waiters.push((offset, waker.clone())),
        }
    }

    /// Notes that everything up to `offset` is what was promised, and takes those who waited for it.
    pub(crate) fn acknowledge(&mut self, offset: u64, woken: &mut Vec<Waker>) {
        self.acknowledged = self.acknowledged.max(offset);
        let acknowledged = self.acknowledged;
        woken.extend(
            self.waiters.extract_if(.., |(wanted, _)| *wanted <= acknowledged).map(|(_, waker)| waker),
        );
    }

    /// Takes everybody who waits.
    pub(crate) fn everybody(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.waiters.drain(..).map(|(_, waker)| waker));
    }
}
