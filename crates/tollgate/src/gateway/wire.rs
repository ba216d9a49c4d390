//! HTTP/1 as bytes, read strictly on both sides.
//!
//! The gate owns this layer, because everything that it promises rests on it: caller, gate and model must agree where a
//! message ends and what its head says. A head is taken apart once, by [`request`] or [`response`]; whatever could be
//! read in two ways is refused there, never repaired. [`decoder`] then cuts the body out of the stream, and [`output`]
//! writes messages of the gate's own making: no byte of a caller's head or chunk framing is ever passed on as it came.

pub mod decoder;
pub mod io;
pub mod output;
pub mod request;
pub mod response;
pub mod text;
pub mod timer;

use std::mem::MaybeUninit;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use tokio::io::{AsyncRead, ReadBuf};

use self::io::Io;
use crate::config::process::Bounds;

/// How the body of a message is delimited (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// That many bytes, at least one.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Until the connection closes; answers only.
    Close,
}

/// Bytes that one read takes where the size of what comes is not known.
const READ: usize = 16 * 1024;
/// Bytes that one read of a long body takes.
const LONG_READ: usize = 64 * 1024;

/// Fields that one head may have, whatever the bounds say.
const MAX_FIELDS: usize = 256;
/// Room in the table of fields beyond those that came, for what the gate adds.
const SPARE: usize = 2;

/// Decides when an unfinished head is looked at again, so that slow bytes cost linear time.
#[derive(Debug, Default)]
pub struct Lookout {
    /// How much had come at the last question, and how much must come until any look is worth it.
    seen: usize,
    look_at: usize,
}

impl Lookout {
    /// Whether the bytes so far are worth a look: there is an end among the new ones, or twice as many as last time.
    fn is_due(&mut self, input: &[u8]) -> bool {
        let new = &input[self.seen.saturating_sub(3).min(input.len())..];
        let due = !input.is_empty()
            && (input.len() >= self.look_at
                || memchr::memmem::find(new, b"\n\r\n").is_some()
                || memchr::memmem::find(new, b"\n\n").is_some());
        self.seen = input.len();
        due
    }

    /// The head had not come whole.
    fn wait(&mut self, bounds: &Bounds) {
        self.look_at = self.seen.saturating_mul(2).min(bounds.head_bytes);
    }
}

/// Where a part of a head stands in it.
type Span = Range<usize>;
/// Where names and values of its fields stand.
type Spans = SmallVec<[(Span, Span); 32]>;

/// Turns parts of a head into their places, so that the head can be taken out of its buffer.
struct Place(usize);

impl Place {
    /// For parts of these bytes.
    fn of(bytes: &[u8]) -> Self {
        Self(bytes.as_ptr().addr())
    }

    fn span(&self, part: Option<&str>) -> Span {
        part.map_or(0..0, |part| self.bytes(part.as_bytes()))
    }

    fn field(&self, field: &httparse::Header<'_>) -> (Span, Span) {
        (self.bytes(field.name.as_bytes()), self.bytes(field.value))
    }

    fn bytes(&self, part: &[u8]) -> Span {
        // An empty value may stand anywhere.
        let start = part.as_ptr().addr().wrapping_sub(self.0);
        if part.is_empty() { 0..0 } else { start..start + part.len() }
    }
}

/// Takes the first bytes out of a buffer; nothing of an emptied one is kept.
fn take_front(input: &mut BytesMut, length: usize) -> Bytes {
    match length == input.len() {
        true => std::mem::take(input).freeze(),
        false => input.split_to(length).freeze(),
    }
}

/// Reads once and appends what came; zero bytes are the end of the stream. `expected` is how much must come at least.
///
/// Short messages are read by way of the stack, so that `input` holds nothing while a connection is idle.
pub fn poll_fill(
    io: &mut Io,
    input: &mut BytesMut,
    expected: u64,
    cx: &mut Context<'_>,
) -> Poll<std::io::Result<usize>> {
    if expected > READ as u64 {
        input.reserve(usize::try_from(expected).unwrap_or(LONG_READ).min(LONG_READ));
        return tokio_util::io::poll_read_buf(Pin::new(io), cx, input);
    }
    let mut space = [const { MaybeUninit::uninit() }; READ];
    let mut read = ReadBuf::uninit(&mut space);
    ready!(Pin::new(io).poll_read(cx, &mut read))?;
    input.extend_from_slice(read.filled());
    Poll::Ready(Ok(read.filled().len()))
}

/// The value of a `Content-Length`: one plain number. A sign, a list or a leading zero (octal to some) is none.
pub fn content_length(digits: &[u8]) -> Option<u64> {
    let plain = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| plain)?;
    // Room is left for sums of sizes.
    text.parse().ok().filter(|length| *length < u64::MAX >> 1)
}

/// Whether any line of a head ends without CR. The library that knows the grammar takes such lines; others do not.
fn has_bare_lf(head: &[u8]) -> bool {
    if head.first() == Some(&b'\n') {
        return true;
    }
    // Without a branch in the loop, the compiler looks at many bytes at once.
    let bare = head
        .iter()
        .zip(head.iter().skip(1))
        .fold(0, |bare, (before, byte)| bare | (u8::from(*byte == b'\n') & u8::from(*before != b'\r')));
    bare != 0
}
