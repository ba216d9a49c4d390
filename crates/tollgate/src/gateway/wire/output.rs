//! What is still to be written on a connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use super::io::Io;
use super::text::push_hex_number;

/// Data up to this size is copied behind the head, so that one plain write takes both.
const COPIED: usize = 4 * 1024;

/// Bytes on their way out: a head or the framing of a chunk, data, and what closes it.
#[derive(Debug, Default)]
pub struct Output {
    head: Vec<u8>,
    written: usize,
    data: Bytes,
    tail: &'static [u8],
}

impl Output {
    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.written == self.head.len() && self.data.is_empty() && self.tail.is_empty()
    }

    /// Bytes that are still to be written.
    pub fn len(&self) -> usize {
        self.head.len() - self.written + self.data.len() + self.tail.len()
    }

    /// Whether so much is still to be written that no more may be pushed.
    pub fn is_full(&self) -> bool {
        !self.data.is_empty() || !self.tail.is_empty() || self.head.len() - self.written > COPIED
    }

    /// Whether nothing has been written yet of what was put in.
    pub fn is_untouched(&self) -> bool {
        self.written == 0
    }

    /// Where a head is put together; everything before it must be written.
    pub fn head(&mut self) -> &mut Vec<u8> {
        &mut self.head
    }

    /// Adds body bytes; it must not be full.
    pub fn push(&mut self, data: Bytes, chunked: bool) {
        // A chunk of no bytes is the last one, and that is written once.
        if data.is_empty() {
            return;
        }
        if chunked {
            push_hex_number(&mut self.head, data.len());
            self.head.extend_from_slice(b"\r\n");
            self.tail = b"\r\n";
        }
        if data.len() > COPIED {
            self.data = data;
            return;
        }
        self.head.extend_from_slice(&data);
        self.head.extend_from_slice(std::mem::take(&mut self.tail));
    }

    /// Adds the end of a body in chunks.
    pub fn push_last_chunk(&mut self) {
        match self.data.is_empty() {
            true => self.head.extend_from_slice(b"0\r\n\r\n"),
            false => self.tail = b"\r\n0\r\n\r\n",
        }
    }

    /// Writes until all is out.
    pub fn poll_write(&mut self, io: &mut Io, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let head = &self.head[self.written..];
            let count = if self.data.is_empty() && self.tail.is_empty() {
                ready!(Pin::new(&mut *io).poll_write(cx, head))?
            } else {
                let parts = [IoSlice::new(head), IoSlice::new(&self.data), IoSlice::new(self.tail)];
                ready!(Pin::new(&mut *io).poll_write_vectored(cx, &parts))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(count);
        }
        if self.written > 0 {
            self.head.clear();
            self.written = 0;
        }
        Pin::new(io).poll_flush(cx)
    }

    /// Gives the room back that an idle connection need not keep.
    pub fn release(&mut self) {
        *self = Self::default();
    }

    fn advance(&mut self, mut count: usize) {
        let head = count.min(self.head.len() - self.written);
        self.written += head;
        count -= head;
        let data = count.min(self.data.len());
        self.data.advance(data);
        self.tail = &self.tail[count - data..];
        if self.data.is_empty() {
            // Even an empty rest would keep the whole buffer.
            self.data = Bytes::new();
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
