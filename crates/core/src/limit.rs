//! How much may pass: rates, concurrency, quotas and budgets.
//!
//! A [`Limit`] is data of the configuration. A [`Limiter`] remembers, process-wide and in bounded memory, how much of
//! each was used, and [`Limiter::reserve`] takes an estimate from all limits of a call or from none. The
//! [`Reservation`] is settled with the truth; dropped before, it gives everything back.
//!
#![doc = include_str!("limit/promises.md")]

mod bucket;
mod counter;
mod counters;
pub mod fleet;
mod key;
mod lease;
mod limiter;
mod locked;
mod quota;
mod rate;
mod reservation;
mod rule;
pub mod script;
mod shard;
mod standing;
mod table;
mod taken;
mod unit;

use std::fmt;
use std::time::Duration;

pub use counter::{Delta, Grant};
pub use key::{Key, LimitId, Owner, Subject};
pub use lease::{LEASE_MOST, Lease, lease_size, quota_lease};
pub use limiter::{Full, Limiter};
pub use quota::{Every, Period, Quota};
pub use rate::{Rate, RateError};
pub use reservation::Reservation;
pub use rule::{Limits, Per, Rule};
pub use standing::{Ends, Refusal, Standing};
pub use unit::{Cost, Currency, Unit};

/// One bound on what may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// So many units per short window.
    Rate(Rate),
    /// So many requests at once.
    Concurrent(Concurrent),
    /// So many units per calendar day or month; a budget where the unit is money.
    Quota(Quota),
}

/// At most so many requests at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrent(pub u32);

impl Limit {
    /// What is counted.
    pub fn unit(&self) -> Unit {
        match self {
            Self::Rate(rate) => rate.unit(),
            Self::Concurrent(_) => Unit::Requests,
            Self::Quota(quota) => quota.unit,
        }
    }

    /// What it counts and over which time, in the words of the file: `requests/h`, `concurrent`.
    pub fn kind(&self) -> String {
        match self {
            Self::Rate(rate) => format!("{}/{}", rate.unit().name(), word(rate.window())),
            Self::Concurrent(_) => "concurrent".to_owned(),
            Self::Quota(quota) => format!("{}/calendar {}", quota.unit.name(), quota.every.name()),
        }
    }
}

impl fmt::Display for Limit {
    /// `100 requests/h`, `8 concurrent`; what a burst is says the configuration alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = match self {
            Self::Rate(rate) => rate.amount(),
            Self::Concurrent(most) => u64::from(most.0),
            Self::Quota(quota) => quota.amount,
        };
        write!(f, "{} {}", self.unit().whole(amount), self.kind())
    }
}

/// A window as the file writes it.
fn word(window: Duration) -> String {
    match window.as_secs() {
        1 => "s".to_owned(),
        60 => "min".to_owned(),
        3600 => "h".to_owned(),
        86_400 => "day".to_owned(),
        _ => format!("{window:?}"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
