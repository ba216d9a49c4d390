//! The shape of `tollgate.yaml`: plain structs, from which both the reader and the JSON Schema are made. Their doc
//! comments are what editors show, so they speak to the person who writes the file.

use schemars::transform::Transform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

pub(super) mod amount;
#[expect(dead_code, reason = "parts of the grammar are read for their shape and not in force yet")]
pub(super) mod consumer;
pub(super) mod deserialize;
pub(super) mod limit;
pub(super) mod node;
#[expect(dead_code, reason = "parts of the grammar are read for their shape and not in force yet")]
pub(super) mod price;
pub(super) mod process;
pub(super) mod read;
pub(super) mod redact;
#[expect(dead_code, reason = "parts of the grammar are read for their shape and not in force yet")]
pub(super) mod route;
#[expect(dead_code, reason = "parts of the grammar are read for their shape and not in force yet")]
pub(super) mod scheme;
pub(super) mod secret;
pub(super) mod services;
pub(super) mod spanned;
#[expect(dead_code, reason = "parts of the grammar are read for their shape and not in force yet")]
pub(super) mod tier;
#[expect(dead_code, reason = "parts of the grammar are read for their shape and not in force yet")]
pub(super) mod upstream;
pub(super) mod yaml;

use amount::TimeSpan;
use spanned::{Named, Spanned};

/// Configuration of Tollgate: listeners, upstreams, routes, tiers, prices and static consumers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Shape of error bodies where no route matched, and default of routes.
    #[serde(default)]
    pub errors: Option<route::Dialect>,
    /// Where the gate listens: an address, or a list of addresses and listeners. Default `127.0.0.1:8080`.
    #[serde(default)]
    pub listen: Option<process::Listen>,
    /// Threads of the data plane: `auto` for one per available core, or a number.
    #[serde(default)]
    pub workers: Option<process::Workers>,
    /// How long open requests may take after a request to stop. Default `10s`.
    #[serde(default)]
    pub drain: Option<TimeSpan>,
    /// The admin listener: admin API, dashboard, health, readiness and metrics.
    #[serde(default)]
    pub admin: Option<process::Admin>,
    /// A listener of its own for health, readiness and metrics.
    #[serde(default)]
    pub probes: Option<Spanned<process::Probes>>,
    /// A listener of its own for the auth service contract.
    #[serde(default)]
    pub auth_api: Option<Spanned<process::AuthApi>>,
    /// Directory of the journal and the embedded store. Default `./tollgate-data`, beside the configuration file.
    #[serde(default)]
    pub data_dir: Option<String>,
    /// Bounds of what callers may send.
    #[serde(default)]
    pub bounds: Option<process::Bounds>,
    /// Where accounts, consumers and credentials are kept: `sqlite`, `sqlite:PATH` or `postgres://…`; a URL with a
    /// password better as `{ env: NAME }` or `{ file: PATH }`. Default `sqlite`, in `data_dir`.
    #[serde(default)]
    pub store: Option<Spanned<secret::Secret>>,
    /// State that a fleet of gates shares: `none` or `redis://…`.
    #[serde(default)]
    pub shared: Option<Spanned<String>>,
    /// The record of usage.
    #[serde(default)]
    pub ledger: Option<Spanned<services::Ledger>>,
    /// The cache of who is behind a credential.
    #[serde(default)]
    pub directory: Option<Spanned<services::Directory>>,
    /// Who judges keys: `embedded`, or an external auth service.
    #[serde(default)]
    pub auth_service: Option<Spanned<services::AuthService>>,
    /// Model servers, by name.
    #[serde(default)]
    pub upstreams: Named<upstream::Upstream>,
    /// Named bundles of limits, weight and scopes.
    #[serde(default)]
    pub tiers: Named<tier::Tier>,
    /// Which scope puts a key into which tier; the first that matches counts.
    #[serde(default)]
    pub tier_by_scope: Option<Spanned<Vec<tier::TierByScope>>>,
    /// What usage costs.
    #[serde(default)]
    pub prices: Option<Spanned<Vec<price::Price>>>,
    /// What is matched, and how a matched request is treated, by name.
    #[serde(default)]
    pub routes: Option<Spanned<Named<route::Route>>>,
    /// Consumers that this file declares; others live in the store.
    #[serde(default)]
    pub consumers: Named<consumer::Consumer>,
    /// Password files whose users become consumers.
    #[serde(default)]
    pub htpasswd: Option<Spanned<Vec<consumer::Htpasswd>>>,
}

/// Reads a field that must have a value where its key stands: nothing after `allow:` must not mean everybody.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Adds the bare words to the schema of an enum whose variants have options that may all be left out.
fn bare_words(words: &'static [&'static str]) -> impl Transform {
    move |schema: &mut Schema| {
        let variants = std::mem::take(schema);
        let description = variants.get("description").cloned();
        *schema = json_schema!({ "anyOf": [{ "type": "string", "enum": words }, variants] });
        if let Some(description) = description {
            schema.insert("description".into(), description);
        }
    }
}

/// The JSON Schema (draft 2020-12) of the file, for editors and for `tollgate schema`.
pub(super) fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let mut schema = SchemaGenerator::new(settings).into_root_schema_for::<File>();
    // Readers look for these two first.
    let version = schema.remove("$schema").unwrap_or_default();
    let title = "tollgate.yaml".into();
    schema.remove("title");
    let first = [("$schema".to_owned(), version), ("title".to_owned(), title)];
    let rest = std::mem::take(schema.ensure_object());
    serde_json::Value::Object(first.into_iter().chain(rest).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
