//! The journal: every admitted call on the local disk, before it is served and when it has ended.
//!
//! A [`Stream`] belongs to one thread. [`Stream::open`] takes down an intent, and gives an [`Entry`] once that is safe:
//! nothing may go to a model without one. [`Entry::close`] makes the call's one usage event. However a call ends, it
//! becomes exactly one: a dropped entry closes as `cancelled`, and what a process left open when it was killed becomes
//! `interrupted` when the next one calls [`Journal::recover`].
//!
//! On disk: `BOOT/STREAM/NNNNNNNN.seg`. A boot's directory is locked by its process; whoever gets the lock adopts it. No
//! segment is ever written to by another boot than its own, and none again after a write or a sync of it failed.
//!
//! One thread of the journal syncs, and makes segments ahead of time. No call of a stream waits for it, and the journal
//! knows no runtime: what must be waited for is a future.

mod checkpoint;
mod config;
mod disk;
mod finding;
mod lot;
mod process;
mod prune;
mod reader;
mod record;
mod recovery;
mod segment;
mod slots;
mod stream;
mod thread;
mod verify;
mod writer;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::usage::StreamId;

use crate::chain::Head;

pub use config::{Config, SyncMode};
pub use finding::{Damage, Finding};
pub use process::{State, Trouble};
pub use reader::{Read, Reader};
pub use recovery::Recovered;
pub use stream::{Entry, Flushed, Opening, Stream, Unavailable};
pub use verify::{Broken, Verified, verify};

pub(crate) use process::mint;

use disk::Disk;
use process::Process;
use thread::Thread;

/// The journal of one process.
///
/// Streams are made of it and may outlive it, but then nobody syncs them: drop it last.
#[derive(Debug)]
pub struct Journal {
    process: Arc<Process>,
    _thread: Option<Thread>,
}

impl Journal {
    /// Opens the journal, makes this boot's directory and takes the locks of those that earlier boots left. Nothing of
    /// theirs is read: that is [`Journal::recover`], and need not be waited for.
    ///
    /// # Errors
    /// Where the directory cannot be made, listed or locked, or the thread not be started.
    pub fn open(config: Config) -> io::Result<Self> {
        let process = Arc::new(Process::open(config, Disk::Real)?);
        let thread = Thread::start(process.clone())?;
        Ok(Self { process, _thread: Some(thread) })
    }

    /// A stream for the thread that calls. Where there is no room for its first segment yet, or the disk refuses it, it
    /// refuses calls until there is one.
    ///
    /// # Errors
    /// Where the stream's directory cannot be made.
    pub fn stream(&self) -> io::Result<Stream> {
        Stream::begin(&self.process)
    }

    /// Finishes what earlier boots left: calls that they did not end become `interrupted` events, and their streams end.
    ///
    /// It takes as long as reading what is not finished yet; call it once, on a thread that may wait. Where it is ended
    /// midway, it does the same again the next time.
    ///
    /// # Errors
    /// Where a directory cannot be listed. What concerns one stream is in [`Recovered::findings`], and leaves that stream
    /// for the next start.
    pub fn recover(&self) -> io::Result<Recovered> {
        recovery::recover(&self.process)
    }

    /// Every stream that can be read: those of this boot, and those of earlier ones that are recovered.
    pub fn streams(&self) -> Vec<StreamId> {
        self.process.streams()
    }

    /// The newest event of a stream, whether a reader gives it yet or not; 0 where there is none.
    pub fn newest(&self, stream: StreamId) -> u64 {
        self.process.newest(stream)
    }

    /// A reader of a stream's events and seals, from the first that was not [released](Journal::release).
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] for a stream that is not among [`Journal::streams`]; else where its checkpoint cannot be
    /// read.
    pub fn reader(&self, stream: StreamId) -> io::Result<Reader> {
        Reader::open(&self.process, stream)
    }

    /// Notes what of a stream is safe elsewhere, `now` since the Unix epoch: every event up to `head`, and every seal up to
    /// that of the event with the number `sealed`. What is less than was noted before says nothing.
    ///
    /// # Errors
    /// Where the checkpoint cannot be written; then the same is read again after a restart.
    pub fn release(&self, stream: StreamId, head: Head, sealed: u64, now: Duration) -> io::Result<()> {
        checkpoint::release(&self.process, stream, head, sealed, now)
    }

    /// Forgets how far all [`Journal::streams`] are safe, so that readers begin with all that is still there. It belongs
    /// behind [`Journal::recover`], which numbers events by that.
    ///
    /// # Errors
    /// Where a checkpoint cannot be deleted.
    pub fn forget(&self) -> io::Result<()> {
        self.streams().into_iter().try_for_each(|stream| checkpoint::forget(&self.process, stream))
    }

    /// Deletes what was released [`Config::keep`] ago, `now` since the Unix epoch. Answers how many bytes that gave back.
    ///
    /// # Errors
    /// Where something cannot be listed or deleted.
    pub fn prune(&self, now: Duration) -> io::Result<u64> {
        prune::prune(&self.process, Some(now), u64::MAX)
    }

    /// How the journal is.
    pub fn state(&self) -> State {
        self.process.state()
    }

    /// What is wrong, where the state is not [`State::Healthy`].
    pub fn trouble(&self) -> Option<Trouble> {
        self.process.current_trouble()
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.process.bytes()
    }

    /// A journal on a disk with faults, whose thread is whoever calls [`Journal::turn`].
    #[cfg(test)]
    pub(crate) fn open_on(config: Config, disk: Disk) -> io::Result<Self> {
        Ok(Self { process: Arc::new(Process::open(config, disk)?), _thread: None })
    }

    /// What is shared with a stream of this boot.
    #[cfg(test)]
    pub(crate) fn shared(&self, stream: StreamId) -> Option<Arc<lot::Shared>> {
        self.process.live_stream(stream)
    }

    /// One turn of the journal's thread.
    #[cfg(test)]
    pub(crate) fn turn(&self) {
        thread::turn(&self.process);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
