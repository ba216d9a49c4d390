//! The head of a request after the framing checks.

use core::net::IpAddr;
use std::fmt;

use http::uri::PathAndQuery;
use http::{HeaderMap, Method};

use crate::path::CanonicalPath;

/// A request's head, checked once: its path is canonical, and what a caller may not say is gone.
///
/// The gateway makes it; every later step reads this and nothing else of the request's head.
#[derive(Debug)]
pub struct Head {
    /// The method, any token.
    pub method: Method,
    /// Decides route, access and, with the route's rewrite, what the upstream sees.
    pub path: CanonicalPath,
    /// Path and query as they came: Hawk signs these bytes.
    pub target: PathAndQuery,
    /// Whom the request names.
    pub host: Host,
    /// Header fields without hop-by-hop, forwarding and reserved ones; credentials are still in.
    pub headers: HeaderMap,
    /// Whether a body follows: `Content-Length` above zero, a `Transfer-Encoding`, or an open HTTP/2 stream.
    pub has_body: bool,
    /// Whether it came over TLS, to us or to a trusted proxy before us.
    pub secure: bool,
    /// The caller's address: the peer, or what a trusted proxy says.
    pub client: IpAddr,
}

impl Head {
    /// The raw query without `?`.
    pub fn query(&self) -> Option<&str> {
        self.target.query()
    }
}

/// The authority that a request names: host in lower case, port if one was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Lower case, without the trailing dot; an IPv6 address keeps its brackets.
    pub name: Box<str>,
    /// As given.
    pub port: Option<u16>,
}

impl Host {
    /// The port, or the scheme's own where none was given.
    pub fn port_or_default(&self, secure: bool) -> u16 {
        self.port.unwrap_or(if secure { 443 } else { 80 })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
