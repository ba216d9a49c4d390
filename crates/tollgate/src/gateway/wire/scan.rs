//! Reads the bytes of an HTTP/1 connection beside hyper and refuses what hyper would let through.
//!
//! hyper drops a `Content-Length` that stands beside `Transfer-Encoding`, takes bare LF for a line end and cuts a
//! target at `#`; after its parser that cannot be seen any more. This scanner follows the same bytes with the same
//! grammar (httparse) and judges every head before hyper gets its end. Bodies are only counted, so that the next head
//! is found where it really starts; hyper itself refuses broken chunks.

use std::mem::MaybeUninit;

use tollgate_core::Denial;
use tollgate_core::denial::{Bound, Malformed};

use crate::config::process::Bounds;

/// Where the scanner is in the byte stream of one connection.
#[derive(Debug)]
pub struct Scanner {
    bounds: Bounds,
    place: Place,
    /// Bytes of a head that did not come in one read.
    partial: Vec<u8>,
    /// The partial head is parsed again at this length, so that slow bytes cost linear time.
    parse_at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// That many body bytes are left.
    Length(u64),
    Chunked(Chunk),
    /// Another protocol, or a body that hyper refuses: nothing is judged any more.
    Through,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// In a size line; the value so far, and whether its extension has begun.
    Size { value: u64, extension: bool },
    /// That many bytes of data and its CRLF are left.
    Data(u64),
    /// In the trailers; whether the current line has any byte yet.
    Trailer { line_empty: bool },
}

/// What one read held.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Heads that ended in these bytes.
    pub heads: usize,
    /// Body bytes among them.
    pub body: usize,
}

/// A refused head: what came before it may still be answered.
#[derive(Debug, PartialEq)]
pub struct Refused {
    /// Bytes of this read that belong to earlier messages.
    pub good: usize,
    /// What those bytes held.
    pub seen: Seen,
    /// Why.
    pub denial: Denial,
}

impl Scanner {
    /// Starts at the first byte of a connection.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, place: Place::Head, partial: Vec::new(), parse_at: 0 }
    }

    /// Judges the next bytes of the connection.
    ///
    /// # Errors
    /// [`Refused`] at the first head that breaks a rule; the scanner must not be used after that.
    ///
    /// `allowance` is how many more heads may be read ahead of their answers.
    pub fn feed(&mut self, bytes: &[u8], allowance: usize) -> Result<Seen, Refused> {
        let mut seen = Seen::default();
        let mut at = 0;
        while at < bytes.len() {
            match self.place {
                Place::Through => {
                    seen.body += bytes.len() - at;
                    break;
                }
                Place::Head if seen.heads >= allowance => {
                    return Err(Refused { good: at, seen, denial: Malformed::Pipeline.into() });
                }
                Place::Head => {
                    let used =
                        self.head(&bytes[at..]).map_err(|denial| Refused { good: at, seen, denial })?;
                    at += used;
                    seen.heads += usize::from(self.partial.is_empty());
                }
                Place::Length(left) => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    at += take;
                    seen.body += take;
                    let left = left - take as u64;
                    self.place = if left == 0 { Place::Head } else { Place::Length(left) };
                }
                Place::Chunked(chunk) => {
                    let used = self.chunk(chunk, &bytes[at..]);
                    at += used;
                    seen.body += used;
                }
            }
        }
        Ok(seen)
    }

    /// Stops judging: the connection carries another protocol from here on.
    pub fn pass_through(&mut self) {
        self.place = Place::Through;
        self.partial = Vec::new();
    }

    /// Whether a head has begun and not ended.
    pub fn in_head(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Whether a body has begun and not ended.
    pub fn in_body(&self) -> bool {
        matches!(self.place, Place::Length(_) | Place::Chunked(_))
    }

    /// Takes bytes up to the end of a head and judges it; returns how many of `bytes` were used.
    fn head(&mut self, bytes: &[u8]) -> Result<usize, Denial> {
        if self.partial.is_empty() {
            return match parse(bytes, &self.bounds)? {
                Some((len, place)) => {
                    self.place = place;
                    Ok(len)
                }
                None => {
                    self.partial.extend_from_slice(bytes);
                    self.parse_at = bytes.len() * 2;
                    Ok(bytes.len())
                }
            };
        }
        let before = self.partial.len();
        self.partial.extend_from_slice(bytes);
        let ended = ends_head(&self.partial[before.saturating_sub(3)..]);
        if !ended && self.partial.len() < self.parse_at.min(self.bounds.head_bytes) {
            return Ok(bytes.len());
        }
        self.parse_at = self.partial.len() * 2;
        match parse(&self.partial, &self.bounds)? {
            Some((len, place)) => {
                self.place = place;
                self.partial = Vec::new();
                Ok(len - before)
            }
            None => Ok(bytes.len()),
        }
    }

    /// Follows chunked framing; returns how many of `bytes` were used, at least one.
    fn chunk(&mut self, chunk: Chunk, bytes: &[u8]) -> usize {
        let (next, used) = match chunk {
            Chunk::Size { value, extension } => match bytes[0] {
                b'\n' if value == 0 => (Place::Chunked(Chunk::Trailer { line_empty: true }), 1),
                // The CRLF behind the data is counted with it.
                b'\n' => (Place::Chunked(Chunk::Data(value.saturating_add(2))), 1),
                b'\r' => (Place::Chunked(chunk), 1),
                _ if extension => (Place::Chunked(chunk), 1),
                byte => match (char::from(byte).to_digit(16), value.checked_mul(16)) {
                    (Some(digit), Some(value)) => {
                        let value = value + u64::from(digit);
                        (Place::Chunked(Chunk::Size { value, extension }), 1)
                    }
                    (None, _) if matches!(byte, b';' | b' ' | b'\t') => {
                        (Place::Chunked(Chunk::Size { value, extension: true }), 1)
                    }
                    _ => (Place::Through, 1),
                },
            },
            Chunk::Data(left) => {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                match left - take as u64 {
                    0 => (Place::Chunked(Chunk::Size { value: 0, extension: false }), take),
                    left => (Place::Chunked(Chunk::Data(left)), take),
                }
            }
            Chunk::Trailer { line_empty } => match bytes[0] {
                b'\n' if line_empty => (Place::Head, 1),
                b'\n' => (Place::Chunked(Chunk::Trailer { line_empty: true }), 1),
                b'\r' => (Place::Chunked(chunk), 1),
                _ => (Place::Chunked(Chunk::Trailer { line_empty: false }), 1),
            },
        };
        self.place = next;
        used
    }
}

