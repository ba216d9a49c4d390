//! Tiers.

use std::collections::BTreeMap;

use tollgate_core::consumer::{Name, Scopes};
use tollgate_core::limit::{Limits, Owner};
use tollgate_core::snapshot::Tier;

use super::context::Context;
use super::limits;
use crate::config::file::File;

/// The tiers that can be made.
pub(super) fn tiers(cx: &mut Context<'_>, file: &File) -> BTreeMap<Name, Tier> {
    let mut tiers = BTreeMap::new();
    for item in &file.tiers.items {
        let scopes = item.value.scopes.as_ref().map_or_else(Scopes::default, |scopes| cx.scopes(scopes));
        let mut limits = limits::limits(cx, item.value.limits.as_ref());
        limits.extend(limits::quota(cx, &item.value));
        cx.at_least_one(item.value.weight.as_ref(), 1);
        if let Some(name) = cx.name(&item.name) {
            let limits = Limits::new(Owner::Tier(&name), limits);
            tiers.insert(name, Tier { scopes, limits });
        }
    }
    tiers
}
