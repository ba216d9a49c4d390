//! Takes the head of a model's HTTP/1 answer apart.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::{Framing, Lookout, MAX_FIELDS, Place, SPARE, Spans, content_length, has_bare_lf, take_front};
use crate::config::process::Bounds;

/// The head of an answer.
#[derive(Debug)]
pub struct ResponseHead {
    /// Any of three digits.
    pub status: StatusCode,
    /// All header fields in their order.
    pub headers: HeaderMap,
    /// How the body is delimited.
    pub framing: Framing,
    /// Whether the model keeps the connection open for another request.
    pub keep_alive: bool,
}

/// No HTTP, or HTTP whose end is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid;

/// Takes the next head out of `input`; nothing where it has not come whole. `method` is that of the request, `lookout`
/// belongs to this head alone.
///
/// # Errors
/// [`Invalid`] where the head breaks a rule or a bound; the connection must not be used again.
pub fn next(
    input: &mut BytesMut,
    lookout: &mut Lookout,
    method: &Method,
    bounds: &Bounds,
) -> Result<Option<ResponseHead>, Invalid> {
    if !lookout.is_due(input) {
        return Ok(None);
    }
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let fields = &mut fields[..bounds.header_fields.min(MAX_FIELDS)];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, input, fields)
        .map_err(|_| Invalid)?;
    let httparse::Status::Complete(length) = parsed else {
        lookout.wait(bounds);
        let unfinished = input.len() <= bounds.head_bytes && !has_bare_lf(input);
        return if unfinished { Ok(None) } else { Err(Invalid) };
    };
    if length > bounds.head_bytes || has_bare_lf(&input[..length]) {
        return Err(Invalid);
    }
    let status = StatusCode::from_u16(response.code.unwrap_or_default()).map_err(|_| Invalid)?;
    let place = Place::of(input);
    let spans: Spans = response.headers.iter().map(|field| place.field(field)).collect();
    let is_http11 = response.version == Some(1);
    *lookout = Lookout::default();
    let head = take_front(input, length);
    build(&head, status, is_http11, &spans, method).map(Some)
}

/// Makes the head from its bytes and the places of its fields. What concerns only the connection ends here.
fn build(
    head: &Bytes,
    status: StatusCode,
    is_http11: bool,
    spans: &Spans,
    method: &Method,
) -> Result<ResponseHead, Invalid> {
    let mut ends = Ends::default();
    let mut headers = HeaderMap::with_capacity(spans.len() + SPARE);
    for (name, value) in spans {
        let name = HeaderName::from_bytes(&head[name.clone()]).map_err(|_| Invalid)?;
        if ends.keeps(&name, &head[value.clone()])? {
            let value = HeaderValue::from_maybe_shared(head.slice(value.clone())).map_err(|_| Invalid)?;
            headers.append(name, value);
        }
    }
    for name in &ends.named {
        headers.remove(name);
    }
    Ok(ResponseHead {
        status,
        headers,
        framing: ends.framing(status, method, is_http11)?,
        keep_alive: !ends.close && (is_http11 || ends.stay),
    })
}

/// The fields that decide where the message and the connection end (RFC 9112 §6.3).
#[derive(Default)]
struct Ends {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    stay: bool,
    /// Fields that `Connection` names.
    named: Vec<HeaderName>,
}

impl Ends {
    /// Notes what a field says; whether it goes on to the caller.
    fn keeps(&mut self, name: &HeaderName, value: &[u8]) -> Result<bool, Invalid> {
        match *name {
            header::CONTENT_LENGTH => {
                let length = content_length(value).ok_or(Invalid)?;
                if self.length.replace(length).is_some() {
                    return Err(Invalid);
                }
                return Ok(true);
            }
            header::TRANSFER_ENCODING => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Invalid);
                }
                self.chunked = true;
            }
            header::CONNECTION => {
                for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    match option {
                        _ if option.eq_ignore_ascii_case(b"close") => self.close = true,
                        _ if option.eq_ignore_ascii_case(b"keep-alive") => self.stay = true,
                        _ => self.named.extend(HeaderName::from_bytes(option)),
                    }
                }
                self.named.retain(|name| *name != header::CONTENT_LENGTH);
            }
            header::UPGRADE | header::PROXY_AUTHENTICATE | header::TRAILER => {}
            // The last is the gate's to say, and only where it was asked for.
            _ => {
                return Ok(!matches!(
                    name.as_str(),
                    "keep-alive" | "proxy-connection" | "http2-settings" | "server-authorization"
                ));
            }
        }
        Ok(false)
    }

    fn framing(&self, status: StatusCode, method: &Method, is_http11: bool) -> Result<Framing, Invalid> {
        if self.chunked && (self.length.is_some() || !is_http11) {
            return Err(Invalid);
        }
        let bodiless = status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || *method == Method::HEAD;
        Ok(match self.length {
            _ if bodiless => Framing::None,
            _ if self.chunked => Framing::Chunked,
            Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
            None => Framing::Close,
        })
    }
}

#[cfg(test)]
mod tests;
