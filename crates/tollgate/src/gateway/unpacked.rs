//! Reads what an answer cost, also where it comes packed: it is unpacked beside the relay, and the caller gets it as it
//! came. Requests that are read whole may be packed in the same ways.

mod whole;

use std::fmt;
use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use tollgate_core::meter::{AnswerMeter, Kind, Reading, TOKENS_MAX};
use tollgate_core::usage::Quality;

pub use whole::unpacked;

/// The most bytes of a body that are unpacked. What is larger is estimated from this much of it.
pub const UNPACKED_MAX: u64 = 10 * 1024 * 1024;
/// The most bytes that one packed byte may become: more is a bomb, and no text.
pub const RATIO_MAX: u64 = 100;

/// Bytes that are unpacked whatever their ratio: the first event of a stream may be a long one of blanks.
const RATIO_FREE: u64 = 64 * 1024;
/// The largest window of Brotli in bits, 4 MiB; servers that pack while they answer use less.
const BROTLI_WINDOW: u8 = 22;
/// Packed bytes that are read at a time.
const PART: usize = 16 * 1024;
/// Bytes that the Brotli decoder hands over at a time.
const BROTLI_BUFFER: usize = 4096;

/// An [`AnswerMeter`] for the body of an answer as it comes from the model. Its memory is the window of the packing: some
/// 50 KiB, with Brotli at most 4 MiB, and nothing for an answer that is not packed.
pub struct AnswerReader(Packing);

/// A way to pack that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// As it is.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 1950, which HTTP calls `deflate` (RFC 9110 §8.4.1.2).
    Deflate,
    /// RFC 7932.
    Brotli,
}

/// How the body comes.
enum Packing {
    Plain(AnswerMeter),
    Gzip(Box<MultiGzDecoder<Unpacked>>),
    Deflate(Box<ZlibDecoder<Unpacked>>),
    Brotli(Box<DecompressorWriter<Unpacked>>),
    /// In a way that is not read, from the beginning or since something went wrong.
    Unread(Unpacked),
}

/// Where unpacked bytes go.
struct Unpacked {
    meter: AnswerMeter,
    /// Packed bytes that were read, and that came in all.
    read: u64,
    packed: u64,
    unpacked: u64,
}

impl Coding {
    /// How a body with such a head is packed; nothing where it is packed in another way, or more than once.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let coding = codings.next().map_or(&b""[..], |value| value.as_bytes().trim_ascii());
        match codings.next() {
            Some(_) => None,
            None if coding.is_empty() => Some(Self::Plain),
            None => Self::named(coding),
        }
    }

    fn named(coding: &[u8]) -> Option<Self> {
        let is = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("identity") => Some(Self::Plain),
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("deflate") => Some(Self::Deflate),
            () if is("br") => Some(Self::Brotli),
            () => None,
        }
    }
}

/// What is left of a field `Accept-Encoding` without the ways to pack that are not read, so that no caller chooses an answer
/// that cannot be counted; `identity` where nothing is left.
pub fn readable(accepted: &[u8]) -> Vec<u8> {
    let is_read = |item: &&[u8]| {
        let (coding, weight) =
            item.split_at(item.iter().position(|byte| *byte == b';').unwrap_or(item.len()));
        // Nobody forbids an answer that is not packed: it may come in any case unless a weight says otherwise.
        Coding::named(coding.trim_ascii()).is_some_and(|coding| coding != Coding::Plain || weight.is_empty())
    };
    let read: Vec<&[u8]> = accepted.split(|byte| *byte == b',').filter(is_read).collect();
    if read.is_empty() { b"identity".to_vec() } else { read.join(&b","[..]) }
}

impl AnswerReader {
    /// Begins with the head of an answer whose prompt is thought to have `prompt` tokens. Where there was no prompt, nothing
    /// was generated: only what the model reports counts.
    pub fn new(status: StatusCode, headers: &HeaderMap, prompt: Option<u64>) -> Self {
        let content_type = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
        let meter = match prompt {
            Some(prompt) => AnswerMeter::new(Kind::of(status, content_type), prompt),
            None => AnswerMeter::new(Kind::Unbilled, 0),
        };
        let sink = |meter| Unpacked { meter, read: 0, packed: 0, unpacked: 0 };
        Self(match Coding::of(headers) {
            Some(Coding::Plain) => Packing::Plain(meter),
            Some(Coding::Gzip) => Packing::Gzip(Box::new(MultiGzDecoder::new(sink(meter)))),
            Some(Coding::Deflate) => Packing::Deflate(Box::new(ZlibDecoder::new(sink(meter)))),
            Some(Coding::Brotli) => {
                Packing::Brotli(Box::new(DecompressorWriter::new(sink(meter), BROTLI_BUFFER)))
            }
            None => Packing::Unread(sink(meter)),
        })
    }

