//! Shares of a fleet's quota that one node may spend alone.
//!
//! A lease is taken from the shared store first and spent locally, so an error is that too little is admitted, never too
//! much. What is unspent at its end goes back.

use std::time::Duration;

use crate::time::Now;

/// The longest life of a lease: this long may a lost node withhold its share.
pub const LEASE_MOST: Duration = Duration::from_secs(1);

/// How much of `remaining` one of `nodes` may lease: a half of its even share, so that all nodes together leave a half for
/// whoever asks next. Zero when so little is left that every call has to ask the shared store.
pub fn lease_size(remaining: u64, nodes: u32) -> u64 {
    remaining / (2 * u64::from(nodes.max(1)))
}

/// How much of a quota's `remaining` units a gate takes ahead for a call that needs `need`, where it `wish`es more for
/// those to come: at most a quarter of them, so that what one gate holds unspent for a moment keeps few calls out
/// elsewhere, but the call's own whatever is left. Zero where not even those are there.
pub fn quota_lease(remaining: u64, need: u64, wish: u64) -> u64 {
    if need > remaining { 0 } else { need.max(wish.min(remaining / 4)) }
}

/// A share that was taken from the shared store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    amount: u64,
    spent: u64,
    ends: Duration,
}

impl Lease {
    /// A share of `amount` units, taken at `now` for `life`, or for [`LEASE_MOST`] where that is longer.
    ///
    /// Take `now` before the store is asked: the store's own expiry then never comes first.
    pub fn new(amount: u64, now: Now, life: Duration) -> Self {
        Self { amount, spent: 0, ends: now.monotonic.saturating_add(life.min(LEASE_MOST)) }
    }

    /// Spends `units`, or nothing where they are not left or the lease has ended.
    #[must_use = "a lease that does not spend does not admit"]
    pub fn spend(&mut self, units: u64, now: Now) -> bool {
        let spends = self.is_live(now) && units <= self.unspent();
        if spends {
            self.spent += units;
        }
        spends
    }

    /// Turns a spent estimate into the truth. More than the lease holds is returned: the caller takes it from the
    /// shared store, where it was used already.
    #[must_use = "what the lease cannot pay is owed to the shared store"]
    pub fn settle(&mut self, reserved: u64, actual: u64) -> u64 {
        let others = self.spent.saturating_sub(reserved);
        let paid = actual.min(self.amount - others);
        self.spent = others + paid;
        actual - paid
    }

    /// Whether it may still be spent.
    pub fn is_live(&self, now: Now) -> bool {
        now.monotonic < self.ends
    }

    /// What goes back to the shared store when the lease is given up.
    pub fn unspent(&self) -> u64 {
        self.amount - self.spent
    }
}
