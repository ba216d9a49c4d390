//! What one subject has used of one quota in one period.

use std::sync::Arc;
use std::time::Duration;

use super::key::Key;
use super::quota::Period;

/// Use that the store does not know of yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The counter, for [`Limiter::confirm`](super::Limiter::confirm).
    pub key: Key,
    /// What the store calls the counter, as it was given to [`Limiter::load`](super::Limiter::load).
    pub name: Arc<str>,
    /// When it was used.
    pub period: Period,
    /// How much was used since the last confirmed delta.
    pub amount: u64,
}

/// How much of a quota this process may grant on its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// All of it: nobody else counts.
    All,
    /// A share, because others count too.
    Share {
        /// How much more than what the store knew.
        units: u64,
        /// Until when on the monotonic clock; then the store is to be asked again.
        until: Duration,
    },
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
    /// How much of `used` the store knows of.
    pub persisted: u64,
    /// How much more of it is on its way to the store.
    pub sent: u64,
    /// How much may be taken in all on the word of the store.
    pub most: u64,
    /// Until when that word counts.
    pub good_until: Duration,
}

impl Grant {
    /// The most that may be taken in all, and until when.
    fn after(self, used: u64) -> (u64, Duration) {
        match self {
            Self::All => (u64::MAX, Duration::MAX),
            Self::Share { units, until } => (used.saturating_add(units), until),
        }
    }
}

impl Counter {
    pub fn new(key: Key, name: Arc<str>, period: Period, used: u64, grant: Grant) -> Self {
        let (most, good_until) = grant.after(used);
        Self { key, name, period, used, reserved: 0, persisted: used, sent: 0, most, good_until }
    }

    /// Takes the store's word anew, where others count too. Nothing may be on its way there meanwhile.
    pub fn refresh(&mut self, stored: u64, grant: Grant) {
        if let Grant::Share { .. } = grant {
            self.used = stored.saturating_add(self.used - self.persisted);
            self.persisted = stored;
            (self.most, self.good_until) = grant.after(stored);
        }
    }

    /// Used and reserved.
    pub fn taken(&self) -> u64 {
        self.used.saturating_add(self.reserved)
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

    /// What the store does not know of, once: until it is answered nothing more is sent.
    pub fn send(&mut self) -> Option<Delta> {
        let amount = self.used - self.persisted;
        if amount == 0 || self.sent != 0 {
            return None;
        }
        self.sent = amount;
        Some(Delta { key: self.key, name: self.name.clone(), period: self.period, amount })
    }

    /// The store's answer to what was sent.
    pub fn answer(&mut self, stored: bool) {
        if stored {
            self.persisted += self.sent;
        }
        self.sent = 0;
    }
}
