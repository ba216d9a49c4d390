mod leases;
mod model;
mod quota_leases;
mod quotas;
mod rates;
mod reload;
mod scripts;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::fixtures::name;
use crate::time::Now;

/// `ns` after the start on both clocks.
fn at_ns(ns: u64) -> Now {
    Now { wall: Duration::from_nanos(ns), monotonic: Duration::from_nanos(ns) }
}

/// `100 requests/h`, with a burst if one is given.
fn rate(amount: u64, unit: Unit, window: Duration, burst: Option<u64>) -> Limit {
    Limit::Rate(Rate::new(unit, amount, window, burst).unwrap())
}

/// The consumer's use of the tier's limit.
fn key(consumer: &str, limit: &Limit) -> Key {
    Key::new(Subject::consumer(&name(consumer)), LimitId::new(Owner::Tier(&name("free")), limit, 0))
}

/// Reserves one limit of one consumer and keeps the units.
fn take(limiter: &Arc<Limiter>, limit: &Limit, cost: &Cost, now: Now) -> Result<Vec<Standing>, Refusal> {
    let mut reservation = limiter.reserve(&[(limit, key("a", limit))], cost, now)?;
    reservation.commit();
    Ok(reservation.standing().collect())
}