    /// Looks at the next part of the body, as it came.
    pub fn feed(&mut self, bytes: &[u8]) {
        // In small parts, so that little is lost of one that cannot be read to its end.
        bytes.chunks(PART).for_each(|part| self.part(part));
    }

    /// What the answer cost, as far as it came. Of one that could not be read to its end, the rest is taken to be like
    /// what was read.
    pub fn read(&self) -> Reading {
        match &self.0 {
            Packing::Plain(meter) => meter.read(),
            Packing::Gzip(decoder) => decoder.get_ref().meter.read(),
            Packing::Deflate(decoder) => decoder.get_ref().meter.read(),
            Packing::Brotli(decoder) => decoder.get_ref().meter.read(),
            Packing::Unread(unpacked) => unpacked.estimate(),
        }
    }

    fn part(&mut self, bytes: &[u8]) {
        let fed = match &mut self.0 {
            Packing::Plain(meter) => {
                meter.feed(bytes);
                Ok(())
            }
            Packing::Gzip(decoder) => {
                decoder.get_mut().packed += bytes.len() as u64;
                // What the decoder holds back is flushed: a stream is read as far as it came.
                decoder.write_all(bytes).and_then(|()| decoder.flush())
            }
            Packing::Deflate(decoder) => {
                decoder.get_mut().packed += bytes.len() as u64;
                decoder.write_all(bytes).and_then(|()| decoder.flush())
            }
            Packing::Brotli(decoder) => {
                let first = decoder.get_ref().packed == 0;
                decoder.get_mut().packed += bytes.len() as u64;
                if first && !window_fits(bytes[0]) {
                    Err(io::ErrorKind::InvalidData.into())
                } else {
                    decoder.write_all(bytes)
                }
            }
            Packing::Unread(unpacked) => {
                unpacked.packed += bytes.len() as u64;
                Ok(())
            }
        };
        match fed {
            Ok(()) => self.0.note_read(),
            Err(_) => self.0.give_up(),
        }
    }
}

impl fmt::Debug for AnswerReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnswerReader").field(&self.read()).finish()
    }
}

impl Packing {
    /// Notes that everything that came was read.
    fn note_read(&mut self) {
        match self {
            Self::Plain(_) | Self::Unread(_) => {}
            Self::Gzip(decoder) => decoder.get_mut().all_read(),
            Self::Deflate(decoder) => decoder.get_mut().all_read(),
            Self::Brotli(decoder) => decoder.get_mut().all_read(),
        }
    }

    /// Keeps what was read, and lets the decoder go with its memory.
    fn give_up(&mut self) {
        let unpacked = match self {
            Self::Plain(_) | Self::Unread(_) => return,
            Self::Gzip(decoder) => decoder.get_mut().leave(),
            Self::Deflate(decoder) => decoder.get_mut().leave(),
            Self::Brotli(decoder) => decoder.get_mut().leave(),
        };
        *self = Self::Unread(unpacked);
    }
}

impl Unpacked {
    fn all_read(&mut self) {
        self.read = self.packed;
    }

    /// The same, for after the decoder, which may still write when it goes.
    fn leave(&mut self) -> Self {
        let Self { meter, read, packed, unpacked } = self;
        Self { meter: meter.clone(), read: *read, packed: *packed, unpacked: *unpacked }
    }

    fn estimate(&self) -> Reading {
        let reading = self.meter.read();
        let tokens_out = if self.read == 0 {
            // Nothing of it is known but its size.
            reading.tokens_out.map(|_| self.packed.div_ceil(4))
        } else {
            let whole = |part: u64| u128::from(part) * u128::from(self.packed) / u128::from(self.read);
            reading.tokens_out.map(|part| u64::try_from(whole(part)).unwrap_or(TOKENS_MAX))
        };
        let tokens_out = tokens_out.map(|tokens| tokens.min(TOKENS_MAX));
        Reading { tokens_out, quality: Quality::Estimated, began: self.packed > 0, ..reading }
    }
}

impl Write for Unpacked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let unpacked = self.unpacked + bytes.len() as u64;
        if unpacked > UNPACKED_MAX || unpacked > self.packed * RATIO_MAX + RATIO_FREE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.unpacked = unpacked;
        self.meter.feed(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the window that a Brotli stream announces in its first byte (RFC 7932 §9.1) is one that is read.
fn window_fits(first: u8) -> bool {
    let (odd, high, low) = (first & 1 == 1, first >> 1 & 7, first >> 4 & 7);
    match (odd, high, low) {
        (false, ..) => true,
        // What the large windows begin with that the RFC does not know.
        (true, 0, 1) => false,
        (true, 0, _) => true,
        (true, high, _) => 17 + high <= BROTLI_WINDOW,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
