//! From hyper's request head to the gate's [`Head`]: ambiguity is refused, what a caller may not say is dropped.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Version};
use tollgate_core::denial::{Denial, Malformed};
use tollgate_core::head::{Head, Host};
use tollgate_core::path::CanonicalPath;

use super::listener::Peer;

/// A checked head and what was read from fields that do not go on.
#[derive(Debug)]
pub struct Checked {
    /// What the walk judges.
    pub head: Head,
    /// The protocol that the caller wants to change to.
    pub upgrade: Option<HeaderValue>,
    /// The caller's own id of the request, for the log.
    pub client_request_id: Option<HeaderValue>,
    /// `X-Forwarded-For` as it goes upstream.
    pub forwarded_for: HeaderValue,
}

/// Checks one request head and takes out hop-by-hop, forwarding and reserved fields.
///
/// # Errors
/// A 400-class [`Denial`]; nothing of the request may be used then.
pub fn check(parts: Parts, has_body: bool, peer: &Peer) -> Result<Checked, Denial> {
    let Parts {
        method,
        uri,
        version,
        mut headers,
        ..
    } = parts;
    let target = uri.path_and_query().cloned().ok_or(Malformed::Target)?;
    if method == Method::CONNECT || !target.as_str().starts_with('/') {
        return Err(Malformed::Target.into());
    }
    let host = host(&headers, uri.authority(), version)?;
    expectation(&headers)?;
    let path = CanonicalPath::parse(target.path()).map_err(Denial::Path)?;
    let upgrade = upgrade(&headers, version)?;
    let client_request_id = headers.get(X_REQUEST_ID).filter(|id| id.len() <= 128).cloned();
    let (client, secure, forwarded_for) = forwarded(&headers, peer);
    clean(&mut headers)?;
    let head = Head {
        method,
        path,
        target,
        host,
        headers,
        secure,
        client,
        has_body,
    };
    Ok(Checked {
        head,
        upgrade,
        client_request_id,
        forwarded_for,
    })
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The authority that the request names; target and `Host` must agree.
fn host(
    headers: &HeaderMap,
    authority: Option<&http::uri::Authority>,
    version: Version,
) -> Result<Host, Denial> {
    let mut fields = headers.get_all(header::HOST).iter();
    let field = match (fields.next(), fields.next()) {
        (_, Some(_)) => return Err(Malformed::Host.into()),
        (Some(field), None) => Some(parse_host(field.to_str().map_err(|_| Malformed::Host)?)?),
        (None, None) if version == Version::HTTP_2 => None,
        (None, None) => return Err(Malformed::Host.into()),
    };
    let named = authority
        .map(|authority| parse_host(authority.as_str()))
        .transpose()?;
    match (named, field) {
        (Some(named), Some(field)) if named != field => Err(Malformed::HostMismatch.into()),
        (Some(host), _) | (None, Some(host)) => Ok(host),
        (None, None) => Err(Malformed::Host.into()),
    }
}

fn parse_host(text: &str) -> Result<Host, Denial> {
    let bad = || Denial::from(Malformed::Host);
    let (name, port) = match text.rfind(':') {
        // A colon inside brackets belongs to an IPv6 address.
        Some(colon) if !text[colon..].contains(']') => {
            let digits = &text[colon + 1..];
            let port = digits
                .parse::<u16>()
                .ok()
                .filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
            (&text[..colon], Some(port.ok_or_else(bad)?))
        }
        _ => (text, None),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let valid = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name.len() <= 253
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        }
    };
    if !valid {
        return Err(bad());
    }
    let lower: Box<str> = match name.bytes().any(|b| b.is_ascii_uppercase()) {
        true => name.to_ascii_lowercase().into(),
        false => name.into(),
    };
    Ok(Host { name: lower, port })
}

fn expectation(headers: &HeaderMap) -> Result<(), Denial> {
    match headers.get(header::EXPECT) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Err(Denial::ExpectationFailed)
        }
        _ => Ok(()),
    }
}

