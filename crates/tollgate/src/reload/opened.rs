//! What a new configuration takes away that kept somebody out, or that somebody used: worth a line in the log.

use tollgate_core::mode::Mode;
use tollgate_core::route::Route;
use tollgate_core::snapshot::Snapshot;

/// The changes, as what the new configuration does.
pub(super) fn by(old: &Snapshot, new: &Snapshot) -> Vec<String> {
    let mut changes = Vec::new();
    for before in old.routes.iter() {
        match new.routes.iter().find(|route| route.name == before.name) {
            None => changes.push(format!("removes the route `{}`", before.name)),
            Some(after) => changes.extend(route(before, after)),
        }
    }
    changes
}

fn route(before: &Route, after: &Route) -> Vec<String> {
    let name = &before.name;
    let mut changes = Vec::new();
    let mut lifted: Vec<&str> =
        before.access.deny.difference(&after.access.deny).map(|name| name.as_str()).collect();
    lifted.sort_unstable();
    if !lifted.is_empty() {
        changes.push(format!("no longer denies {} on the route `{name}`", lifted.join(", ")));
    }
    let dropped: Vec<&str> =
        before.access.scopes.iter().filter(|scope| !after.access.scopes.contains(scope)).collect();
    if !dropped.is_empty() {
        changes.push(format!("no longer needs {} on the route `{name}`", dropped.join(", ")));
    }
    if before.access.allow.is_some() && after.access.allow.is_none() {
        changes.push(format!("allows every consumer on the route `{name}`"));
    }
    if before.mode == Mode::Enforce && after.mode != Mode::Enforce {
        changes.push(format!("does not enforce all refusals on the route `{name}`"));
    }
    if !before.accept.public && after.accept.public {
        changes.push(format!("makes the route `{name}` public"));
    }
    changes
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
