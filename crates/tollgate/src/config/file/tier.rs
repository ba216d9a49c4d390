//! Tiers.

use schemars::JsonSchema;
use serde::Deserialize;

use super::given;
use super::limit::{Budget, Limit, Quota};
use super::spanned::Spanned;

/// A named bundle of what a consumer may do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Tier {
    /// What each consumer may use at a time, over all routes.
    #[serde(default)]
    pub limits: Option<Spanned<Vec<Spanned<Limit>>>>,
    /// Share of a busy upstream, relative to other tiers. Default 1.
    #[serde(default)]
    pub weight: Option<Spanned<u32>>,
    /// Scopes that every consumer of the tier has.
    #[serde(default, deserialize_with = "given")]
    pub scopes: Option<Vec<Spanned<String>>>,
    /// What may be used per calendar day or month.
    #[serde(default)]
    pub quota: Option<Spanned<Quota>>,
    /// What may be spent per calendar day or month.
    #[serde(default)]
    pub budget: Option<Spanned<Budget>>,
    /// The time zone of those days and months, such as `Europe/Berlin`. Default UTC.
    #[serde(default)]
    pub zone: Option<Spanned<String>>,
}

/// One row of the table from scopes to tiers: `{ scope, tier }`, or `{ default: TIER }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct TierByScope {
    /// A scope of the key.
    #[serde(default)]
    pub scope: Option<Spanned<String>>,
    /// The tier that it stands for.
    #[serde(default)]
    pub tier: Option<Spanned<String>>,
    /// The tier of keys that no other row concerns.
    #[serde(default)]
    pub default: Option<Spanned<String>>,
}
