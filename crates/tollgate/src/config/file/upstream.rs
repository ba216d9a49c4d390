//! Model servers.

use schemars::JsonSchema;
use serde::Deserialize;

use super::amount::TimeSpan;
use super::given;
use super::secret::Secret;
use super::spanned::Spanned;

/// A named set of interchangeable model servers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Upstream {
    /// URLs of the servers; the one with the fewest open requests is asked.
    pub targets: Spanned<Vec<Target>>,
    /// Active health checks; without them a target counts as healthy.
    #[serde(default)]
    pub health: Option<Health>,
    /// Bounds of one exchange.
    #[serde(default)]
    pub timeout: Option<Timeout>,
    /// How `https` targets are verified.
    #[serde(default)]
    pub tls: Option<Spanned<Tls>>,
    /// Which `Host` the model sees. Default `target`.
    #[serde(default)]
    pub host: Option<Host>,
    /// Requests that it serves at once; absent means that there is no queue.
    #[serde(default)]
    pub capacity: Option<Spanned<u32>>,
    /// How long and how many requests wait for a free place.
    #[serde(default)]
    pub queue: Option<Spanned<Queue>>,
    /// What the gate itself presents: `{ bearer: SECRET }` or `{ header: NAME, value: SECRET }`.
    #[serde(default, deserialize_with = "given")]
    pub credential: Option<Spanned<Credential>>,
}

/// A URL, alone or with a weight.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind")]
#[schemars(untagged, rename = "Target")]
pub(in crate::config) enum Target {
    #[serde(rename = "text")]
    Plain(Spanned<String>),
    #[serde(rename = "mapping")]
    Weighted(Weighted),
}

/// A target with a weight.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Weighted {
    /// `http` or `https`, with host, optional port and base path.
    pub url: Spanned<String>,
    /// Relative share. Default 1.
    #[serde(default)]
    pub weight: Option<Spanned<u32>>,
}

/// Active health checks: a `GET` that any 2xx answers well.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Health {
    /// Asked of each target.
    pub path: Spanned<String>,
    /// Time between two checks. Default `5s`.
    #[serde(default)]
    pub every: Option<Spanned<TimeSpan>>,
}

/// Bounds of one exchange.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Timeout {
    /// Until the connection stands. Default `2s`.
    #[serde(default)]
    pub connect: Option<Spanned<TimeSpan>>,
    /// From the request's last byte to the answer's first. Default `30s`.
    #[serde(default)]
    pub first_byte: Option<Spanned<TimeSpan>>,
    /// From the start to the answer's head. Default `120s`.
    #[serde(default)]
    pub total: Option<Spanned<TimeSpan>>,
    /// Between two reads of an answer. Default `60s`.
    #[serde(default)]
    pub idle: Option<Spanned<TimeSpan>>,
}

/// How `https` targets are verified; all paths are PEM files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Tls {
    /// The only roots to trust. Default: the system's.
    #[serde(default)]
    pub roots: Option<Spanned<String>>,
    /// The name to verify instead of the target's host.
    #[serde(default)]
    pub sni: Option<Spanned<String>>,
    /// A client certificate chain.
    #[serde(default)]
    pub cert: Option<Spanned<String>>,
    /// Its private key.
    #[serde(default)]
    pub key: Option<Spanned<String>>,
}

/// Which `Host` the model sees.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Host {
    /// The target's own.
    Target,
    /// The caller's.
    Preserve,
}

/// How requests wait.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Queue {
    /// Requests that may wait.
    #[serde(default)]
    pub max: Option<u32>,
    /// How long one may wait.
    #[serde(default)]
    pub wait: Option<TimeSpan>,
}

/// What the gate itself presents to the model server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Credential {
    /// A bearer token.
    #[serde(default)]
    pub bearer: Option<Spanned<Secret>>,
    /// A header's name.
    #[serde(default)]
    pub header: Option<Spanned<String>>,
    /// That header's value.
    #[serde(default)]
    pub value: Option<Spanned<Secret>>,
}
