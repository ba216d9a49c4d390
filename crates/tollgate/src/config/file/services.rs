//! What stands beside the gate: shared state, ledger, directory, auth service.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::amount::{ByteSize, TimeSpan};
use super::secret::Secret;
use super::spanned::Spanned;

/// State that a fleet shares.
#[derive(Deserialize, JsonSchema)]
#[serde(rename = "by kind")]
#[schemars(untagged, rename = "Shared")]
pub(in crate::config) enum Shared {
    #[serde(rename = "text")]
    Url(String),
    #[serde(rename = "mapping")]
    Detailed(Box<SharedStore>),
}

/// The Redis of a fleet; its URL by one of `url`, `env` and `file`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct SharedStore {
    /// Its URL.
    #[serde(default)]
    pub url: Option<Spanned<Secret>>,
    /// An environment variable that holds the URL.
    #[serde(default)]
    pub env: Option<Spanned<String>>,
    /// A file that holds the URL.
    #[serde(default)]
    pub file: Option<Spanned<PathBuf>>,
    /// The fleet key, of at least 32 bytes, the same for all nodes. It authenticates what they share of an external
    /// auth service's answers and of refusals, and without it they share none.
    #[serde(default)]
    pub key: Option<Spanned<Secret>>,
    /// How many nodes there are, for as long as one has not heard it from Redis. Default 1.
    #[serde(default)]
    pub nodes: Option<Spanned<u32>>,
    /// The only roots to trust over `rediss://`, a PEM file. Default: the system's.
    #[serde(default)]
    pub roots: Option<Spanned<String>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // It may hold a password.
            Self::Url(_) => f.write_str("Url(…)"),
            Self::Detailed(store) => store.fmt(f),
        }
    }
}

/// The record of usage.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Ledger {
    /// Where events go: `store`, `nats://…`, `kafka://…` or `kinesis://STREAM?region=…`. Default `store`.
    #[serde(default)]
    pub sink: Option<Spanned<Secret>>,
    /// When the journal is on disk. Default `process`.
    #[serde(default)]
    pub sync: Option<Sync>,
    /// How long events are kept in the store. Default `90d`.
    #[serde(default)]
    pub keep: Option<Spanned<TimeSpan>>,
    /// The journal's largest size. Default `10GiB`.
    #[serde(default)]
    pub max_bytes: Option<Spanned<ByteSize>>,
}

/// When the journal is on disk.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Sync {
    /// Written at once, flushed every second: survives the end of the process.
    Process,
    /// Flushed each time: survives the end of the machine.
    Always,
}

/// The cache of who is behind a credential.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Directory {
    /// Credentials that are remembered at once. Default 100000.
    #[serde(default)]
    pub max: Option<Spanned<u64>>,
    /// How long known credentials serve while the store is away. Default `10m`.
    #[serde(default)]
    pub stale: Option<TimeSpan>,
    /// Whether answers that are under way end when their credential is revoked or disabled. Default true.
    #[serde(default)]
    pub cut: Option<bool>,
}

/// Who judges keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind")]
#[schemars(untagged, rename = "AuthService")]
pub(in crate::config) enum AuthService {
    #[serde(rename = "text")]
    Named(Embedded),
    #[serde(rename = "mapping")]
    External(ExternalAuth),
}

/// The gate itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Embedded {
    /// Keys are judged by the gate itself.
    Embedded,
}

/// An external auth service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ExternalAuth {
    /// Its base URL.
    pub url: Spanned<String>,
    /// How long an answer may take. Default `5s`.
    #[serde(default)]
    pub timeout: Option<Spanned<TimeSpan>>,
    /// How long an answer holds. Default `5m`.
    #[serde(default)]
    pub cache: Option<Spanned<TimeSpan>>,
    /// Whether the balance is charged before the call. Default `before`.
    #[serde(default)]
    pub debit: Option<Debit>,
    /// Whether usage is reported after the call. Default `after`.
    #[serde(default)]
    pub report: Option<Report>,
    /// How the gate names itself there. Default `platform`.
    #[serde(default)]
    pub service_id: Option<Spanned<String>>,
}

/// Whether the balance is charged before the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Debit {
    /// It is, and a refusal refuses the call.
    Before,
    /// It is not.
    Off,
}

/// Whether usage is reported after the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Report {
    /// It is.
    After,
    /// It is not.
    Off,
}
