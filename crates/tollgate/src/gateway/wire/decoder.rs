//! Cuts the body of a message out of its connection's bytes.

use bytes::{Buf, Bytes, BytesMut};

use super::{Framing, take_front};

/// Bytes of a chunk's size line, and of all trailer fields together.
const LINE_MAX: usize = 4 * 1024;
const TRAILERS_MAX: usize = 16 * 1024;

/// Where the body of the current message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoder {
    /// Whole, or there is none.
    Ended,
    /// That many bytes are to come.
    Length(u64),
    /// In chunks.
    Chunked(Chunk),
    /// Until the connection closes.
    Close,
}

/// Where a body in chunks stands (RFC 9112 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk {
    /// A size line is next.
    Size,
    /// That many bytes of data are left.
    Data(u64),
    /// The CRLF behind the data.
    DataEnd,
    /// Trailer fields or the empty line that ends them; how many bytes they may still take.
    Trailers(usize),
}

/// The framing of a body is wrong, or it ended too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

impl From<Framing> for Decoder {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::Ended,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunk::Size),
            Framing::Close => Self::Close,
        }
    }
}

impl Decoder {
    /// Whether nothing of the body is to come.
    pub fn has_ended(&self) -> bool {
        *self == Self::Ended
    }

    /// How many bytes must come at least.
    pub fn expected(&self) -> u64 {
        match self {
            Self::Length(left) | Self::Chunked(Chunk::Data(left)) => *left,
            Self::Ended | Self::Chunked(_) | Self::Close => 0,
        }
    }

    /// How many bytes are left, where that is known.
    pub fn remaining(&self) -> Option<u64> {
        match self {
            Self::Ended => Some(0),
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::Close => None,
        }
    }

    /// Takes the next body bytes out of `input`; nothing where more must come first or the body has ended. Extensions
    /// of chunks and trailers are checked and thrown away.
    ///
    /// # Errors
    /// [`Broken`] where the framing of a chunk is not exactly as it must be.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, Broken> {
        loop {
            if input.is_empty() {
                return Ok(None);
            }
            match self {
                Self::Ended => return Ok(None),
                Self::Close => return Ok(Some(input.split().freeze())),
                Self::Length(left) => {
                    let data = take(input, left);
                    if *left == 0 {
                        *self = Self::Ended;
                    }
                    return Ok(Some(data));
                }
                Self::Chunked(Chunk::Data(left)) => {
                    let data = take(input, left);
                    if *left == 0 {
                        *self = Self::Chunked(Chunk::DataEnd);
                        self.skip_framing(input);
                    }
                    return Ok(Some(data));
                }
                Self::Chunked(_) => {
                    if !self.step(input)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The connection has ended.
    ///
    /// # Errors
    /// [`Broken`] unless the body may end so.
    pub fn end(&mut self) -> Result<(), Broken> {
        match self {
            Self::Ended => Ok(()),
            Self::Close => {
                *self = Self::Ended;
                Ok(())
            }
            Self::Length(_) | Self::Chunked(_) => Err(Broken),
        }
    }

    /// Passes over framing that has come already, so that a body's end is seen with its last bytes. Wrong framing stays
    /// where it is and is found again by whoever asks for more.
    fn skip_framing(&mut self, input: &mut BytesMut) {
        while !input.is_empty() && self.step(input) == Ok(true) {}
    }

    /// One piece of chunk framing; false where it has not come whole.
    fn step(&mut self, input: &mut BytesMut) -> Result<bool, Broken> {
        let Self::Chunked(chunk) = self else {
            return Ok(false);
        };
        match *chunk {
            Chunk::Data(_) => return Ok(false),
            Chunk::DataEnd => {
                if !b"\r\n".starts_with(&input[..input.len().min(2)]) {
                    return Err(Broken);
                }
                if input.len() < 2 {
                    return Ok(false);
                }
                input.advance(2);
                *chunk = Chunk::Size;
            }
            Chunk::Size => {
                let Some((line, length)) = line(input, LINE_MAX)? else {
                    return Ok(false);
                };
                let size = chunk_size(line)?;
                input.advance(length);
                *chunk = if size == 0 { Chunk::Trailers(TRAILERS_MAX) } else { Chunk::Data(size) };
            }
            Chunk::Trailers(left) => {
                let Some((line, length)) = line(input, left)? else {
                    return Ok(false);
                };
                let last = line.is_empty();
                if !last && !is_field(line) {
                    return Err(Broken);
                }
                input.advance(length);
                match last {
                    true => *self = Self::Ended,
                    false => *chunk = Chunk::Trailers(left - length),
                }
            }
        }
        Ok(true)
    }
}

fn take(input: &mut BytesMut, left: &mut u64) -> Bytes {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    *left -= count as u64;
    take_front(input, count)
}

/// The first line without its CRLF, and its length with it; nothing where it has not ended.
fn line(input: &[u8], max: usize) -> Result<Option<(&[u8], usize)>, Broken> {
    let Some(end) = memchr::memchr(b'\n', input) else {
        // What stands there already must fit the grammar: a bare CR never does.
        let early = memchr::memchr(b'\r', input).is_some_and(|cr| cr + 1 < input.len());
        return if early || input.len() > max { Err(Broken) } else { Ok(None) };
    };
    match input[..end].strip_suffix(b"\r") {
        Some(line) if end < max && memchr::memchr(b'\r', line).is_none() => Ok(Some((line, end + 1))),
        Some(_) | None => Err(Broken),
    }
}

/// The size of a chunk: hexadecimal digits, then nothing or an extension.
fn chunk_size(line: &[u8]) -> Result<u64, Broken> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, extension) = line.split_at(digits);
    if !(1..=15).contains(&digits) || !is_extension(extension) {
        return Err(Broken);
    }
    let size = std::str::from_utf8(size).map_err(|_| Broken)?;
    u64::from_str_radix(size, 16).map_err(|_| Broken)
}

/// Whether what stands behind a size is nothing, or begins as an extension does: blanks, `;`, blanks, a name.
fn is_extension(text: &[u8]) -> bool {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let skip = |text: &[u8]| text.iter().take_while(|byte| blank(byte)).count();
    let printable = |byte: &u8| blank(byte) || byte.is_ascii_graphic() || *byte >= 0x80;
    let name = text[skip(text)..].strip_prefix(b";").map(|rest| &rest[skip(rest)..]);
    let named =
        name.and_then(<[u8]>::first).is_some_and(|byte| byte.is_ascii_graphic() && !b"=;".contains(byte));
    text.is_empty() || (named && text.iter().all(printable))
}

/// Whether a line is a header field: a name of token characters, a colon, a value without control characters.
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else {
        return false;
    };
    let value = &line[colon + 1..];
    http::HeaderName::from_bytes(&line[..colon]).is_ok()
        && value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
