//! What a key hands on lies within what it has.
//!
//! A key with the scope `admin` hands on anything. Any other one reaches its own account, and there:
//!
//! - *Scopes* of what it makes or changes are a subset of its own. Where none are given, those that would be inherited
//!   count as given.
//! - *Tier*: its own, or the one that the consumer has already; a consumer that it makes gets its own.
//! - *Rate*: at most its own. A rate of its own, as opposed to its tier's, goes on to each key that it makes.
//! - *End and networks*: not later than its own, and within its own. Where none are given, its own go on.
//! - It changes and rotates only what lies within all these, since whoever rotates a key holds its secret.
//! - It may disable, revoke and remove whatever the account owns, but for admin keys of the scope `admin`.

use axum::http::StatusCode;
use ipnet::IpNet;
use jiff::Timestamp;
use tollgate_core::consumer::{Name, Scopes};
use tollgate_core::credential::Life;
use tollgate_store::Credential;

use super::caller::Caller;
use super::in_force::InForce;
use super::problem::{Problem, Result};
use super::rights::ADMIN;

/// What a key may hand on.
#[derive(Debug)]
pub struct Grant {
    /// Its scopes, tier and rate.
    pub in_force: InForce,
    /// Its end and its networks.
    pub bounds: Bounds,
}

/// Until when and from where a credential counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Its end, if it has one.
    pub end: Option<Timestamp>,
    /// Networks that it may come from; none means all.
    pub networks: Vec<IpNet>,
}

impl Bounds {
    /// Those of a credential of the store. A grace is an end, too.
    pub fn of(credential: &Credential) -> Self {
        let end = [credential.expires_at, credential.valid_until].into_iter().flatten().min();
        Self { end, networks: credential.networks.clone() }
    }

    /// Those of a credential of the file.
    pub fn of_life(life: &Life) -> Self {
        let end = life.ends.and_then(|end| Timestamp::from_second(end).ok());
        Self { end, networks: life.networks.to_vec() }
    }
}

impl Caller {
    /// Whether it may hand on something that counts until then and from there.
    pub fn may_grant_bounds(&self, end: Option<Timestamp>, networks: &[IpNet]) -> Result<()> {
        let Some(Grant { bounds: own, .. }) = &self.grant else { return Ok(()) };
        if let Some(last) = own.end
            && end.is_none_or(|end| end > last)
        {
            return Err(exceeded("expires_at", format!("the key itself ends at {last}")));
        }
        let inside = |network: &IpNet| own.networks.iter().any(|own| own.contains(network));
        if !own.networks.is_empty() && (networks.is_empty() || !networks.iter().all(inside)) {
            let own: Vec<String> = own.networks.iter().map(IpNet::to_string).collect();
            let detail = format!("the key itself may come from these networks alone: {}", own.join(", "));
            return Err(exceeded("allowed_ips", detail));
        }
        Ok(())
    }

    /// Whether it may hand on these scopes.
    pub fn may_grant_scopes(&self, scopes: &Scopes) -> Result<()> {
        let Some(Grant { in_force: grant, .. }) = &self.grant else { return Ok(()) };
        let beyond: Vec<&str> = scopes.iter().filter(|scope| !grant.scopes.contains(scope)).collect();
        if beyond.is_empty() {
            return Ok(());
        }
        let detail = format!("the key itself lacks scopes that this would have: {}", beyond.join(", "));
        Err(exceeded("scopes", detail).with("beyond", beyond))
    }

    /// Whether it may put something into this tier; `held` is the one that the consumer has already.
    pub fn may_grant_tier(&self, tier: Option<&Name>, held: Option<&Name>) -> Result<()> {
        let Some(Grant { in_force: grant, .. }) = &self.grant else { return Ok(()) };
        if tier == held || tier == grant.tier.as_ref() {
            return Ok(());
        }
        Err(exceeded("tier", "a key without the scope `admin` hands on its own tier alone"))
    }

    /// Whether it may hand on this many calls in an hour.
    pub fn may_grant_rate(&self, hourly: Option<i64>) -> Result<()> {
        let Some(most) = self.grant.as_ref().and_then(|grant| grant.in_force.hourly) else { return Ok(()) };
        match hourly {
            Some(hourly) if hourly <= most => Ok(()),
            _ => Err(exceeded("rate_limit_per_hour", format!("the key itself has {most} calls in an hour"))),
        }
    }

    /// Whether it may take over or change a credential of which this counts.
    pub fn may_change(&self, what: &InForce) -> Result<()> {
        self.may_grant_scopes(&what.scopes)?;
        self.may_grant_rate(what.hourly)
    }

    /// Whether it may end a credential of which this counts.
    pub fn may_end(&self, what: &InForce) -> Result<()> {
        match &self.grant {
            Some(_) if what.scopes.contains(ADMIN) => {
                Err(exceeded("scopes", "only an `admin` key ends an `admin` key"))
            }
            _ => Ok(()),
        }
    }
}

fn exceeded(field: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "grant_exceeded", detail).with("field", field)
}
