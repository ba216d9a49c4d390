//! The byte stream of an HTTP/2 caller, watched for what the library answers without a cap.

use std::cell::Cell;
use std::io as std_io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::frames::FrameCounter;
use crate::gateway::wire::io::Io;

/// What a connection is doing, as its socket sees it.
#[derive(Debug)]
pub struct Pulse {
    touched: Cell<Instant>,
    blocked_since: Cell<Option<Instant>>,
    has_begun: Cell<bool>,
}

impl Pulse {
    /// Of a connection that was just accepted.
    pub fn new() -> Self {
        let touched = Cell::new(Instant::now());
        Self { touched, blocked_since: Cell::new(None), has_begun: Cell::new(false) }
    }

    /// When bytes last came.
    pub fn touched(&self) -> Instant {
        self.touched.get()
    }

    /// Since when the caller takes nothing of what is written.
    pub fn blocked_since(&self) -> Option<Instant> {
        self.blocked_since.get()
    }

    /// Whether the preface has come whole.
    pub fn has_begun(&self) -> bool {
        self.has_begun.get()
    }

    fn wrote(&self, outcome: Poll<std_io::Result<usize>>) -> Poll<std_io::Result<usize>> {
        match outcome {
            Poll::Ready(_) => self.blocked_since.set(None),
            Poll::Pending if self.blocked_since.get().is_none() => {
                self.blocked_since.set(Some(Instant::now()))
            }
            Poll::Pending => {}
        }
        outcome
    }
}

/// A caller's socket between the operating system and the library.
#[derive(Debug)]
pub struct Watched {
    io: Io,
    /// Bytes that were read before the protocol was known.
    ahead: Bytes,
    frames: FrameCounter,
    pulse: Rc<Pulse>,
}

impl Watched {
    /// Watches a connection, beginning with the bytes already read.
    pub fn new(io: Io, ahead: Bytes, pulse: Rc<Pulse>) -> Self {
        Self { io, ahead, frames: FrameCounter::default(), pulse }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std_io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if this.ahead.is_empty() {
            std::task::ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        } else {
            let take = this.ahead.len().min(buf.remaining());
            buf.put_slice(&this.ahead[..take]);
            this.ahead.advance(take);
            if this.ahead.is_empty() {
                // Even an empty rest would keep the whole buffer.
                this.ahead = Bytes::new();
            }
        }
        let now = Instant::now();
        // Before the preface is whole, single bytes do not prolong the wait.
        if this.pulse.has_begun() {
            this.pulse.touched.set(now);
        }
        let accepted = this.frames.feed(&buf.filled()[before..], now);
        this.pulse.has_begun.set(this.frames.has_begun());
        match accepted {
            true => Poll::Ready(Ok(())),
            false => {
                Poll::Ready(Err(std_io::Error::new(std_io::ErrorKind::ConnectionAborted, "frame flood")))
            }
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std_io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.frames.wrote(&written);
        self.pulse.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std_io::IoSlice<'_>],
    ) -> Poll<std_io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.frames.wrote(&written);
        self.pulse.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std_io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std_io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