fn ends_head(tail: &[u8]) -> bool {
    memchr::memmem::find(tail, b"\n\r\n").is_some() || memchr::memmem::find(tail, b"\n\n").is_some()
}

const MAX_FIELDS: usize = 256;

/// Judges one head; its length and what follows it, or nothing where it has not ended.
fn parse(bytes: &[u8], bounds: &Bounds) -> Result<Option<(usize, Place)>, Denial> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let fields = &mut fields[..bounds.header_fields.min(MAX_FIELDS)];
    let mut request = httparse::Request::new(&mut []);
    let status = request.parse_with_uninit_headers(bytes, fields).map_err(|error| match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => Malformed::Header.into(),
        httparse::Error::NewLine => Malformed::LineEnd.into(),
        httparse::Error::Token => Malformed::RequestLine.into(),
        httparse::Error::Version if names_a_version(bytes) => Malformed::Version.into(),
        httparse::Error::Version => Malformed::RequestLine.into(),
        httparse::Error::TooManyHeaders => Denial::Bound(Bound::Headers),
        httparse::Error::Status => Malformed::RequestLine.into(),
    })?;
    let len = match status {
        httparse::Status::Complete(len) => len,
        httparse::Status::Partial => {
            return match bytes.len() > bounds.head_bytes {
                true => Err(too_long(bytes, bounds)),
                false => Ok(None),
            };
        }
    };
    let target = request.path.unwrap_or_default();
    if target.len() > bounds.target_bytes {
        return Err(Denial::Bound(Bound::Target));
    }
    if len > bounds.head_bytes
        || request.headers.iter().any(|f| f.name.len() + f.value.len() > bounds.header_bytes)
    {
        return Err(Denial::Bound(Bound::Headers));
    }
    if memchr::memchr_iter(b'\n', &bytes[..len]).any(|lf| lf == 0 || bytes[lf - 1] != b'\r') {
        return Err(Malformed::LineEnd.into());
    }
    if !is_target(target) {
        return Err(Malformed::Target.into());
    }
    Ok(Some((len, body(&request)?)))
}

/// Whether a version stands where one belongs; else the line has another fault, such as a blank in its target.
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').skip(2);
    words.next().is_some_and(|word| word.starts_with(b"HTTP/")) && words.next().is_none()
}

/// A head without end: the target's fault if even the request line has none.
fn too_long(bytes: &[u8], bounds: &Bounds) -> Denial {
    match memchr::memchr(b'\n', &bytes[..bounds.target_bytes.min(bytes.len())]) {
        Some(_) => Denial::Bound(Bound::Headers),
        None => Denial::Bound(Bound::Target),
    }
}

/// Whether the target is one that hyper reads: what it does not read it refuses without a word. A fragment it would cut
/// off instead.
fn is_target(target: &str) -> bool {
    let plain =
        |byte: u8| matches!(byte, b'!' | b'$'..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' | b'~');
    if target.starts_with('/') && target.bytes().all(plain) {
        return true;
    }
    let origin = target.starts_with('/') || target == "*";
    let absolute = ["http://", "https://"].iter().any(|scheme| target.starts_with(scheme));
    (origin || absolute) && !target.contains('#') && target.parse::<http::Uri>().is_ok()
}

/// How the body is framed; every doubt is a refusal (RFC 9112 §6).
fn body(request: &httparse::Request<'_, '_>) -> Result<Place, Denial> {
    let mut length: Option<&[u8]> = None;
    let mut chunked = false;
    let mut hosts = 0;
    for field in request.headers.iter() {
        match field.name.len() {
            4 if field.name.eq_ignore_ascii_case("host") => hosts += 1,
            14 if field.name.eq_ignore_ascii_case("content-length") => match length.replace(field.value) {
                None => {}
                Some(_) => return Err(Malformed::ContentLength.into()),
            },
            17 if field.name.eq_ignore_ascii_case("transfer-encoding") => {
                if chunked || request.version != Some(1) || !field.value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Malformed::TransferEncoding.into());
                }
                chunked = true;
            }
            _ => {}
        }
    }
    if hosts != 1 {
        return Err(Malformed::Host.into());
    }
    match (length, chunked) {
        (Some(_), true) => Err(Malformed::TwoFramings.into()),
        (None, true) => Ok(Place::Chunked(Chunk::Size { value: 0, extension: false })),
        (None, false) => Ok(Place::Head),
        (Some(digits), false) => match decimal(digits) {
            None => Err(Malformed::ContentLength.into()),
            Some(0) => Ok(Place::Head),
            Some(length) => Ok(Place::Length(length)),
        },
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    // A leading zero is octal to some.
    let plain = matches!(digits, [b'0'] | [b'1'..=b'9', ..]);
    if !plain || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // hyper keeps the largest two values for itself.
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|length| *length < u64::MAX - 2)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
