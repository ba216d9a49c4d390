//! How much is left, and why a call is refused.

use std::time::Duration;

use super::Limit;
use super::bucket::{Judgement, judge};
use super::quota::Quota;
use super::rate::Pace;
use crate::time::Now;

/// What one limit has left, as the headers `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11) and `X-RateLimit-*` tell
/// it. Numbers are worked out when they are asked for, and are those that are [counted](super::Unit::whole).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing(pub(super) Left);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Rate { amount: u64, pace: Pace, backlog: u128 },
    Slots { most: u32, held: u32 },
    Count { amount: u64, taken: u64, rest: Duration },
}

/// Why a call is not admitted. Nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A limit is used up.
    #[error("a limit is used up")]
    Limited {
        /// Which one, by its index in the call's limits; of several the one that ends last.
        limit: usize,
        /// When to come again.
        ends: Ends,
        /// What each of the call's limits has left, in their order; where not even an anonymous bucket has room,
        /// only of the limits before.
        standing: Vec<Standing>,
    },
    /// A quota's counter is not known yet, or no longer: [load](super::Limiter::load) it and reserve again.
    #[error("a quota's use is not loaded")]
    Unloaded {
        /// Which one, by its index in the call's limits.
        limit: usize,
    },
}

/// When a refusal ends. The later one is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ends {
    /// When another call ends, which nobody knows.
    Released,
    /// After this time.
    After(Duration),
    /// Not at all: this call alone is larger than the limit.
    Never,
}

impl Ends {
    /// Whole seconds, rounded up and at least one, after which a call may pass (RFC 9110 §10.2.3); nothing where none
    /// will. That another call ends may be tried every second.
    pub fn retry_after(self) -> Option<u64> {
        match self {
            Self::Released => Some(1),
            Self::After(time) => Some(whole_seconds(time).max(1)),
            Self::Never => None,
        }
    }
}

impl Standing {
    /// How much the limit allows per window or period, or at once.
    pub fn limit(&self) -> u64 {
        match self.0 {
            Left::Rate { amount, .. } | Left::Count { amount, .. } => amount,
            Left::Slots { most, .. } => u64::from(most),
        }
    }

    /// How many whole units would be admitted at this moment. A rate whose burst is larger than its amount may have more
    /// left than [`limit`](Self::limit) says.
    pub fn remaining(&self) -> u64 {
        match self.0 {
            Left::Rate { pace, backlog, .. } => pace.units(pace.full().saturating_sub(backlog)),
            Left::Slots { most, held } => u64::from(most.saturating_sub(held)),
            Left::Count { amount, taken, .. } => amount.saturating_sub(taken),
        }
    }

    /// What a limit has left that nobody has used.
    pub fn unused(limit: &Limit, now: Now) -> Self {
        match limit {
            Limit::Rate(rate) => Self(Left::Rate { amount: rate.amount(), pace: rate.pace(), backlog: 0 }),
            Limit::Concurrent(most) => Self(Left::Slots { most: most.0, held: 0 }),
            Limit::Quota(quota) => Self::of_quota(quota, 0, now),
        }
    }

    /// What a quota has left of which so much was used in the period of `now`.
    pub fn of_quota(quota: &Quota, used: u64, now: Now) -> Self {
        let rest = quota.period_at(now.wall).rest(now.wall);
        Self(Left::Count { amount: quota.amount, taken: used, rest })
    }

    /// When a call of so many units may pass; nothing where it may now.
    pub fn ends(&self, units: u64) -> Option<Ends> {
        match self.0 {
            Left::Rate { pace, backlog, .. } => match judge(pace, backlog, units) {
                Judgement::Pass => None,
                Judgement::Wait(ns) => Some(Ends::After(Duration::from_nanos(ns))),
                Judgement::Never => Some(Ends::Never),
            },
            Left::Slots { most: 0, .. } => Some(Ends::Never),
            Left::Slots { most, held } => (held >= most).then_some(Ends::Released),
            Left::Count { amount, .. } if units > amount => Some(Ends::Never),
            Left::Count { amount, taken, rest } => {
                (taken.saturating_add(units) > amount).then_some(Ends::After(rest))
            }
        }
    }

    /// How long until everything is there again if nothing is used; zero for concurrency, which does not know.
    pub fn reset(&self) -> Duration {
        match self.0 {
            Left::Rate { pace, backlog, .. } => Duration::from_nanos(pace.ns(backlog)),
            Left::Slots { .. } => Duration::ZERO,
            Left::Count { rest, .. } => rest,
        }
    }

    /// The same in whole seconds, rounded up.
    pub fn reset_seconds(&self) -> u64 {
        whole_seconds(self.reset())
    }
}

/// Rounded up: whoever waits for so long does not come too early.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
