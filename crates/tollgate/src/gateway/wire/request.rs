//! Takes the head of a caller's HTTP/1 request apart.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Uri};
use tollgate_core::Denial;
use tollgate_core::denial::{Bound, Malformed};

use super::{
    Framing, Lookout, MAX_FIELDS, Place, SPARE, Span, Spans, content_length, has_bare_lf, take_front,
};
use crate::config::process::Bounds;

/// The head of a request as its bytes say it; what it means is judged later.
#[derive(Debug)]
pub struct RequestHead {
    /// Any token.
    pub method: Method,
    /// Path and query.
    pub target: PathAndQuery,
    /// Of a target in absolute form.
    pub authority: Option<Authority>,
    /// All header fields in their order.
    pub headers: HeaderMap,
    /// How the body is delimited.
    pub framing: Framing,
    /// Whether the caller keeps the connection open for another request.
    pub keep_alive: bool,
    /// Whether chunks and interim answers may be sent.
    pub is_http11: bool,
    /// Whether the caller waits for a word before it sends the body.
    pub expects_continue: bool,
}

/// Takes the next head out of `input`; nothing where it has not come whole. `lookout` belongs to this head alone.
///
/// # Errors
/// The first rule that the head breaks; nothing behind it may be read then.
pub fn next(
    input: &mut BytesMut,
    lookout: &mut Lookout,
    bounds: &Bounds,
) -> Result<Option<RequestHead>, Denial> {
    // Empty lines before a request are passed over (RFC 9112 §2.2).
    while input.starts_with(b"\r\n") {
        input.advance(2);
    }
    if !lookout.is_due(input) {
        return Ok(None);
    }
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let fields = &mut fields[..bounds.header_fields.min(MAX_FIELDS)];
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(input, fields).map_err(|error| refusal(error, input))?;
    let httparse::Status::Complete(length) = parsed else {
        lookout.wait(bounds);
        return too_long(input, bounds).map_or(Ok(None), Err);
    };
    let place = Place::of(input);
    let spans: Spans = request.headers.iter().map(|field| place.field(field)).collect();
    let line = (place.span(request.method), place.span(request.path), request.version == Some(1));
    check_sizes(line.1.len(), length, &spans, bounds)?;
    *lookout = Lookout::default();
    build(&take_front(input, length), line, &spans).map(Some)
}

/// An unfinished head beyond its bound: the target's fault if even the request line has no end.
fn too_long(bytes: &[u8], bounds: &Bounds) -> Option<Denial> {
    if bytes.len() <= bounds.head_bytes {
        return None;
    }
    let line = &bytes[..bounds.target_bytes.min(bytes.len())];
    Some(Denial::Bound(if memchr::memchr(b'\n', line).is_some() { Bound::Headers } else { Bound::Target }))
}

fn check_sizes(target: usize, head: usize, fields: &Spans, bounds: &Bounds) -> Result<(), Denial> {
    if target > bounds.target_bytes {
        return Err(Denial::Bound(Bound::Target));
    }
    if head > bounds.head_bytes
        || fields.iter().any(|(name, value)| name.len() + value.len() > bounds.header_bytes)
    {
        return Err(Denial::Bound(Bound::Headers));
    }
    Ok(())
}

fn refusal(error: httparse::Error, head: &[u8]) -> Denial {
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => Malformed::Header.into(),
        httparse::Error::NewLine => Malformed::LineEnd.into(),
        httparse::Error::Version if names_a_version(head) => Malformed::Version.into(),
        httparse::Error::Token | httparse::Error::Version | httparse::Error::Status => {
            Malformed::RequestLine.into()
        }
        httparse::Error::TooManyHeaders => Denial::Bound(Bound::Headers),
    }
}

/// Whether a version stands where one belongs; else the line has another fault, such as a blank in its target.
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').skip(2);
    words.next().is_some_and(|word| word.starts_with(b"HTTP/")) && words.next().is_none()
}

/// Makes the head from its bytes and the places of its parts.
fn build(head: &Bytes, line: (Span, Span, bool), spans: &Spans) -> Result<RequestHead, Denial> {
    if has_bare_lf(head) {
        return Err(Malformed::LineEnd.into());
    }
    let (method, target, is_http11) = line;
    let (target, authority) = read_target(target, head)?;
    let mut framing = FramingFields::default();
    let mut headers = HeaderMap::with_capacity(spans.len() + SPARE);
    for (name, value) in spans {
        let name = &head[name.clone()];
        framing.note(name, &head[value.clone()], is_http11)?;
        let name = HeaderName::from_bytes(name).map_err(|_| Malformed::Header)?;
        let value =
            HeaderValue::from_maybe_shared(head.slice(value.clone())).map_err(|_| Malformed::Header)?;
        headers.append(name, value);
    }
    Ok(RequestHead {
        method: Method::from_bytes(&head[method]).map_err(|_| Malformed::RequestLine)?,
        target,
        authority,
        headers,
        keep_alive: framing.keep_alive(is_http11),
        is_http11,
        expects_continue: is_http11 && framing.expects_continue,
        framing: framing.judge()?,
    })
}

/// Whether the target has nothing but printable ASCII characters, and no fragment: readers behind us split lines at
/// other bytes in ways of their own, and some would cut a fragment off.
pub fn is_plain_target(target: &[u8]) -> bool {
    target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#')
}

/// Path and query, and the authority of an absolute form. A fragment is refused: some would cut it off.
fn read_target(span: Span, head: &Bytes) -> Result<(PathAndQuery, Option<Authority>), Denial> {
    let malformed = || Denial::from(Malformed::Target);
    let target = &head[span.clone()];
    if !is_plain_target(target) {
        return Err(malformed());
    }
    if target.starts_with(b"/") {
        let target = PathAndQuery::from_maybe_shared(head.slice(span));
        return Ok((target.map_err(|_| malformed())?, None));
    }
    let uri = Uri::try_from(target).map_err(|_| malformed())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(malformed());
    }
    let parts = uri.into_parts();
    Ok((parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/")), parts.authority))
}

/// The fields that decide where the message and the connection end; every doubt is a refusal (RFC 9112 §6).
#[derive(Default)]
struct FramingFields<'h> {
    length: Option<&'h [u8]>,
    chunked: bool,
    hosts: usize,
    close: bool,
    stay: bool,
    expects_continue: bool,
}

impl<'h> FramingFields<'h> {
    fn note(&mut self, name: &[u8], value: &'h [u8], is_http11: bool) -> Result<(), Denial> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.hosts += 1,
            6 if name.eq_ignore_ascii_case(b"expect") => {
                self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.stay |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => match self.length.replace(value) {
                None => {}
                Some(_) => return Err(Malformed::ContentLength.into()),
            },
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.chunked || !is_http11 || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Malformed::TransferEncoding.into());
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn keep_alive(&self, is_http11: bool) -> bool {
        !self.close && (is_http11 || self.stay)
    }

    fn judge(&self) -> Result<Framing, Denial> {
        if self.hosts != 1 {
            return Err(Malformed::Host.into());
        }
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Malformed::TwoFramings.into()),
            (None, true) => Ok(Framing::Chunked),
            (None, false) => Ok(Framing::None),
            (Some(digits), false) => match content_length(digits) {
                None => Err(Malformed::ContentLength.into()),
                Some(0) => Ok(Framing::None),
                Some(length) => Ok(Framing::Length(length)),
            },
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
