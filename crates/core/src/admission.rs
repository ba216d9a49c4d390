//! Whether a permitted call has room within its limits.

use core::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::access::Permit;
use crate::credential::Credential;
use crate::denial::{Bound, Denial};
use crate::limit::{Cost, Ends, Limit, Limiter, Refusal, Reservation, Rule, Standing, Unit};
use crate::route::Route;
use crate::time::Now;

/// The right to send one call to its upstream, and what is reserved for it of each of its limits. Made here and nowhere
/// else, so that a call cannot reach an upstream without having been counted.
///
/// Dropped, it gives back all that it holds.
#[derive(Debug)]
#[must_use = "an admission that is dropped gives back what it holds"]
pub struct Admission {
    permit: Permit,
    reservation: Option<Reservation>,
}

/// A call that is not admitted. Nothing was taken for it.
#[derive(Debug, PartialEq)]
pub struct Refused {
    /// The caller's outcome.
    pub denial: Denial,
    /// Which limit refused, by its place among the call's [`rules`].
    pub rule: usize,
    /// What the call's limits have left, in the order of its [`rules`]; in a full table only of the first few.
    pub standing: Vec<Standing>,
}

impl Admission {
    /// What was permitted.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// What each of the call's limits has left with this call taken, in the order of its [`rules`].
    pub fn standing(&self) -> impl Iterator<Item = Standing> {
        self.reservation.iter().flat_map(Reservation::standing)
    }

    /// The permit, and what is to be settled when the call ends; nothing where nothing limits it.
    pub fn into_parts(self) -> (Permit, Option<Reservation>) {
        (self.permit, self.reservation)
    }
}

/// What limits a call on this route with this credential, or of a stranger: the route's own limits, then those of the
/// consumer's tier.
pub fn rules<'a>(route: &'a Route, credential: Option<&'a Credential>) -> impl Iterator<Item = &'a Rule> {
    let of_tier = credential.map(|credential| credential.consumer.limits.iter());
    route.limits.iter().chain(of_tier.into_iter().flatten())
}

/// Reserves `estimate` of every limit of a permitted call, or nothing of any. It comes after access, so that whoever may
/// not pass costs nobody anything. `client` is the caller's address.
///
/// # Errors
/// [`Refused`] where a limit is used up.
pub fn reserve(
    limiter: &Arc<Limiter>,
    permit: Permit,
    client: IpAddr,
    estimate: &Cost,
    now: Now,
) -> Result<Admission, Box<Refused>> {
    let reservation = take(limiter, &permit, client, estimate, now)?;
    Ok(Admission { permit, reservation })
}

fn take(
    limiter: &Arc<Limiter>,
    permit: &Permit,
    client: IpAddr,
    estimate: &Cost,
    now: Now,
) -> Result<Option<Reservation>, Box<Refused>> {
    let credential = permit.identity().map(|identity| &*identity.credential);
    let limits: SmallVec<[_; 4]> =
        rules(permit.route(), credential).map(|rule| (rule.limit(), rule.key(credential, client))).collect();
    if limits.is_empty() {
        return Ok(None);
    }
    let reserved = limiter.reserve(&limits, estimate, now);
    reserved.map(Some).map_err(|refusal| Box::new(refuse(rules(permit.route(), credential), refusal)))
}

fn refuse<'a>(mut rules: impl Iterator<Item = &'a Rule>, refusal: Refusal) -> Refused {
    let (index, ends, standing) = match refusal {
        Refusal::Limited { limit, ends, standing } => (limit, ends, standing),
        // Counters of quotas are loaded within moments.
        Refusal::Unloaded { limit } => (limit, Ends::Released, Vec::new()),
    };
    let denial = match (rules.nth(index), ends) {
        (Some(rule), Ends::Never) if rule.limit().unit() == Unit::Bytes => too_large(rule.limit()),
        (Some(rule), ends) => Denial::Limited { rule: Box::new(rule.clone()), ends },
        // The limiter was given these rules, so it names one of them.
        (None, _) => Denial::Overloaded,
    };
    Refused { denial, rule: index, standing }
}

/// A body that alone is more than may come at once never passes, so that to try again would be of no use.
fn too_large(limit: &Limit) -> Denial {
    let max = match limit {
        Limit::Rate(rate) => rate.burst(),
        Limit::Quota(quota) => quota.amount,
        Limit::Concurrent(most) => u64::from(most.0),
    };
    Denial::Bound(Bound::Body { max })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
