//! Whether an identified caller may pass a route.

use std::sync::Arc;

use crate::authn::Identity;
use crate::credential::Credential;
use crate::denial::{Denial, Forbidden, Unauthenticated};
use crate::mode::{self, Softened};
use crate::route::Route;

/// The right to go on with one request. Made here and nowhere else, so that a request cannot reach an upstream
/// without having been judged.
#[derive(Debug)]
pub struct Permit {
    route: Arc<Route>,
    identity: Option<Identity>,
    softened: Option<Box<Softened>>,
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

    /// The refusal that was not in force, where one was spoken.
    pub fn softened(&self) -> Option<&Softened> {
        self.softened.as_deref()
    }

    /// Whether credentials that identify nobody go on upstream: where a stranger passes whom the route refuses, they are
    /// not the gate's, and the model that was reached without a gate before may know them. Where nobody can say whose
    /// they are, they may be the gate's.
    pub fn keeps_unknown(&self) -> bool {
        let identifies_nobody =
            |softened: &Softened| matches!(softened.denial, Denial::Unauthenticated { ours: false, .. });
        self.identity.is_none() && self.softened().is_some_and(identifies_nobody)
    }
}

/// Judges a caller: somebody must be identified unless the route is public, `deny` beats `allow`, and every scope of
/// the route must be in force. What the route's mode softens passes, and the permit says so.
///
/// # Errors
/// [`Denial::Unauthenticated`] without an identity, [`Denial::Forbidden`] with one that may not pass.
pub fn decide(route: &Arc<Route>, identity: Option<Identity>) -> Result<Permit, Denial> {
    let denial = match &identity {
        None if route.accept.public => None,
        None => Some(route.accept.refuse(Unauthenticated::Missing(route.accept.wanted()))),
        Some(identity) => judge(route, &identity.credential).err().map(Denial::Forbidden),
    };
    match denial {
        None => Ok(Permit { route: route.clone(), identity, softened: None }),
        Some(denial) => soften(route, identity, denial),
    }
}

/// Refuses a request for what identification found, unless the route's mode lets it go on: without an identity as a
/// stranger's.
///
/// # Errors
/// The same denial. One that says that the request cannot be understood is in force in every mode.
pub fn refuse(route: &Arc<Route>, identity: Option<Identity>, denial: Denial) -> Result<Permit, Denial> {
    match denial {
        Denial::Unauthenticated { .. }
        | Denial::NonceLimit { .. }
        | Denial::Balance(_)
        | Denial::Directory(_) => soften(route, identity, denial),
        denial => Err(denial),
    }
}

fn soften(route: &Arc<Route>, identity: Option<Identity>, denial: Denial) -> Result<Permit, Denial> {
    if !mode::lets_through(route, identity.as_ref().map(|identity| &*identity.credential)) {
        return Err(denial);
    }
    let softened = Some(Box::new(Softened::new(denial)));
    Ok(Permit { route: route.clone(), identity, softened })
}

/// Judges a credential alone; gives no permit.
///
/// # Errors
/// Why it may not pass.
pub fn judge(route: &Route, credential: &Credential) -> Result<(), Forbidden> {
    let access = &route.access;
    let consumer = &credential.consumer.name;
    if access.deny.contains(consumer) {
        return Err(Forbidden::Consumer);
    }
    if access.allow.as_ref().is_some_and(|allow| !allow.contains(consumer)) {
        return Err(Forbidden::Consumer);
    }
    let current = credential.scopes();
    if access.scopes.iter().any(|scope| !current.contains(scope)) {
        return Err(Forbidden::Scope { required: access.scopes.clone(), current: current.clone() });
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
