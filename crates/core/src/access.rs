//! Whether an identified caller may pass a route.

use std::sync::Arc;

use crate::authn::Identity;
use crate::denial::{Denial, Forbidden, Unauthenticated};
use crate::route::Route;

/// The right to go on with one request. Made here and nowhere else, so that a request cannot reach an upstream
/// without having been judged.
#[derive(Debug)]
pub struct Permit {
    route: Arc<Route>,
    identity: Option<Identity>,
}

impl Permit {
    /// The route that was judged.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// Who passes; nobody on a public route called without a credential.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }
}

/// Judges a caller: somebody must be identified unless the route is public, `deny` beats `allow`, and every scope of
/// the route must be in force.
///
/// # Errors
/// [`Denial::Unauthenticated`] without an identity, [`Denial::Forbidden`] with one that may not pass.
pub fn decide(route: &Arc<Route>, identity: Option<Identity>) -> Result<Permit, Denial> {
    match &identity {
        None if route.accept.public => {}
        None => {
            return Err(route
                .accept
                .refuse(Unauthenticated::Missing(route.accept.wanted())));
        }
        Some(identity) => check(route, identity).map_err(Denial::Forbidden)?,
    }
    Ok(Permit {
        route: route.clone(),
        identity,
    })
}

fn check(route: &Route, identity: &Identity) -> Result<(), Forbidden> {
    let access = &route.access;
    let consumer = &identity.credential.consumer.name;
    if access.deny.contains(consumer) {
        return Err(Forbidden::Consumer);
    }
    if access
        .allow
        .as_ref()
        .is_some_and(|allow| !allow.contains(consumer))
    {
        return Err(Forbidden::Consumer);
    }
    let current = identity.credential.scopes();
    if access.scopes.iter().any(|scope| !current.contains(scope)) {
        return Err(Forbidden::Scope {
            required: access.scopes.clone(),
            current: current.clone(),
        });
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
