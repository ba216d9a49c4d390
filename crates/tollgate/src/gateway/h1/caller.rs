//! The socket of a caller that speaks HTTP/1, and what was read from it.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use tollgate_core::Denial;
use tollgate_core::denial::{Bound, Malformed};

use super::ahead;
use crate::gateway::body::Failure;
use crate::gateway::wire::decoder::Decoder;
use crate::gateway::wire::io::Io;
use crate::gateway::wire::output::Output;
use crate::gateway::wire::request::{self, RequestHead};
use crate::gateway::wire::timer::Timer;
use crate::gateway::wire::{Framing, Lookout, poll_fill};
use crate::state::Gate;

/// How often a socket whose bytes are not read is asked whether its caller has left.
const LOOK: Duration = Duration::from_secs(1);
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// One connection of a caller. The loop that answers it and the body that is being read share it; both run in one task.
#[derive(Debug)]
pub struct Caller {
    io: Io,
    gate: Arc<Gate>,
    timer: Rc<Timer>,
    /// What was read and belongs to nobody yet; empty on an idle connection.
    input: BytesMut,
    /// What is to be written.
    pub output: Output,
    lookout: Lookout,
    /// Where the body of the current request stands.
    body: Decoder,
    /// Whether the caller waits for `100 Continue` before it sends the body.
    expects: Expects,
    /// Since when a head is waited for, and since when one has begun.
    since: Instant,
    head_since: Option<Instant>,
    is_first: bool,
    /// Since when the caller takes nothing of what is written.
    blocked_since: Option<Instant>,
    /// Requests that are still taken from what was sent ahead, where that is too much.
    ahead: Option<usize>,
}

/// What a caller who may wait for `100 Continue` is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expects {
    /// It does not wait, or was told, or did not wait for it.
    Nothing,
    /// To be told before its body is read.
    Continue,
    /// Its answer instead: whether the body still comes, nobody knows.
    Answer,
}

/// What comes next on a connection.
#[derive(Debug)]
pub enum Next {
    /// A request.
    Request(RequestHead),
    /// A head that is refused: the connection ends with the answer to it.
    Refused(Denial),
    /// Nothing: the caller has left, said nothing for too long, or the gate stops.
    End,
}

impl Caller {
    /// Takes over a socket and what was read from it.
    pub fn new(io: Io, input: BytesMut, gate: Arc<Gate>, timer: Rc<Timer>) -> Self {
        Self {
            io,
            gate,
            timer,
            input,
            output: Output::default(),
            lookout: Lookout::default(),
            body: Decoder::Ended,
            expects: Expects::Nothing,
            since: Instant::now(),
            head_since: None,
            is_first: true,
            blocked_since: None,
            ahead: None,
        }
    }

