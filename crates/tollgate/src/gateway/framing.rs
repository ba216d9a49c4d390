//! From a request's head as it came to the gate's [`Head`]: ambiguity is refused, what a caller may not say is dropped.

mod fate;
mod http2;

use std::net::IpAddr;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Method, Version};
use tollgate_core::denial::{Denial, Malformed};
use tollgate_core::head::{Head, Host};
use tollgate_core::path::CanonicalPath;

use self::fate::Fate;
use super::listener::Peer;
use super::wire::request::RequestHead;
use crate::config::process::Bounds;

/// A head whose meaning nobody has judged yet.
#[derive(Debug)]
pub struct Unchecked {
    method: Method,
    /// Path and query; absent in the forms of a target that are not served.
    target: Option<PathAndQuery>,
    /// Of a target that has one.
    authority: Option<Authority>,
    version: Version,
    headers: HeaderMap,
}

impl Unchecked {
    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }
}

impl From<RequestHead> for Unchecked {
    fn from(head: RequestHead) -> Self {
        let RequestHead { method, target, authority, headers, is_http11, .. } = head;
        let version = if is_http11 { Version::HTTP_11 } else { Version::HTTP_10 };
        Self { method, target: Some(target), authority, version, headers }
    }
}

/// An HTTP/2 head, decoded by its library.
impl From<Parts> for Unchecked {
    fn from(parts: Parts) -> Self {
        let Parts { method, uri, version, headers, .. } = parts;
        let known = matches!(uri.scheme_str(), None | Some("http" | "https"));
        let uri = uri.into_parts();
        Self {
            method,
            target: uri.path_and_query.filter(|_| known),
            authority: uri.authority,
            version,
            headers,
        }
    }
}

/// A checked head and what was read from fields that do not go on.
#[derive(Debug)]
pub struct Checked {
    /// What the walk judges.
    pub head: Head,
    /// The protocol that the caller wants to change to.
    pub upgrade: Option<HeaderValue>,
    /// The caller's own id of the request, for the log.
    pub client_request_id: Option<HeaderValue>,
    /// `Host` as the caller sent it, or the target's authority.
    pub asked_host: Option<HeaderValue>,
    /// `X-Forwarded-For` as it goes upstream.
    pub forwarded_for: HeaderValue,
}

/// Checks one request head and takes out hop-by-hop, forwarding and reserved fields.
///
/// # Errors
/// A 400-class [`Denial`]; nothing of the request may be used then.
pub fn check(head: Unchecked, has_body: bool, peer: &Peer, bounds: &Bounds) -> Result<Checked, Denial> {
    let Unchecked { method, target, authority, version, mut headers } = head;
    let target = target.ok_or(Malformed::Target)?;
    if method == Method::CONNECT || !target.as_str().starts_with('/') {
        return Err(Malformed::Target.into());
    }
    // It would show the caller what only the model may see.
    if method == Method::TRACE {
        return Err(Denial::MethodNotAllowed { allow: Vec::new(), errors: None });
    }
    if version == Version::HTTP_2 {
        http2::check(&mut headers, target.as_str(), bounds)?;
    }
    let survey = Survey::of(&headers)?;
    let host = host(survey.host.as_ref(), authority.as_ref(), version)?;
    let path = CanonicalPath::parse(target.path()).map_err(Denial::Path)?;
    let (client, secure, forwarded_for) = forwarded(&headers, peer);
    let Survey { host: asked_host, upgrade, names_upgrade, client_request_id, ended } = survey;
    for name in ended {
        headers.remove(name);
    }
    // `Upgrade` counts only where `Connection` names it (RFC 9110 §7.8).
    let upgrade = upgrade.filter(|_| version == Version::HTTP_11 && names_upgrade);
    let asked_host = asked_host.or_else(|| HeaderValue::from_str(&host.to_string()).ok());
    let head = Head { method, path, target, host, headers, secure, client, has_body };
    Ok(Checked { head, upgrade, client_request_id, asked_host, forwarded_for })
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// A caller's own request id is kept up to this length.
const CLIENT_REQUEST_ID_MAX: usize = 128;

/// What one look over the header fields finds: every request pays for it, so it is one look.
#[derive(Debug, Default)]
struct Survey {
    host: Option<HeaderValue>,
    upgrade: Option<HeaderValue>,
    names_upgrade: bool,
    client_request_id: Option<HeaderValue>,
    /// Fields that end here; most requests have none.
    ended: Vec<HeaderName>,
}

impl Survey {
    fn of(headers: &HeaderMap) -> Result<Self, Denial> {
        let mut survey = Self::default();
        for (name, value) in headers {
            let fate = Fate::of(name.as_str());
            match fate {
                Fate::Keep => continue,
                Fate::Drop => survey.ended.push(name.clone()),
                Fate::Framing => {}
            }
            match name.as_str() {
                "host" if survey.host.replace(value.clone()).is_some() => return Err(Malformed::Host.into()),
                "expect" if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
                    return Err(Denial::ExpectationFailed);
                }
                "upgrade" => survey.upgrade = Some(value.clone()),
                "x-request-id" if value.len() <= CLIENT_REQUEST_ID_MAX => {
                    survey.client_request_id = Some(value.clone());
                }
                "connection" => survey.connection(value)?,
                _ => {}
            }
        }
        Ok(survey)
    }

    /// Fields that `Connection` names end here too, except those that are ours to judge anyway.
    fn connection(&mut self, value: &HeaderValue) -> Result<(), Denial> {
        for token in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            self.names_upgrade |= token.eq_ignore_ascii_case(b"upgrade");
            // What is no field's name names none.
            let Ok(name) = HeaderName::from_bytes(token) else { continue };
            match Fate::of(name.as_str()) {
                Fate::Framing => return Err(Malformed::Connection.into()),
                Fate::Keep => self.ended.push(name),
                Fate::Drop => {}
            }
        }
        Ok(())
    }
}

/// The authority that the request names; target and `Host` must agree.
fn host(
    field: Option<&HeaderValue>,
    authority: Option<&Authority>,
    version: Version,
) -> Result<Host, Denial> {
    let field = match field {
        Some(field) => Some(parse_host(field.to_str().map_err(|_| Malformed::Host)?)?),
        None if version == Version::HTTP_2 => None,
        None => return Err(Malformed::Host.into()),
    };
    let named = authority.map(|authority| parse_host(authority.as_str())).transpose()?;
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
            let port = digits.parse::<u16>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
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
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
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
    let line =
        chain.iter().copied().chain([peer.address.to_string().as_str()]).collect::<Vec<_>>().join(", ");
    let forwarded_for = HeaderValue::from_str(&line).unwrap_or_else(|_| peer.address_header.clone());
    (client, secure, forwarded_for)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
