//! One lock's part of a limiter: state, judged and changed one limit at a time.

use std::time::Duration;

use super::Limit;
use super::bucket::{Bucket, Judgement, judge};
use super::counters::Counters;
use super::key::{Kind, Stored};
use super::quota::Quota;
use super::rate::{Pace, Rate};
use super::standing::{Ends, Left};
use super::table::{Place, Table};
use super::taken::{End, Judged, Taken};
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
    pub counters: Counters,
}

/// What a shard is asked about one limit of a call.
pub(super) struct Question<'a> {
    pub limit: &'a Limit,
    pub kind: Kind,
    pub key: Stored,
    pub units: u64,
    /// How many entries the call may need in all.
    pub wanted: usize,
    pub now: Now,
}

/// What a shard says about one limit of a call.
pub(super) enum Answer {
    /// The limit's own word.
    Judged(Judged),
    /// There is no room for the subject's state.
    NoPlace,
    /// The quota's counter is not loaded, or holds no lease for this.
    Unloaded,
}

impl Shard {
    /// Each table holds at most `capacity` entries.
    pub fn new(capacity: usize) -> Self {
        Self {
            clock: 0,
            identified: Table::new(capacity, Bucket::rests_at),
            addresses: Table::new(capacity, Bucket::rests_at),
            slots: Table::new(capacity, |_| u64::MAX),
            counters: Counters::new(capacity),
        }
    }

    /// The time, which never runs backwards.
    pub fn tick(&mut self, now: u64) -> u64 {
        self.clock = self.clock.max(now);
        self.clock
    }

    /// Judges one limit of a call and changes nothing of it.
    pub fn judge(&mut self, asked: &Question<'_>) -> Answer {
        let now = self.clock;
        match asked.limit {
            Limit::Rate(rate) => match self.buckets(asked.kind).place(&asked.key, asked.wanted, now) {
                Place::Held(bucket) => judge_rate(rate, bucket.backlog(rate.pace(), now), asked.units, now),
                Place::Free => judge_rate(rate, 0, asked.units, now),
                Place::None => Answer::NoPlace,
            },
            Limit::Concurrent(most) => match self.slots.place(&asked.key, asked.wanted, now) {
                Place::Held(held) => judge_slots(most.0, held),
                Place::Free => judge_slots(most.0, 0),
                Place::None => Answer::NoPlace,
            },
            Limit::Quota(quota) => self.judge_quota(quota, asked),
        }
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
            Taken::Count { start, units, .. } => self.counters.reserve(key, start, units),
        }
    }

    /// Ends what a reservation held here. Returns how many units of a rate are still to be charged.
    pub fn end(&mut self, kind: Kind, key: &Stored, taken: &Taken, end: End<'_>) -> u64 {
        match *taken {
            Taken::Rate { unit, pace, units, until } => {
                let actual = end.actual(unit, units);
                self.give_back(kind, key, pace, units.saturating_sub(actual), until);
                return actual.saturating_sub(units);
            }
            Taken::Slot => self.release(key),
            Taken::Count { unit, start, units } => {
                self.counters.settle(key, start, units, end.actual(unit, units));
            }
        }
        0
    }

    /// Whether there is a place for a bucket of the subject's own.
    pub fn has_place(&mut self, kind: Kind, key: &Stored) -> bool {
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

    /// How many entries there are, for telemetry.
    pub fn len(&self) -> usize {
        self.identified.len() + self.addresses.len() + self.slots.len() + self.counters.len()
    }

    fn judge_quota(&mut self, quota: &Quota, asked: &Question<'_>) -> Answer {
        let Some(counter) = self.counters.now(&asked.key, quota, asked.now) else {
            return Answer::Unloaded;
        };
        let Ok(ends) = counter.judge(quota.amount, asked.units, asked.now) else {
            return Answer::Unloaded;
        };
        let (taken, rest) = (counter.taken(), counter.period.rest(asked.now.wall));
        Answer::Judged(Judged {
            taken: Taken::Count { unit: quota.unit, start: counter.period.start, units: asked.units },
            left: Left::Count { amount: quota.amount, taken, rest },
            ends,
        })
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
            Some(_) => self.slots.remove(key),
            None => {}
        }
    }
}

fn judge_rate(rate: &Rate, backlog: u128, units: u64, now: u64) -> Answer {
    let pace = rate.pace();
    let ends = match judge(pace, backlog, units) {
        Judgement::Pass => None,
        Judgement::Wait(ns) => Some(Ends::After(Duration::from_nanos(ns))),
        Judgement::Never => Some(Ends::Never),
    };
    let until = pace.at(now).saturating_add(backlog).saturating_add(pace.of(units));
    Answer::Judged(Judged {
        taken: Taken::Rate { unit: rate.unit(), pace, units, until },
        left: Left::Rate { amount: rate.amount(), pace, backlog },
        ends,
    })
}

fn judge_slots(most: u32, held: u32) -> Answer {
    let ends = match most {
        0 => Some(Ends::Never),
        most if held >= most => Some(Ends::Released),
        _ => None,
    };
    Answer::Judged(Judged { taken: Taken::Slot, left: Left::Slots { most, held }, ends })
}
