//! What one subject has used of one quota in one period.

use std::sync::Arc;

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
}

impl Counter {
    pub fn new(key: Key, name: Arc<str>, period: Period, used: u64) -> Self {
        Self { key, name, period, used, reserved: 0, persisted: used, sent: 0 }
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
