//! Tiers.

use std::collections::BTreeMap;

use tollgate_core::consumer::{Name, Scopes};
use tollgate_core::limit::{Limits, Owner};
use tollgate_core::snapshot::{Tier, TierByScope};

use super::context::Context;
use super::limits;
use crate::config::file::File;
use crate::config::file::spanned::Spanned;
use crate::config::file::tier as file_tier;
use crate::config::problem::Finding;

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

/// The table from scopes to tiers. A row that could never decide is a mistake: the first that fits does.
pub(super) fn by_scope(cx: &mut Context<'_>, file: &File) -> TierByScope {
    let mut table = TierByScope::default();
    let rows = file.tier_by_scope.as_ref().map_or(&[][..], |rows| &rows.value);
    for (place, row) in rows.iter().enumerate() {
        match row_of(row) {
            Some((Some(scope), tier)) => {
                cx.scopes(std::slice::from_ref(scope));
                if table.rows.iter().any(|(known, _)| **known == *scope.value) {
                    let message = format!("`{}` has a tier already", scope.escape_debug());
                    cx.error(Finding::at(scope.span, message).hint("the first row that fits decides"));
                }
                if let Some(tier) = cx.known_name("tier", tier, &file.tiers) {
                    table.rows.push((scope.as_str().into(), tier));
                }
            }
            Some((None, tier)) => {
                if place + 1 < rows.len() {
                    let finding = Finding::at(row.span, "rows after the `default` could never decide");
                    cx.error(finding.hint("write it last"));
                }
                table.default = cx.known_name("tier", tier, &file.tiers).or(table.default);
            }
            None => {
                let finding = Finding::at(row.span, "a row is `{ scope, tier }` or `{ default }`");
                cx.error(
                    finding.hint("write `{ scope: premium_tier, tier: premium }` or `{ default: free }`"),
                );
            }
        }
    }
    table
}

type Row<'f> = (Option<&'f Spanned<String>>, &'f Spanned<String>);

/// The scope, unless the row is the default, and the tier.
fn row_of(row: &file_tier::TierByScope) -> Option<Row<'_>> {
    match (&row.scope, &row.tier, &row.default) {
        (Some(scope), Some(tier), None) => Some((Some(scope), tier)),
        (None, None, Some(tier)) => Some((None, tier)),
        _ => None,
    }
}
