//! One lock's part of a limiter: state, judged and changed one limit at a time.

use std::collections::HashMap;
use std::mem;
use std::time::Duration;

use super::bucket::{Bucket, Judgement, judge};
use super::counter::{Counter, Delta};
use super::key::{Kind, Stored};
use super::quota::{Period, Quota};
use super::rate::{Pace, Rate};
use super::standing::{Ends, Left};
use super::table::Table;
use super::taken::{End, Judged, Taken};
use super::{Concurrent, Limit};
use crate::time::Now;

/// The state of some subjects.
pub(super) struct Shard {
    /// The latest time that was seen here, in nanoseconds of the monotonic clock. Two threads may come in another order
    /// than the one in which they read the clock; for the shard time stands still then.
    clock: u64,
    identified: Table<Bucket>,
    addresses: Table<Bucket>,
    /// Only subjects that hold a slot.
    slots: Table<u32>,
    counters: Table<Counter>,
    /// Counters of other periods that hold what the store does not know, or a reservation: nothing else, so they are
    /// few.
    closed: HashMap<(Stored, i64), Counter>,
}

impl Shard {
    /// Each table holds at most `capacity` entries.
    pub fn new(capacity: usize) -> Self {
        Self {
            clock: 0,
            identified: Table::new(capacity, Bucket::rests_at),
            addresses: Table::new(capacity, Bucket::rests_at),
            slots: Table::new(capacity, |_| u64::MAX),
            counters: Table::new(capacity, |counter| if counter.is_clean() { 0 } else { u64::MAX }),
            closed: HashMap::new(),
        }
    }

    /// The time, which never runs backwards.
    pub fn tick(&mut self, now: u64) -> u64 {
        self.clock = self.clock.max(now);
        self.clock
    }

    /// Whether there is a place for this subject's own state of the limit, and for `wanted` entries in all.
    pub fn has_place(&mut self, limit: &Limit, kind: Kind, key: &Stored, wanted: usize) -> bool {
        let now = self.clock;
        match limit {
            Limit::Rate(_) => self.buckets(kind).has_place(key, wanted, now),
            Limit::Concurrent(_) => self.slots.has_place(key, wanted, now),
            // Its absence is told as such.
            Limit::Quota(_) => true,
        }
    }

    pub fn judge_rate(&mut self, kind: Kind, key: &Stored, rate: &Rate, units: u64) -> Judged {
        let (pace, now) = (rate.pace(), self.clock);
        let backlog = self.buckets(kind).get(key).map_or(0, |bucket| bucket.backlog(pace, now));
        let ends = match judge(pace, backlog, units) {
            Judgement::Pass => None,
            Judgement::Wait(ns) => Some(Ends::After(Duration::from_nanos(ns))),
            Judgement::Never => Some(Ends::Never),
        };
        let until = pace.at(now).saturating_add(backlog).saturating_add(pace.of(units));
        Judged {
            taken: Taken::Rate { unit: rate.unit(), pace, units, until },
            left: Left::Rate { amount: rate.amount(), pace, backlog },
            ends,
        }
    }

    pub fn judge_slots(&self, key: &Stored, most: Concurrent) -> Judged {
        let held = self.slots.get(key).copied().unwrap_or(0);
        Judged {
            taken: Taken::Slot,
            left: Left::Slots { most: most.0, held },
            ends: (held >= most.0).then_some(if most.0 == 0 { Ends::Never } else { Ends::Released }),
        }
    }

    /// Nothing where the counter is not loaded.
    pub fn judge_quota(&mut self, key: &Stored, quota: &Quota, units: u64, now: Now) -> Option<Judged> {
        let counter = self.counter_now(key, quota, now)?;
        let (taken, rest) = (counter.taken(), counter.period.rest(now.wall));
        let ends = match () {
            () if units > quota.amount => Some(Ends::Never),
            () if taken.saturating_add(units) > quota.amount => Some(Ends::After(rest)),
            () => None,
        };
        Some(Judged {
            taken: Taken::Count { unit: quota.unit, start: counter.period.start, units },
            left: Left::Count { amount: quota.amount, taken, rest },
            ends,
        })
    }

    /// Takes what was judged under the same lock.
    pub fn take(&mut self, kind: Kind, key: &Stored, taken: &Taken) {
        match *taken {
            Taken::Rate { units: 0, .. } => {}
            Taken::Rate { pace, until, .. } => self.buckets(kind).set(*key, Bucket::new(pace, until)),
            Taken::Slot => match self.slots.get_mut(key) {
                Some(held) => *held = held.saturating_add(1),
                None => self.slots.set(*key, 1),
            },
            Taken::Count { start, units, .. } => {
                if let Some(counter) = self.counter_of(key, start) {
                    counter.reserved = counter.reserved.saturating_add(units);
                }
            }
        }
    }