    /// The next request, once all of its head is there.
    pub fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let bounds = &self.gate.process.bounds;
        if self.ahead == Some(0) {
            return Poll::Ready(Next::Refused(Malformed::Pipeline.into()));
        }
        loop {
            match request::next(&mut self.input, &mut self.lookout, bounds) {
                Err(denial) => return Poll::Ready(Next::Refused(denial)),
                Ok(Some(head)) => {
                    self.body = Decoder::from(head.framing);
                    if self.ahead.is_none() && ahead::is_flood(&self.input, &self.body, bounds) {
                        self.ahead = Some(bounds.pipeline);
                    }
                    self.ahead = self.ahead.map(|left| left.saturating_sub(1));
                    let expects = head.expects_continue && head.framing != Framing::None;
                    self.expects = if expects { Expects::Continue } else { Expects::Nothing };
                    self.is_first = false;
                    self.head_since = None;
                    return Poll::Ready(Next::Request(head));
                }
                Ok(None) => {}
            }
            match poll_fill(&mut self.io, &mut self.input, 0, cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::End),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => break,
            }
        }
        // Empty lines are no head: they do not prolong the wait.
        let is_idle = self.input.is_empty();
        if is_idle && self.gate.drain.is_cancelled() {
            return Poll::Ready(Next::End);
        }
        let end = match self.head_since {
            Some(since) => since + bounds.head_timeout,
            None if self.is_first => self.since + bounds.head_timeout,
            None if is_idle => self.since + bounds.idle,
            None => *self.head_since.insert(Instant::now()) + bounds.head_timeout,
        };
        ready!(self.timer.poll_until(cx, end));
        Poll::Ready(if is_idle { Next::End } else { Next::Refused(Denial::Bound(Bound::Slow)) })
    }

    /// The next bytes of the current request's body.
    pub fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            match self.body.decode(&mut self.input) {
                Err(_) => return Poll::Ready(Some(Err(Failure::Broken))),
                Ok(Some(data)) => {
                    self.expects = Expects::Nothing;
                    return Poll::Ready(Some(Ok(data)));
                }
                Ok(None) if self.body.has_ended() => return Poll::Ready(None),
                Ok(None) => {}
            }
            if self.expects == Expects::Continue && self.input.is_empty() {
                self.expects = Expects::Nothing;
                self.output.head().extend_from_slice(CONTINUE);
                // What cannot be written now goes out with the answer; the caller has not read yet.
                if let Poll::Ready(Err(_)) = self.output.poll_write(&mut self.io, cx) {
                    return Poll::Ready(Some(Err(Failure::Left)));
                }
            }
            match ready!(poll_fill(&mut self.io, &mut self.input, self.body.expected(), cx)) {
                Ok(0) | Err(_) => return Poll::Ready(Some(Err(Failure::Left))),
                Ok(_) => {}
            }
        }
    }

    /// Whether nothing of the current body is to come.
    pub fn body_has_ended(&self) -> bool {
        self.body.has_ended()
    }

    /// Whether the caller has sent, or is sending, what nobody will read.
    pub fn has_unread(&self) -> bool {
        !self.body.has_ended() || !self.input.is_empty()
    }

    /// How many body bytes are left, where the caller said so.
    pub fn body_remaining(&self) -> Option<u64> {
        self.body.remaining()
    }

    /// Whether the caller has asked to be told before it sends the body, and was not.
    pub fn awaits_continue(&self) -> bool {
        self.expects != Expects::Nothing
    }

    /// The head of the answer is on its way: from now on nothing else may be said before its end.
    pub fn begin_answer(&mut self) {
        if self.expects == Expects::Continue {
            self.expects = Expects::Answer;
        }
    }

    /// Whether the caller has left while it waits for its answer. Requests sent ahead are read so far as the bounds
    /// allow; behind a body that nobody takes, or more than that, the socket is asked from time to time.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.body.has_ended() {
            while self.input.len() < self.gate.process.bounds.head_bytes {
                if let Ok(0) | Err(_) = ready!(poll_fill(&mut self.io, &mut self.input, 0, cx)) {
                    return Poll::Ready(());
                }
            }
        }
        while !self.io.has_hung_up() {
            ready!(self.timer.poll_until(cx, Instant::now() + LOOK));
        }
        Poll::Ready(())
    }

    /// Writes what is in the output; an error where the caller has left or takes nothing for too long.
    pub fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let before = self.output.len();
        if let Poll::Ready(done) = self.output.poll_write(&mut self.io, cx) {
            self.blocked_since = None;
            return Poll::Ready(done);
        }
        if self.output.len() < before {
            self.blocked_since = None;
        }
        let since = *self.blocked_since.get_or_insert_with(Instant::now);
        let stall = self.gate.process.bounds.write_stall;
        ready!(self.timer.poll_until(cx, since + stall));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Makes the connection's end one that the caller cannot take for a regular one.
    pub fn set_abrupt(&self) {
        self.io.set_abrupt();
    }

    /// The answer has ended; the next request may come.
    pub fn turn(&mut self) {
        self.since = Instant::now();
        self.output.release();
    }

    /// The socket, and what was read ahead.
    pub fn into_parts(self) -> (Io, BytesMut) {
        (self.io, self.input)
    }
}
