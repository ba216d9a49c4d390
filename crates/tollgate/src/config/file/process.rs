//! Listeners, threads and bounds.

use std::fmt;
use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserialize as De, Deserializer, Error};

use super::amount::{ByteSize, Network, TimeSpan, text_type};
use super::given;
use super::spanned::Spanned;

/// An address, or a list of addresses and listeners.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind")]
#[schemars(untagged, rename = "Listen")]
pub(in crate::config) enum Listen {
    #[serde(rename = "text")]
    One(Spanned<Address>),
    #[serde(rename = "list")]
    Several(Spanned<Vec<Listed>>),
}

/// An address, alone or with the settings of its listener.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind")]
#[schemars(untagged, rename = "Listed")]
pub(in crate::config) enum Listed {
    #[serde(rename = "text")]
    Plain(Spanned<Address>),
    #[serde(rename = "mapping")]
    Detailed(Box<Listener>),
}

impl Listed {
    /// Where it listens.
    pub fn address(&self) -> &Spanned<Address> {
        match self {
            Self::Plain(address) => address,
            Self::Detailed(listener) => &listener.address,
        }
    }
}

/// One listener of the data plane.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Listener {
    /// Where it listens, such as `0.0.0.0:8443`.
    pub address: Spanned<Address>,
    /// Certificate files; without them it speaks plain HTTP.
    #[serde(default, deserialize_with = "given")]
    pub tls: Option<Spanned<ListenerTls>>,
    /// Networks of proxies whose `X-Forwarded-*` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<Network>,
    /// Caps of open connections.
    #[serde(default)]
    pub connections: Option<Connections>,
}

/// Certificate files of a listener, in PEM.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ListenerTls {
    /// The chain, leaf first.
    pub cert: Spanned<String>,
    /// The private key.
    pub key: Spanned<String>,
    /// Roots that client certificates must chain to.
    #[serde(default, deserialize_with = "given")]
    pub client_ca: Option<Spanned<String>>,
}

/// Caps of open connections on one listener.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Connections {
    /// From one address. Default 256.
    #[serde(default)]
    pub per_address: Option<Spanned<u32>>,
    /// In all. Default 20000.
    #[serde(default)]
    pub total: Option<Spanned<u32>>,
}

/// The admin listener.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Admin {
    /// Where it listens. Off loopback it needs `tls`.
    pub listen: Spanned<Address>,
    /// Certificate files; without them it speaks plain HTTP.
    #[serde(default, deserialize_with = "given")]
    pub tls: Option<Spanned<ListenerTls>>,
    /// Names that it is called by, beside `localhost`, loopback addresses and its own address. Requests to other
    /// names are refused.
    #[serde(default)]
    pub hosts: Vec<Spanned<String>>,
}

/// A listener for health, readiness and metrics.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Probes {
    /// Where it listens.
    pub listen: Spanned<Address>,
}

/// A listener for the auth service contract.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct AuthApi {
    /// Where it listens.
    pub listen: Spanned<Address>,
    /// Networks that may report usage without a key. Default loopback.
    #[serde(default, deserialize_with = "given")]
    pub callers: Option<Vec<Network>>,
}

text_type! {
    /// An IP address with a port: `127.0.0.1:8080`, `[::1]:8080`.
    Address(SocketAddr), json = "string", pattern = ":[0-9]+$", |text| {
        text.parse().map_err(|_| format!(
            "`{}` is no address\nwrite an IP address and a port, such as `127.0.0.1:8080`", text.escape_debug()
        ))
    }
}

/// `auto`, or a number of threads.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) enum Workers {
    Auto,
    Count(usize),
}

impl<'de> De<'de> for Workers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(count) if (1..=1024).contains(&count) => Ok(Self::Count(count)),
            _ => Err(D::Error::custom("expected `auto` or a number from 1 to 1024")),
        }
    }
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

impl JsonSchema for Workers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Workers".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": 1024 }] })
    }
}

/// Bounds of what callers may send.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Bounds {
    /// Header fields in a request or response. Default 100.
    #[serde(default)]
    pub header_fields: Option<Spanned<u32>>,
    /// Size of one header field. Default `16KiB`.
    #[serde(default)]
    pub header_bytes: Option<Spanned<ByteSize>>,
    /// Size of a whole head. Default `64KiB`.
    #[serde(default)]
    pub head_bytes: Option<Spanned<ByteSize>>,
    /// Size of the request target. Default `8KiB`.
    #[serde(default)]
    pub target_bytes: Option<Spanned<ByteSize>>,
    /// From the first byte of a head to its end. Default `10s`.
    #[serde(default)]
    pub head_timeout: Option<Spanned<TimeSpan>>,
    /// Bytes per second that a body must keep up while it is waited for. Default `1KiB`; 0 for none.
    #[serde(default)]
    pub body_rate: Option<Spanned<ByteSize>>,
    /// How long a body may come more slowly than that, all its pauses together. Default `5s`.
    #[serde(default)]
    pub body_grace: Option<Spanned<TimeSpan>>,
    /// All bodies that are held whole at once, in the whole process. Default `64MiB`.
    #[serde(default)]
    pub held_bodies: Option<Spanned<ByteSize>>,
    /// Between two requests of a connection. Default `60s`.
    #[serde(default)]
    pub idle: Option<Spanned<TimeSpan>>,
    /// How long a caller may not read. Default `30s`.
    #[serde(default)]
    pub write_stall: Option<Spanned<TimeSpan>>,
    /// From accept to the end of the TLS handshake. Default `5s`.
    #[serde(default)]
    pub tls_handshake: Option<Spanned<TimeSpan>>,
    /// Requests read ahead on one HTTP/1.1 connection. Default 16.
    #[serde(default)]
    pub pipeline: Option<Spanned<u32>>,
    /// HTTP/2 streams open at once on one connection. Default 100.
    #[serde(default)]
    pub h2_streams: Option<Spanned<u32>>,
}
