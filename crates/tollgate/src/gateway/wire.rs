//! The byte stream of one caller, watched.
//!
//! [`Watched`] lies between the socket and hyper. It lets the [`scan::Scanner`] judge every HTTP/1 head, counts HTTP/2
//! control frames, and notes in [`Pace`] what the connection is waiting for. A refused head ends the stream for hyper;
//! the socket then comes back to the connection's driver, which answers the refusal itself and closes.

pub mod h2;
pub mod io;
pub mod pace;
pub mod scan;

use std::io as std_io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tollgate_core::Denial;
use tollgate_core::denial::Malformed;

use self::io::Io;
use self::pace::Pace;
use self::scan::Scanner;
use crate::config::process::Bounds;

/// A caller's socket between the operating system and hyper.
#[derive(Debug)]
pub struct Watched {
    io: Option<Io>,
    /// Bytes that were read before the protocol was known.
    ahead: Bytes,
    judge: Judge,
    pace: Arc<Pace>,
    pipeline: u32,
    /// After a refusal hyper sees the end of the stream.
    ended: bool,
}

#[derive(Debug)]
enum Judge {
    Http1(Scanner),
    Http2(h2::FrameCounter),
}

impl Watched {
    /// Watches an HTTP/1 connection, beginning with the bytes already read.
    pub fn http1(io: Io, ahead: Bytes, bounds: &Bounds, pace: Arc<Pace>) -> Self {
        let pipeline = u32::try_from(bounds.pipeline).unwrap_or(u32::MAX);
        Self { io: Some(io), ahead, judge: Judge::Http1(Scanner::new(*bounds)), pace, pipeline, ended: false }
    }

    /// Watches an HTTP/2 connection, beginning with the bytes already read.
    pub fn http2(io: Io, ahead: Bytes, pace: Arc<Pace>) -> Self {
        let judge = Judge::Http2(h2::FrameCounter::default());
        Self { io: Some(io), ahead, judge, pace, pipeline: u32::MAX, ended: false }
    }

    /// Judges newly read bytes; how many of them hyper may see.
    fn judge(&mut self, bytes: &[u8]) -> std_io::Result<usize> {
        let scanner = match &mut self.judge {
            Judge::Http1(scanner) => scanner,
            Judge::Http2(frames) => {
                self.pace.touched();
                return match frames.feed(bytes, self.pace.now()) {
                    true => Ok(bytes.len()),
                    false => {
                        Err(std_io::Error::new(std_io::ErrorKind::ConnectionAborted, "control frame flood"))
                    }
                };
            }
        };
        if self.pace.is_tunnel() {
            scanner.pass_through();
            return Ok(bytes.len());
        }
        match scanner.feed(bytes) {
            Ok(seen) => {
                let waiting = self.pace.read(seen, scanner.in_head(), scanner.in_body());
                if waiting > self.pipeline {
                    self.pace.unread(seen.heads);
                    self.refuse(Malformed::Pipeline.into());
                    return Ok(0);
                }
                Ok(bytes.len())
            }
            Err(refused) => {
                // Requests before the refused one are served, so they count.
                self.pace.read(refused.seen, false, false);
                self.refuse(refused.denial);
                Ok(refused.good)
            }
        }
    }

    fn refuse(&mut self, denial: Denial) {
        self.ended = true;
        self.pace.refuse(denial);
    }

    /// The end of the stream, once the requests before the refused one are answered: hyper takes an end before that for
    /// a caller who has left, and drops their answers. Until then only the caller's real end shows; what else comes is
    /// thrown away.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<std_io::Result<()>> {
        let mut waste = [0; 1024];
        while self.pace.is_busy() {
            let Some(io) = &mut self.io else {
                return Poll::Ready(Err(gone()));
            };
            let mut buf = ReadBuf::new(&mut waste);
            std::task::ready!(Pin::new(io).poll_read(cx, &mut buf)?);
            if buf.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(io) = self.io.take() {
            self.pace.give_back(io);
        }
    }
}

fn gone() -> std_io::Error {
    std_io::Error::from(std_io::ErrorKind::NotConnected)
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std_io::Result<()>> {
        let this = &mut *self;
        if this.ended {
            return this.poll_end(cx);
        }
        if this.pace.is_slow() {
            return Poll::Ready(Err(std_io::ErrorKind::TimedOut.into()));
        }
        let before = buf.filled().len();
        if this.ahead.is_empty() {
            let Some(io) = &mut this.io else {
                return Poll::Ready(Err(gone()));
            };
            if Pin::new(io).poll_read(cx, buf)?.is_pending() {
                this.pace.starved();
                return Poll::Pending;
            }
        } else {
            let take = this.ahead.len().min(buf.remaining());
            buf.put_slice(&this.ahead[..take]);
            this.ahead.advance(take);
            if this.ahead.is_empty() {
                // Even an empty rest would keep the whole buffer.
                this.ahead = Bytes::new();
            }
        }
        if buf.filled().len() > before {
            let good = this.judge(&buf.filled()[before..])?;
            buf.set_filled(before + good);
            if good == 0 && this.ended {
                return this.poll_end(cx);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std_io::Result<usize>> {
        let this = &mut *self;
        let Some(io) = &mut this.io else {
            return Poll::Ready(Err(gone()));
        };
        this.pace.wrote(Pin::new(io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std_io::IoSlice<'_>],
    ) -> Poll<std_io::Result<usize>> {
        let this = &mut *self;
        let Some(io) = &mut this.io else {
            return Poll::Ready(Err(gone()));
        };
        this.pace.wrote(Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std_io::Result<()>> {
        let Some(io) = &mut self.io else {
            return Poll::Ready(Err(gone()));
        };
        Pin::new(io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std_io::Result<()>> {
        // The refusal is still to be written on this socket.
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        let Some(io) = &mut self.io else {
            return Poll::Ready(Err(gone()));
        };
        Pin::new(io).poll_shutdown(cx)
    }
}