/// The protocol to change to; `Upgrade` counts only where `Connection` names it (RFC 9110 §7.8).
fn upgrade(headers: &HeaderMap, version: Version) -> Result<Option<HeaderValue>, Denial> {
    let Some(protocol) = headers.get(header::UPGRADE) else {
        return Ok(None);
    };
    let named = connection_tokens(headers).any(|token| token.eq_ignore_ascii_case("upgrade"));
    match version == Version::HTTP_11 && named {
        true => Ok(Some(protocol.clone())),
        false => Ok(None),
    }
}

/// The caller's address, whether it used TLS, and the `X-Forwarded-For` to send: only a trusted proxy is believed.
fn forwarded(headers: &HeaderMap, peer: &Peer) -> (IpAddr, bool, HeaderValue) {
    if !peer.trusted {
        return (peer.address, peer.secure, peer.address_header.clone());
    }
    let chain: Vec<&str> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|hop| !hop.is_empty())
        .collect();
    // From the right, the first hop that is no proxy of ours is the caller; what stands left of it is hearsay.
    let mut client = peer.address;
    for hop in chain.iter().rev() {
        let Ok(address) = hop.parse() else { break };
        client = address;
        if !peer.listener.trusts(address) {
            break;
        }
    }
    let secure = match headers.get(X_FORWARDED_PROTO).map(HeaderValue::as_bytes) {
        Some(proto) => proto.eq_ignore_ascii_case(b"https"),
        None => peer.secure,
    };
    let line = chain
        .iter()
        .copied()
        .chain([peer.address.to_string().as_str()])
        .collect::<Vec<_>>()
        .join(", ");
    let forwarded_for = HeaderValue::from_str(&line).unwrap_or_else(|_| peer.address_header.clone());
    (client, secure, forwarded_for)
}

fn connection_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Takes out what ends here: hop-by-hop fields, those that `Connection` names, and everything reserved.
fn clean(headers: &mut HeaderMap) -> Result<(), Denial> {
    let mut listed: Vec<HeaderName> = Vec::new();
    for token in connection_tokens(headers) {
        match Fate::of(token.to_ascii_lowercase().as_str()) {
            Fate::Framing => return Err(Malformed::Connection.into()),
            Fate::Keep => listed.extend(HeaderName::from_bytes(token.as_bytes())),
            Fate::Drop => {}
        }
    }
    // Collected first: a map cannot be changed while it is walked, and most requests have nothing to drop.
    listed.extend(
        headers
            .keys()
            .filter(|name| Fate::of(name.as_str()) == Fate::Drop)
            .cloned(),
    );
    for name in listed {
        headers.remove(name);
    }
    Ok(())
}

/// What happens to a header field of a caller, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Goes on.
    Keep,
    /// Ends here: hop-by-hop, or ours to say.
    Drop,
    /// Frames the message; `Connection` may not name it.
    Framing,
}

impl Fate {
    /// Judges a lower-case name. `_` and `.` count as `-`: servers that map them would take an alias for the real name.
    pub(super) fn of(name: &str) -> Self {
        let folded;
        let name = match name.bytes().any(|b| matches!(b, b'_' | b'.')) {
            true => {
                folded = name.replace(['_', '.'], "-");
                folded.as_str()
            }
            false => name,
        };
        match name {
            "host" | "content-length" | "transfer-encoding" => Self::Framing,
            "connection"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "upgrade"
            | "proxy-authorization"
            | "proxy-authenticate"
            | "forwarded"
            | "x-real-ip"
            | "x-request-id"
            | "x-credential-identifier"
            | "client-cert"
            | "client-cert-chain"
            | "x-mlfsa-retried"
            | "expect"
            | "http2-settings" => Self::Drop,
            _ if ["x-consumer-", "x-tollgate-", "x-forwarded-", "cf-access-"]
                .iter()
                .any(|p| name.starts_with(p)) =>
            {
                Self::Drop
            }
            _ => Self::Keep,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
