//! Writes the head of an answer to a caller that speaks HTTP/1.

use std::rc::Rc;

use http::header::{HeaderMap, HeaderValue};
use http::{Method, StatusCode};

use crate::gateway::wire::text::{push_decimal, push_field};

/// How the body of an answer is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// No body, whatever the fields say: an answer to `HEAD`, 1xx, 204 and 304.
    None,
    /// That many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Until the connection closes, for callers that know no chunks.
    Close,
}

/// What happens to the connection after the answer, as the head says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// It stays, which needs no word in HTTP/1.1.
    Stays,
    /// It stays, said to a caller that would expect its end.
    KeepAlive,
    /// It closes.
    Close,
    /// It changes to another protocol.
    Upgrade,
}

impl BodyFraming {
    /// How to delimit a body of `size` bytes, or of unknown size.
    pub fn of(status: StatusCode, method: &Method, size: Option<u64>, is_http11: bool) -> Self {
        let bodiless = status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || *method == Method::HEAD;
        match size {
            _ if bodiless => Self::None,
            Some(size) => Self::Length(size),
            None if is_http11 => Self::Chunked,
            None => Self::Close,
        }
    }
}

/// Writes status line and fields. What delimits the message and the connection is written from `framing` and
/// `connection` alone; `date` is asked where the model did not say one.
pub fn write(
    out: &mut Vec<u8>,
    status: StatusCode,
    headers: &HeaderMap,
    framing: BodyFraming,
    connection: Connection,
    date: impl FnOnce() -> Rc<[u8]>,
) {
    out.reserve(512);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    let (mut has_date, mut length) = (false, None);
    for (name, value) in headers {
        match name.as_str() {
            "connection" | "transfer-encoding" | "upgrade" => continue,
            "content-length" => {
                length = Some(value);
                continue;
            }
            "date" => has_date = true,
            _ => {}
        }
        push_field(out, name.as_str().as_bytes(), value.as_bytes());
    }
    if !has_date {
        push_field(out, b"date", &date());
    }
    push_framing(out, status, framing, length);
    match connection {
        Connection::Stays => {}
        Connection::KeepAlive => out.extend_from_slice(b"connection: keep-alive\r\n"),
        Connection::Close => out.extend_from_slice(b"connection: close\r\n"),
        Connection::Upgrade => out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

fn push_framing(out: &mut Vec<u8>, status: StatusCode, framing: BodyFraming, length: Option<&HeaderValue>) {
    match framing {
        BodyFraming::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            push_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        BodyFraming::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        // 1xx and 204 have no length (RFC 9110 §8.6); the others say how long the body would be.
        BodyFraming::None if !status.is_informational() && status != StatusCode::NO_CONTENT => {
            if let Some(length) = length {
                push_field(out, b"content-length", length.as_bytes());
            }
        }
        BodyFraming::None | BodyFraming::Close => {}
    }
}
