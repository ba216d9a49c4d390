//! What one subject has used of one quota in one period.

use std::sync::Arc;
use std::time::Duration;

use super::key::Key;
use super::quota::Period;
use super::standing::Ends;
use crate::time::Now;

/// Only the store can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask;

/// What the store is to be told of a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The counter, for [`Limiter::confirm`](super::Limiter::confirm).
    pub key: Key,
    /// What the store calls the counter, as it was given to [`Limiter::load`](super::Limiter::load).
    pub name: Arc<str>,
    /// When it was used.
    pub period: Period,
    /// How much more was used than the store knows; negative for what a lease gives back.
    pub amount: i64,
}

/// How much of a quota this process may grant without asking: what it has taken ahead from a store in which others may count
/// too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// How much, beyond the use that the store knew. The store counts it as used from when it was taken until it is given
    /// back, so that nobody else can grant it, whatever becomes of this process.
    pub units: u64,
    /// Until when on the monotonic clock it may be kept; then what is left of it is given back.
    pub until: Duration,
}

/// Settled and reserved use within one period.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    pub key: Key,
    pub name: Arc<str>,
    pub period: Period,
    /// Settled, whether the store knows of it or not.
    pub used: u64,
    /// Held by reservations.
    pub reserved: u64,
    /// What the store counts: all that was taken or may be.
    persisted: u64,
    /// What is on its way to the store, to be added to that.
    sent: i64,
    /// How much may be taken in all without asking the store.
    most: u64,
    /// Until when a lease may be kept.
    good_until: Duration,
    /// How much was taken in all when the lease began.
    since: u64,
}

impl Counter {
    pub fn new(key: Key, name: Arc<str>, period: Period, used: u64, grant: Grant) -> Self {
        let most = used.saturating_add(grant.units);
        let good_until = grant.until;
        Self { key, name, period, used, reserved: 0, persisted: most, sent: 0, most, good_until, since: used }
    }

    /// Adds what was leased anew to what is known. `stored` is what the store counted before that, and nothing is on its way
    /// there.
    pub fn refresh(&mut self, stored: u64, grant: Grant) {
        let Grant { units, until } = grant;
        // What the store counts beyond what it has from here is others' use and leases.
        let others = i128::from(stored) - i128::from(self.persisted);
        let used = i128::from(self.used) + others;
        self.used = u64::try_from(used.max(0)).unwrap_or(u64::MAX);
        self.most = stored.saturating_add(units);
        self.persisted = self.most;
        self.good_until = until;
        self.since = self.taken();
    }

    /// When a call of so many units may pass, nothing where it may now. [`Ask`] where only the store can say.
    pub fn judge(&self, amount: u64, units: u64, now: Now) -> Result<Option<Ends>, Ask> {
        let after = self.taken().saturating_add(units);
        if units > amount {
            Ok(Some(Ends::Never))
        } else if now.monotonic >= self.good_until {
            Err(Ask)
        } else if after > amount {
            Ok(Some(Ends::After(self.period.rest(now.wall))))
        } else if after > self.most {
            Err(Ask)
        } else {
            Ok(None)
        }
    }

    /// Used and reserved.
    pub fn taken(&self) -> u64 {
        self.used.saturating_add(self.reserved)
    }

    /// How much was taken since the lease began.
    pub fn spent(&self) -> u64 {
        self.taken().saturating_sub(self.since)
    }

    /// Whether the store knows all of it, so that it can be forgotten and loaded again.
    pub fn is_clean(&self) -> bool {
        self.reserved == 0 && self.sent == 0 && self.used == self.persisted
    }

    /// Turns a reservation into use.
    pub fn settle(&mut self, reserved: u64, actual: u64) {
        self.reserved = self.reserved.saturating_sub(reserved);
        self.used = self.used.saturating_add(actual);
    }

    /// What the store is to be told, once: until it is answered nothing more is sent. From here on nothing is taken of a
    /// lease that is given back, whatever time it is for whoever asks.
    pub fn send(&mut self, now: Now) -> Option<Delta> {
        if self.sent != 0 {
            return None;
        }
        if now.monotonic >= self.good_until {
            self.most = self.taken();
        }
        let known = self.taken().max(self.most);
        let amount = i128::from(known) - i128::from(self.persisted);
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        if amount == 0 {
            return None;
        }
        self.sent = amount;
        Some(Delta { key: self.key, name: self.name.clone(), period: self.period, amount })
    }

    /// The same for whoever leases anew: what is left goes back first, or a call that needs more than that would be refused
    /// for what its own gate holds.
    pub fn give_up(&mut self, now: Now) -> Option<Delta> {
        if self.sent == 0 {
            self.most = self.taken();
        }
        self.send(now)
    }

    /// The store's answer to what was sent. Whether it heard what it did not answer nobody knows: what was used is sent
    /// again, and what was given back is not. Both err on the side of too much use.
    pub fn answer(&mut self, stored: bool) {
        let sent = std::mem::take(&mut self.sent);
        if stored || sent < 0 {
            self.persisted = self.persisted.saturating_add_signed(sent);
        }
    }
}
