//! The immutable state that one request is served from.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::consumer::{Consumer, Name, Scopes};
use crate::credential::Credentials;
use crate::denial::Dialect;
use crate::limit::Limits;
use crate::route::Routes;
use crate::upstream::Upstream;

/// Everything a configuration file says about requests, compiled; data only, swapped whole.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// All routes, indexed by path.
    pub routes: Routes,
    /// All upstreams; a route holds an index into it.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Consumers that the file declares, by name.
    pub consumers: BTreeMap<Name, Arc<Consumer>>,
    /// The credentials of those consumers.
    pub credentials: Credentials,
    /// Tiers by name.
    pub tiers: BTreeMap<Name, Tier>,
    /// The tier of those who have none of their own.
    pub tier_by_scope: TierByScope,
    /// Error dialect where no route matched.
    pub errors: Dialect,
}

/// A named bundle of what a consumer may do.
#[derive(Debug, Clone, Default)]
pub struct Tier {
    /// Scopes that every consumer of the tier has.
    pub scopes: Scopes,
    /// What each consumer of the tier may use, over all routes.
    pub limits: Limits,
}

/// Which tier a scope stands for, where neither a credential nor its consumer has one of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TierByScope {
    /// Scopes and their tiers in the order of the file.
    pub rows: Vec<(Box<str>, Name)>,
    /// The tier of those who have none of these scopes.
    pub default: Option<Name>,
}

impl TierByScope {
    /// The tier of whoever has these scopes in force: that of the first row whose scope is among them.
    pub fn tier_of(&self, scopes: &Scopes) -> Option<&Name> {
        let row = self.rows.iter().find(|(scope, _)| scopes.contains(scope));
        row.map(|(_, tier)| tier).or(self.default.as_ref())
    }
}

#[cfg(test)]
mod tests;
