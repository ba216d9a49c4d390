//! What counts for a credential once its consumer and its tier have had their say.

use std::time::Duration;

use tollgate_core::consumer::{Name, Scopes};
use tollgate_core::limit::{Limit, Limits, Unit};
use tollgate_core::snapshot::Snapshot;
use tollgate_store::{Consumer, Credential};

/// Scopes, tier and hourly rate in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// The credential's own scopes if it has any, else its consumer's and its tier's together.
    pub scopes: Scopes,
    /// The credential's own tier, else its consumer's.
    pub tier: Option<Name>,
    /// A rate of the credential's own.
    pub own_rate: Option<i64>,
    /// The credential's own rate, else what its tier allows in an hour; absent means that nothing limits it.
    pub hourly: Option<i64>,
}

impl InForce {
    /// What counts for a credential of the store.
    pub fn of(snapshot: &Snapshot, credential: &Credential, consumer: &Consumer) -> Self {
        let scopes = credential.scopes.as_ref();
        Self::new(snapshot, consumer, scopes, credential.tier.as_ref(), credential.rate_limit_per_hour)
    }

    /// What would count for a credential of this consumer that says this of itself.
    pub fn new(
        snapshot: &Snapshot,
        consumer: &Consumer,
        scopes: Option<&Scopes>,
        tier: Option<&Name>,
        own_rate: Option<i64>,
    ) -> Self {
        let tier_name = tier.or(consumer.tier.as_ref());
        let tier = tier_name.and_then(|name| snapshot.tiers.get(name));
        let inherited = || {
            let own = consumer.scopes.clone().unwrap_or_default();
            tier.map_or(own.clone(), |tier| own.union(&tier.scopes))
        };
        Self {
            scopes: scopes.cloned().unwrap_or_else(inherited),
            tier: tier_name.cloned(),
            own_rate,
            hourly: own_rate.or_else(|| tier.and_then(|tier| hourly(&tier.limits))),
        }
    }

    /// What counts for a credential that the configuration file declares.
    pub fn of_file(credential: &tollgate_core::credential::Credential) -> Self {
        Self {
            scopes: credential.scopes().clone(),
            tier: credential.consumer.tier.clone(),
            own_rate: None,
            hourly: hourly(&credential.consumer.limits),
        }
    }
}

/// Requests in an hour, if there is such a limit.
fn hourly(limits: &Limits) -> Option<i64> {
    limits.iter().find_map(|rule| match rule.limit() {
        Limit::Rate(rate) if rate.unit() == Unit::Requests && rate.window() == Duration::from_secs(3600) => {
            i64::try_from(rate.amount()).ok()
        }
        Limit::Rate(_) | Limit::Concurrent(_) | Limit::Quota(_) => None,
    })
}
