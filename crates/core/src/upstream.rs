//! Where admitted requests go, as data; pools and health live with the gateway.

use std::time::Duration;

use http::uri::Authority;
use http::{HeaderName, HeaderValue};

use crate::consumer::Name;

/// A named set of interchangeable targets.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Unique in the file; what runs for it (pool, health) is keyed by it.
    pub name: Name,
    /// At least one.
    pub targets: Vec<Target>,
    /// Active checks; absent means that a target counts as healthy.
    pub health: Option<Health>,
    /// Bounds of one exchange.
    pub timeout: Timeouts,
    /// How `https` targets are verified.
    pub tls: TlsClient,
    /// Which `Host` the model sees.
    pub host: HostSent,
    /// What the gate itself presents, replacing whatever the caller sent under that name.
    pub credential: Option<(HeaderName, HeaderValue)>,
}

/// One address of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether the exchange is wrapped in TLS.
    pub secure: bool,
    /// Host and port as written.
    pub authority: Authority,
    /// The port, 80 or 443 where the authority names none.
    pub port: u16,
    /// A path before every request path, without trailing slash; often empty.
    pub base: Box<str>,
    /// Relative share; at least 1.
    pub weight: u32,
}

/// An active health check: `GET path` every `every`, healthy on any 2xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Asked of each target.
    pub path: Box<str>,
    /// Time between two checks of one target.
    pub every: Duration,
}

/// Bounds of one exchange with a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// From the request's last byte to the response's first.
    pub first_byte: Duration,
    /// From the start to the response head; later only `idle` counts.
    pub total: Duration,
    /// Between two reads of a response body, and how long an unused connection is kept.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_secs(30),
            total: Duration::from_secs(120),
            idle: Duration::from_secs(60),
        }
    }
}

/// How `https` targets are verified, PEM already read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsClient {
    /// PEM of the only roots to trust; absent means the system's.
    pub roots: Option<Vec<u8>>,
    /// Name to verify and send instead of the target's host.
    pub server_name: Option<Box<str>>,
    /// PEM of a client certificate chain and its key.
    pub identity: Option<ClientIdentity>,
}

/// A client certificate for mutual TLS; `Debug` hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// PEM of the chain.
    pub cert: Vec<u8>,
    /// PEM of the private key.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientIdentity(…)")
    }
}

/// Which `Host` the model sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostSent {
    /// The target's own.
    #[default]
    Target,
    /// The caller's.
    Preserve,
}
