//! What a node tells and asks the store apart from its calls' own questions.

use std::collections::HashMap;

use crate::limit::Rate;
use crate::limit::key::Key;
use crate::limit::script::{ScriptError, Share, Until, reserve_arguments, settle_arguments};

/// What waits to be given back. Beyond it units are lost until they come back with time.
const MOST_RETURNS: usize = 10_000;

/// Keys that owe something.
const MOST_DEBTORS: usize = 100_000;

/// Everything that waits to be told.
#[derive(Debug, Default)]
pub struct Errands {
    /// Leases that are wished for.
    pub leases: Vec<Wish>,
    /// Units that were not used after all.
    pub returns: Vec<Settlement>,
    debts: HashMap<Key, (Rate, u64)>,
}

/// A wish for a lease.
#[derive(Debug, Clone)]
pub struct Wish {
    pub(super) key: Key,
    pub(super) rate: Rate,
    pub(super) units: u64,
}

/// What a settlement at the store changes of one rate.
#[derive(Debug, Clone)]
pub struct Settlement {
    key: Key,
    rate: Rate,
    reserved: u64,
    actual: u64,
    until: Until,
}

impl Errands {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.leases.is_empty() && self.returns.is_empty() && self.debts.is_empty()
    }

    /// What was used on top of what was reserved, one for each key.
    pub fn charges(&mut self) -> Vec<Settlement> {
        let debts = std::mem::take(&mut self.debts).into_iter();
        let charge =
            |(key, (rate, actual))| Settlement { key, rate, reserved: 0, actual, until: Until::NEVER };
        debts.map(charge).collect()
    }

    pub(super) fn give_back(&mut self, returns: impl IntoIterator<Item = Settlement>) {
        let room = MOST_RETURNS.saturating_sub(self.returns.len());
        self.returns.extend(returns.into_iter().take(room));
    }

    pub(super) fn charge(&mut self, key: Key, rate: Rate, units: u64) {
        if self.debts.len() < MOST_DEBTORS || self.debts.contains_key(&key) {
            let (last, owed) = self.debts.entry(key).or_insert((rate, 0));
            (*last, *owed) = (rate, owed.saturating_add(units));
        }
    }
}

impl Wish {
    /// Whose.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The script's `ARGV`.
    ///
    /// # Errors
    /// [`ScriptError::TooFine`].
    pub fn arguments(&self) -> Result<Vec<String>, ScriptError> {
        reserve_arguments(&[Share { rate: &self.rate, units: self.units }], None)
    }
}

impl Settlement {
    pub(super) fn give_back(key: Key, rate: Rate, units: u64, until: Until) -> Self {
        Self { key, rate, reserved: units, actual: 0, until }
    }

    /// Whose.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The script's `ARGV`.
    ///
    /// # Errors
    /// [`ScriptError::TooFine`].
    pub fn arguments(&self) -> Result<Vec<String>, ScriptError> {
        let share = Share { rate: &self.rate, units: self.reserved };
        settle_arguments(&[(share, self.actual, self.until)], None)
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    pub(super) fn charged(&self) -> u64 {
        self.actual.saturating_sub(self.reserved)
    }
}
