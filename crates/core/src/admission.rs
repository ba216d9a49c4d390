//! Whether a permitted call has room within its limits.

pub mod shared;

use core::cmp::Reverse;
use core::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::access::Permit;
use crate::credential::Credential;
use crate::denial::{Bound, Denial};
use crate::limit::{Cost, Ends, Key, Limit, Limiter, Quota, Refusal, Reservation, Rule, Standing, Unit};
use crate::mode::{self, Softened};
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
    softened: Option<Box<Softened>>,
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

    /// What is reserved of each of the call's limits, in the order of its [`rules`]; nothing where nothing limits it.
    pub fn reservation(&self) -> Option<&Reservation> {
        self.reservation.as_ref()
    }

    /// The refusal that was not in force, of access or of a limit. Such a call holds nothing: where refusals are in force
    /// it would take nothing either, so that what the limits say of the other calls stays true.
    pub fn softened(&self) -> Option<&Softened> {
        self.permit.softened().or(self.softened.as_deref())
    }

    /// The permit, and what is to be settled when the call ends.
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

/// A quota of which only the store can say whether there is room for a call.
#[derive(Debug, Clone)]
pub struct Uncounted {
    /// Whose use of which quota.
    pub key: Key,
    /// The quota.
    pub quota: Quota,
    /// How much the call needs of it.
    pub units: u64,
}

/// The quotas of a permitted call of so much `cost` that are to be [loaded](Limiter::load) before anything can be reserved.
pub fn uncounted(
    limiter: &Limiter,
    permit: &Permit,
    client: IpAddr,
    cost: &Cost,
    now: Now,
) -> Vec<Uncounted> {
    if permit.softened().is_some() {
        return Vec::new();
    }
    let credential = credential(permit);
    let quotas = rules(permit.route(), credential).filter_map(|rule| match rule.limit() {
        Limit::Quota(quota) => Some((rule.key(credential, client), quota, cost.of(quota.unit))),
        Limit::Rate(_) | Limit::Concurrent(_) => None,
    });
    let unknown = quotas.filter(|(key, quota, units)| limiter.must_ask(key, quota, *units, now));
    unknown.map(|(key, quota, units)| Uncounted { key, quota: quota.clone(), units }).collect()
}

/// Reserves what a permitted call may use from all of its limits, or nothing from any; `cost` is an estimate, and the truth
/// is settled at its end. It comes after access, so that whoever may not pass costs nobody anything. `client` is the
/// caller's address. What the route's mode softens is admitted, and holds nothing.
///
/// # Errors
/// [`Refused`] where a limit is used up.
pub fn reserve(
    limiter: &Arc<Limiter>,
    permit: Permit,
    client: IpAddr,
    cost: &Cost,
    now: Now,
) -> Result<Admission, Box<Refused>> {
    if permit.softened().is_some() {
        return Ok(holding_nothing(permit, None));
    }
    let route = permit.route();
    let credential = credential(&permit);
    if route.limits.is_empty() && credential.is_none_or(|credential| credential.consumer.limits.is_empty()) {
        return Ok(holding_nothing(permit, None));
    }
    let reserved = {
        let with_keys = rules(route, credential).map(|rule| (rule.limit(), rule.key(credential, client)));
        limiter.reserve(&with_keys.collect::<SmallVec<[_; 4]>>(), cost, now)
    };
    match reserved {
        Ok(reservation) => Ok(Admission { permit, reservation: Some(reservation), softened: None }),
        Err(refusal) => {
            let refused = Box::new(refuse(rules(route, credential), refusal));
            soften(permit, refused)
        }
    }
}

/// Ends a call of which nobody can say whether its quotas have room, or admits it as [`reserve`] does what a limit refuses.
///
/// # Errors
/// [`Denial::Uncounted`].
pub fn uncountable(permit: Permit) -> Result<Admission, Denial> {
    match mode::lets_through(permit.route(), credential(&permit)) {
        true => Ok(holding_nothing(permit, Some(Softened::new(Denial::Uncounted)))),
        false => Err(Denial::Uncounted),
    }
}

/// Ends a call that a limit refuses, or admits it without holding anything where the route's mode lets it through.
fn soften(permit: Permit, refused: Box<Refused>) -> Result<Admission, Box<Refused>> {
    if !mode::lets_through(permit.route(), credential(&permit)) {
        return Err(refused);
    }
    let Refused { denial, rule, standing } = *refused;
    Ok(holding_nothing(permit, Some(Softened { denial, rule: Some(rule), standing })))
}

fn holding_nothing(permit: Permit, softened: Option<Softened>) -> Admission {
    Admission { permit, reservation: None, softened: softened.map(Box::new) }
}

fn credential(permit: &Permit) -> Option<&Credential> {
    permit.identity().map(|identity| &*identity.credential)
}

/// What [`reserve`] would say to a call without a body whose limits stand like this, in the order of its [`rules`].
///
/// # Errors
/// [`Refused`] where a limit is used up.
pub fn look(
    route: &Route,
    credential: Option<&Credential>,
    standing: Vec<Standing>,
) -> Result<Vec<Standing>, Box<Refused>> {
    let cost = Cost::request();
    let each = rules(route, credential).zip(&standing).enumerate();
    let ends = each
        .filter_map(|(place, (rule, standing))| Some((place, standing.ends(cost.of(rule.limit().unit()))?)));
    match ends.max_by_key(|(place, ends)| (*ends, Reverse(*place))) {
        None => Ok(standing),
        Some((limit, ends)) => {
            Err(Box::new(refuse(rules(route, credential), Refusal::Limited { limit, ends, standing })))
        }
    }
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
