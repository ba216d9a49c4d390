//! The counters of some subjects' quotas.

use std::collections::HashMap;
use std::mem;

use super::counter::{Counter, Delta, Grant};
use super::key::Stored;
use super::quota::{Period, Quota};
use super::table::Table;
use crate::time::Now;

/// One live counter per key, and what is not stored yet of the periods before.
pub(super) struct Counters {
    live: Table<Counter>,
    /// Counters of other periods that hold what the store does not know, or a reservation: nothing else, so they are
    /// few.
    closed: HashMap<(Stored, i64), Counter>,
}

impl Counters {
    /// At most `capacity` live counters. One that the store knows all of can be forgotten; time alone does nothing.
    pub fn new(capacity: usize) -> Self {
        let rests_at = |counter: &Counter| if counter.is_clean() { 0 } else { u64::MAX };
        Self { live: Table::new(capacity, rests_at), closed: HashMap::new() }
    }

    /// The counter of the period that `now` lies in; nothing where it is not loaded.
    ///
    /// A new period has to be loaded, as others may have begun it. A clock that is set back finds what is remembered of the
    /// earlier period, or has to have it loaded.
    pub fn now(&mut self, key: &Stored, quota: &Quota, now: Now) -> Option<&Counter> {
        let live = self.live.get(key)?;
        if !live.period.contains(now.unix_seconds()) {
            let period = quota.period_at(now.wall);
            let remembered = self.closed.remove(&(*key, period.start))?;
            self.replace(key, remembered);
        }
        self.live.get(key)
    }

    /// Holds units for a call.
    pub fn reserve(&mut self, key: &Stored, start: i64, units: u64) {
        if let Some(counter) = self.of(key, start) {
            counter.reserved = counter.reserved.saturating_add(units);
        }
    }

    /// Turns held units into used ones.
    pub fn settle(&mut self, key: &Stored, start: i64, reserved: u64, actual: u64) {
        if let Some(counter) = self.of(key, start) {
            counter.settle(reserved, actual);
        }
        self.tidy(key, start);
    }

    /// Takes the store's figure for a period, from before `grant` was taken. False where there is no room.
    pub fn load(&mut self, key: &Stored, fresh: Counter, grant: Grant) -> bool {
        let (period, stored) = (fresh.period, fresh.used);
        if let Some(known) = self.of(key, period.start) {
            known.refresh(stored, grant);
        }
        if self.live.get(key).is_some_and(|live| live.period == period) {
            return true;
        }
        if !self.live.has_place(key, 1, 0) {
            return false;
        }
        let next = self.closed.remove(&(*key, period.start)).unwrap_or(fresh);
        self.replace(key, next);
        true
    }

    /// What the store is to be told.
    pub fn send(&mut self, deltas: &mut Vec<Delta>, now: Now) {
        let counters = self.live.states_mut().chain(self.closed.values_mut());
        deltas.extend(counters.filter_map(|counter| counter.send(now)));
    }

    /// What it is to be told of one counter, whose lease ends with that, and how much was taken of it.
    pub fn send_one(&mut self, key: &Stored, period: Period, now: Now) -> (Option<Delta>, u64) {
        let counter = self.of(key, period.start);
        counter.map_or((None, 0), |counter| (counter.give_up(now), counter.spent()))
    }

    /// The store's answer to one delta.
    pub fn answer(&mut self, key: &Stored, period: Period, stored: bool) {
        if let Some(counter) = self.of(key, period.start) {
            counter.answer(stored);
        }
        self.tidy(key, period.start);
    }

    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Makes `next` the counter of its key, and keeps the one before while it knows more than the store.
    fn replace(&mut self, key: &Stored, next: Counter) {
        let Some(live) = self.live.get_mut(key) else {
            self.live.set(*key, next);
            return;
        };
        let before = mem::replace(live, next);
        if !before.is_clean() {
            self.closed.insert((*key, before.period.start), before);
        }
    }

    fn of(&mut self, key: &Stored, start: i64) -> Option<&mut Counter> {
        match self.live.get_mut(key) {
            Some(live) if live.period.start == start => Some(live),
            _ => self.closed.get_mut(&(*key, start)),
        }
    }

    /// Forgets a closed counter that the store knows, and lets a live one be forgotten.
    fn tidy(&mut self, key: &Stored, start: i64) {
        if self.closed.get(&(*key, start)).is_some_and(Counter::is_clean) {
            self.closed.remove(&(*key, start));
        }
        self.live.look_again();
    }
}
