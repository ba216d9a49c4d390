//! Where the rule stands that refuses a call.

use tollgate_core::consumer::Name;
use tollgate_core::denial::{Bound, Denial, Forbidden, Malformed};
use tollgate_core::route::Route;

/// The place in the configuration, such as `routes.NAME.allow`, or the limit as `RateLimit-Policy` names it; nothing where
/// no configuration could allow it.
pub fn rule(route: &Route, consumer: Option<&Name>, denial: &Denial) -> Option<String> {
    let part = match denial {
        Denial::Limited { rule, .. } => return Some(rule.name().to_owned()),
        Denial::Upstream(_) => return Some(format!("upstreams.{}", route.upstream.name)),
        Denial::Unauthenticated { .. } | Denial::Ambiguous | Denial::NonceLimit { .. } => "accept",
        Denial::Forbidden(Forbidden::Consumer) => match consumer {
            Some(consumer) if route.access.deny.contains(consumer) => "deny",
            Some(_) | None => "allow",
        },
        Denial::Forbidden(Forbidden::Scope { .. }) => "scopes",
        Denial::Bound(Bound::Body { .. }) => "body",
        Denial::Malformed(Malformed::Upgrade) => "upgrade",
        Denial::Malformed(_)
        | Denial::Path(_)
        | Denial::NoRoute
        | Denial::MethodNotAllowed { .. }
        | Denial::Bound(_)
        | Denial::ExpectationFailed
        | Denial::Overloaded
        | Denial::Directory(_)
        | Denial::Uncounted
        | Denial::Unmetered
        | Denial::Balance(_)
        | Denial::Revoked => return None,
    };
    Some(place(route, part))
}

/// A part of a route in the configuration.
pub fn place(route: &Route, part: &str) -> String {
    format!("routes.{}.{part}", route.name)
}

/// Seconds after which the call might pass, where time is all that it needs.
pub fn retry_after(denial: &Denial) -> Option<u64> {
    match denial {
        Denial::Limited { ends, .. } => ends.retry_after(),
        Denial::NonceLimit { retry_after } => Some(*retry_after),
        _ => None,
    }
}