    /// Ends what a reservation held here. Returns the units of a rate that are still to be charged.
    pub fn end(&mut self, kind: Kind, key: &Stored, taken: &Taken, end: End<'_>) -> u64 {
        match *taken {
            Taken::Rate { unit, pace, units, until } => {
                let actual = end.actual(unit, units);
                self.give_back(kind, key, pace, units.saturating_sub(actual), until);
                return actual.saturating_sub(units);
            }
            Taken::Slot => self.release(key),
            Taken::Count { unit, start, units } => {
                if let Some(counter) = self.counter_of(key, start) {
                    counter.settle(units, end.actual(unit, units));
                }
                self.tidy(key, start);
            }
        }
        0
    }

    /// Whether there is a place for one bucket of this subject's own.
    pub fn has_place_for_bucket(&mut self, kind: Kind, key: &Stored) -> bool {
        let now = self.clock;
        self.buckets(kind).has_place(key, 1, now)
    }

    /// Charges a rate for what was used already.
    pub fn charge(&mut self, kind: Kind, key: &Stored, pace: Pace, units: u64) {
        let now = self.clock;
        let buckets = self.buckets(kind);
        let backlog = buckets.get(key).map_or(0, |bucket| bucket.backlog(pace, now));
        let arrival = pace.at(now).saturating_add(backlog).saturating_add(pace.of(units));
        buckets.set(*key, Bucket::new(pace, arrival));
    }

    /// Takes the store's figure for a period. False where there is no room. What is known already stays as it is: it
    /// holds what the store has not been told.
    pub fn load(&mut self, key: &Stored, fresh: Counter) -> bool {
        let period = fresh.period;
        if self.counters.get(key).is_some_and(|live| live.period == period) {
            return true;
        }
        if !self.counters.has_place(key, 1, self.clock) {
            return false;
        }
        let next = self.closed.remove(&(*key, period.start)).unwrap_or(fresh);
        self.replace(key, next);
        true
    }

    /// What the store does not know yet.
    pub fn send(&mut self, deltas: &mut Vec<Delta>) {
        let counters = self.counters.states_mut().chain(self.closed.values_mut());
        deltas.extend(counters.filter_map(Counter::send));
    }

    /// The store's answer to one delta.
    pub fn answer(&mut self, key: &Stored, period: Period, stored: bool) {
        if let Some(counter) = self.counter_of(key, period.start) {
            counter.answer(stored);
        }
        self.tidy(key, period.start);
    }

    /// How many entries there are, for telemetry.
    pub fn len(&self) -> usize {
        self.identified.len() + self.addresses.len() + self.slots.len() + self.counters.len()
    }

    fn buckets(&mut self, kind: Kind) -> &mut Table<Bucket> {
        match kind {
            Kind::Identified => &mut self.identified,
            Kind::Address => &mut self.addresses,
        }
    }

    /// An absent bucket is full: nothing is owed to it.
    fn give_back(&mut self, kind: Kind, key: &Stored, pace: Pace, units: u64, until: u128) {
        let now = self.clock;
        let buckets = self.buckets(kind);
        if units > 0
            && let Some(bucket) = buckets.get_mut(key)
        {
            bucket.give_back(pace, units, until, now);
            buckets.look_again();
        }
    }

    fn release(&mut self, key: &Stored) {
        match self.slots.get_mut(key) {
            Some(held) if *held > 1 => *held -= 1,
            Some(_) => {
                self.slots.remove(key);
            }
            None => {}
        }
    }

    /// The counter of the period that `now` lies in.
    ///
    /// A new period begins at zero without the store, so that midnight asks it nothing. A clock that is set back finds
    /// what is remembered of the earlier period, or has to have it loaded.
    fn counter_now(&mut self, key: &Stored, quota: &Quota, now: Now) -> Option<&Counter> {
        let live = self.counters.get(key)?;
        if !live.period.contains(now.unix_seconds()) {
            let period = quota.period_at(now.wall);
            let next = match self.closed.remove(&(*key, period.start)) {
                Some(remembered) => remembered,
                None if period.start >= live.period.end => {
                    Counter::new(live.key, live.name.clone(), period, 0)
                }
                None => return None,
            };
            self.replace(key, next);
        }
        self.counters.get(key)
    }

    /// Makes `next` the counter of its key, and keeps the one before while it knows more than the store.
    fn replace(&mut self, key: &Stored, next: Counter) {
        let Some(live) = self.counters.get_mut(key) else {
            self.counters.set(*key, next);
            return;
        };
        let before = mem::replace(live, next);
        if !before.is_clean() {
            self.closed.insert((*key, before.period.start), before);
        }
    }

    fn counter_of(&mut self, key: &Stored, start: i64) -> Option<&mut Counter> {
        match self.counters.get_mut(key) {
            Some(live) if live.period.start == start => Some(live),
            _ => self.closed.get_mut(&(*key, start)),
        }
    }

    /// Forgets a closed counter that the store knows, and lets a live one be forgotten.
    fn tidy(&mut self, key: &Stored, start: i64) {
        if self.closed.get(&(*key, start)).is_some_and(Counter::is_clean) {
            self.closed.remove(&(*key, start));
        }
        self.counters.look_again();
    }
}
