//! Routes that would take the same requests.

use std::sync::Arc;

use tollgate_core::route::{HostPattern, Matching, Route};

use super::context::Context;
use crate::config::file::route as file;
use crate::config::file::spanned::Item;
use crate::config::problem::Finding;

/// Reports each route that an earlier one keeps from some of its requests. A route that names hosts may stand beside one
/// that does not, since it is asked first.
pub(super) fn check(cx: &mut Context<'_>, routes: &[(Arc<Route>, &Item<file::Route>)]) {
    for (index, (route, item)) in routes.iter().enumerate() {
        let earlier = routes[..index]
            .iter()
            .find(|(other, _)| collide(&other.matching, &route.matching));
        let Some((other, first)) = earlier else { continue };
        let message = format!(
            "the routes `{}` and `{}` match the same requests",
            other.name, route.name
        );
        let finding = Finding::at(item.value.matching.path.span, message);
        let finding = finding.beside(
            first.value.matching.path.span,
            format!("`{}` is asked first", other.name),
        );
        cx.error(finding.hint("give them different paths, methods or hosts"));
    }
}

fn collide(earlier: &Matching, later: &Matching) -> bool {
    earlier.path == later.path && methods_meet(earlier, later) && hosts_collide(earlier, later)
}

fn methods_meet(one: &Matching, other: &Matching) -> bool {
    match (&one.methods, &other.methods) {
        (Some(one), Some(other)) => one.iter().any(|method| other.contains(method)),
        _ => true,
    }
}

fn hosts_collide(earlier: &Matching, later: &Matching) -> bool {
    match (earlier.hosts.is_empty(), later.hosts.is_empty()) {
        (true, true) => true,
        (false, false) => earlier
            .hosts
            .iter()
            .any(|wide| later.hosts.iter().any(|host| covers(wide, host))),
        _ => false,
    }
}

/// Whether every host of one pattern is one of the other. An exact host before a wider pattern is no collision.
fn covers(wide: &HostPattern, narrow: &HostPattern) -> bool {
    match (wide, narrow) {
        (wide, HostPattern::Exact(name)) => wide.matches(name),
        (HostPattern::Below(wide), HostPattern::Below(narrow)) => narrow.ends_with(&**wide),
        (HostPattern::Exact(_), HostPattern::Below(_)) => false,
    }
}
