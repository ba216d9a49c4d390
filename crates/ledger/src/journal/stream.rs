//! A thread's stream of the journal, and the calls that are open in it.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tollgate_core::usage::{Closing, Intent, StreamId};

use super::process::Process;
use super::writer::Writer;

/// One thread's part of the journal.
///
/// What [`Stream::open`] and [`Entry::close`] take down is written by [`Stream::flush`]; a task of the thread does that
/// whenever [`Stream::poll_due`] says so, and so after the tasks that were ready before it: all that they took down is one
/// write. Another task calls [`Stream::tick`] each second.
#[derive(Debug)]
pub struct Stream {
    writer: Handle,
    id: StreamId,
}

/// A call whose intent is on its way to the journal: wait for it. Dropped before, the call is not made, and there is no
/// event of it.
#[derive(Debug)]
#[must_use = "nothing may be sent before this gives an entry"]
pub struct Opening {
    writer: Handle,
    slot: usize,
    answered: bool,
}

/// A call that the journal has an intent of: it may be made. It becomes exactly one event.
///
/// Dropped, it closes as cancelled, with what [`Entry::progress`] last told.
#[derive(Debug)]
pub struct Entry {
    writer: Handle,
    slot: usize,
    closed: bool,
}

/// The end of a call on its way to the journal: wait for it before the caller gets the last byte. Dropped, it gets there
/// all the same. While the disk fails, this waits until it does no longer.
#[derive(Debug)]
#[must_use = "the caller may not have the last byte before this is done"]
pub struct Flushed {
    writer: Handle,
    ticket: u64,
}

/// Why no call can be taken down: it is refused, and nothing is sent. Each passes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The disk refuses.
    #[error("the journal's disk is failing")]
    Failing,
    /// There is no room.
    #[error("the journal has no room")]
    Full,
    /// More is taken down than the disk takes, or more calls are open than a segment has room for.
    #[error("the journal cannot keep up")]
    Behind,
}

impl Stream {
    pub(crate) fn begin(process: &Arc<Process>) -> io::Result<Self> {
        let (shared, first) = process.begin_stream()?;
        let id = shared.id;
        Ok(Self { writer: Handle(Rc::new(RefCell::new(Writer::new(process.clone(), shared, first)))), id })
    }

    /// Which stream it is.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Whether a call would be taken down now, for whoever has something to do before that can hardly be undone.
    pub fn takes(&self) -> bool {
        self.writer.with(Writer::takes)
    }

    /// Takes down that a call is about to be made.
    ///
    /// # Errors
    /// [`Unavailable`], where its end might not fit, too.
    pub fn open<T: AsRef<str>>(&self, intent: &Intent<T>) -> Result<Opening, Unavailable> {
        let slot = self.writer.with(|writer| writer.open(intent))?;
        Ok(Opening { writer: self.writer.clone(), slot, answered: false })
    }

    /// Ready when there is something to flush.
    pub fn poll_due(&self, cx: &Context<'_>) -> Poll<()> {
        self.writer.with(|writer| writer.poll_due(cx))
    }

    /// Writes what was taken down.
    pub fn flush(&self) {
        self.writer.with(Writer::flush);
    }

    /// Seals, recovers from failures and flushes; to be called about each second, with a clock that only goes forward.
    pub fn tick(&self, monotonic: Duration) {
        self.writer.with(|writer| writer.tick(monotonic));
    }
}

impl Future for Opening {
    type Output = Result<Entry, Unavailable>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.answered {
            return Poll::Ready(Err(Unavailable::Failing));
        }
        let slot = self.slot;
        let answer = self.writer.with(|writer| writer.poll_open(slot, cx));
        self.answered = answer.is_ready();
        answer.map_ok(|()| Entry { writer: self.writer.clone(), slot, closed: false })
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.answered {
            self.writer.with(|writer| writer.abandon(self.slot));
        }
    }
}

impl Entry {
    /// Notes how far a long call has come, for the event that it becomes if the process is killed. Worth it every 10
    /// seconds.
    pub fn progress(&self, closing: &Closing) {
        self.writer.with(|writer| writer.progress(self.slot, closing));
    }

    /// Makes the call's event.
    pub fn close(mut self, closing: &Closing) -> Flushed {
        self.closed = true;
        let ticket = self.writer.with(|writer| writer.close(self.slot, closing));
        Flushed { writer: self.writer.clone(), ticket }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.closed {
            self.writer.with(|writer| writer.lose(self.slot));
        }
    }
}

impl Future for Flushed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.writer.with(|writer| writer.poll_acknowledged(self.ticket, cx))
    }
}

/// The one way to the writer.
#[derive(Debug, Clone)]
struct Handle(Rc<RefCell<Writer>>);

impl Handle {
    /// Uses the writer, and wakes whom that made ready once it is free again: a waker may run anything.
    fn with<R>(&self, what: impl FnOnce(&mut Writer) -> R) -> R {
        let (result, mut woken) = {
            let mut writer = self.0.borrow_mut();
            let result = what(&mut writer);
            (result, std::mem::take(&mut writer.woken))
        };
        if !woken.is_empty() {
            woken.drain(..).for_each(Waker::wake);
            self.0.borrow_mut().reuse(woken);
        }
        result
    }
}
