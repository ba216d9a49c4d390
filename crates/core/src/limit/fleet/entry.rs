//! What a node knows of one key.

use std::time::Duration;

use super::errand::Settlement;
use super::hold::From;
use super::{Asked, Ends, Lease, Standing, Until};
use crate::limit::Rate;
use crate::limit::key::Key;
use crate::limit::standing::Left;
use crate::time::Now;

/// A refusal is believed for so long at most: what another node gives back ends it sooner than was said.
const CLOSED_MOST: Duration = Duration::from_millis(50);

/// A key that is called at least so often in a second is worth a lease.
const HOT: u64 = 8;

/// A smaller lease saves no question.
const LEAST: u64 = 4;

/// One key's lease, and what is remembered of the store's last words.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub lease: Option<Leased>,
    /// Whether a lease is being asked for.
    pub asks_lease: bool,
    closed: Option<Closed>,
    seen: Option<Seen>,
    demand: Demand,
    used: Duration,
}

/// What a key says to a call.
pub(super) enum Look {
    /// Its lease pays.
    Spent(From),
    /// The store knows.
    Ask,
    /// The store refused the same a moment ago.
    Refused(Ends),
}

/// A lease that the store has granted.
#[derive(Debug)]
pub(super) struct Leased {
    pub serial: u64,
    lease: Lease,
    rate: Rate,
    until: Until,
    /// Ticks that were owed with the lease taken, and when.
    backlog: u128,
    taken: Duration,
}

/// Until when calls of so many units or more are refused.
#[derive(Debug)]
struct Closed {
    units: u64,
    until: Duration,
    /// When the refusal would end by itself.
    ends: Duration,
}

/// What the store said was owed, and when.
#[derive(Debug)]
struct Seen {
    rate: Rate,
    backlog: u128,
    at: Duration,
}

/// How much a key was used in this second and the one before.
#[derive(Debug, Default)]
struct Demand {
    second: u64,
    now: (u64, u64),
    before: (u64, u64),
}

impl Entry {
    /// Spends the lease or says why not. An ended lease is to be [taken out](Self::end_lease) before.
    pub fn look(&mut self, asked: &Asked, now: Now) -> Look {
        self.used = now.monotonic;
        self.demand.count(1, asked.units, now.monotonic);
        if let Some(lease) = &mut self.lease
            && lease.rate == asked.rate
            && lease.spend(asked.units, now)
        {
            return Look::Spent(From::Lease { serial: lease.serial, until: lease.until });
        }
        match &self.closed {
            Some(closed) if asked.units >= closed.units && now.monotonic < closed.until => {
                Look::Refused(Ends::After(closed.ends.saturating_sub(now.monotonic)))
            }
            _ => Look::Ask,
        }
    }

    /// Refuses calls of so many units for a moment without asking.
    pub fn close(&mut self, units: u64, wait: Duration, asked_at: Now) {
        let until = asked_at.monotonic.saturating_add(wait.min(CLOSED_MOST));
        self.closed = Some(Closed { units, until, ends: asked_at.monotonic.saturating_add(wait) });
    }

    /// Remembers what the store said.
    pub fn saw(&mut self, rate: &Rate, standing: Standing, at: Now) {
        if let Left::Rate { backlog, .. } = standing.0 {
            self.seen = Some(Seen { rate: *rate, backlog, at: at.monotonic });
        }
    }

    /// The ticks that are owed, less what the own lease may still spend.
    pub fn backlog(&self, rate: &Rate, now: Now) -> u128 {
        let Some(seen) = self.seen.as_ref().filter(|seen| seen.rate == *rate) else { return 0 };
        let own = self.lease.as_ref().map_or(0, |lease| lease.usable(now));
        owed(rate, seen.backlog, seen.at, now).saturating_sub(rate.pace().of(own))
    }

    /// How large a lease to ask for, at most `most`; nothing where it would save no questions. A lease doubles with the
    /// use of the key, so that what lies idle here is never more than what was used in a second.
    pub fn wish(&mut self, rate: &Rate, most: u64, now: Now) -> Option<u64> {
        let (calls, units) = self.demand.of(now.monotonic);
        let units = units.min(most);
        let has = self.lease.as_ref().is_some_and(|lease| lease.rate == *rate && lease.usable(now) >= LEAST);
        if self.asks_lease || has || calls < HOT || units < LEAST {
            return None;
        }
        self.asks_lease = true;
        Some(units)
    }

    /// Pays for what a call used on top, as far as the lease reaches.
    pub fn pay(&mut self, rate: &Rate, units: u64, now: Now) -> u64 {
        self.demand.count(0, units, now.monotonic);
        let Some(lease) = self.lease.as_mut().filter(|lease| lease.rate == *rate) else { return 0 };
        let paid = units.min(lease.usable(now));
        if lease.spend(paid, now) { paid } else { 0 }
    }

    /// Takes out a lease that is over; what goes back of it.
    pub fn end_lease(&mut self, key: Key, now: Now) -> Option<Settlement> {
        self.lease.take_if(|lease| !lease.lease.is_live(now))?.unspent(key)
    }

    /// Whether it is worth its place.
    pub fn is_used(&self, now: Now, idle: Duration) -> bool {
        self.lease.is_some() || self.asks_lease || now.monotonic.saturating_sub(self.used) < idle
    }
}

impl Leased {
    /// `standing` is what is left with the lease taken.
    pub fn new(serial: u64, lease: Lease, rate: Rate, until: Until, standing: Standing, taken: Now) -> Self {
        let backlog = match standing.0 {
            Left::Rate { backlog, .. } => backlog,
            Left::Slots { .. } | Left::Count { .. } => 0,
        };
        Self { serial, lease, rate, until, backlog, taken: taken.monotonic }
    }

    /// Turns spent units into what they were in truth, which is less.
    pub fn settle(&mut self, units: u64, actual: u64) {
        // Less than was spent always fits.
        let _ = self.lease.settle(units, actual.min(units));
    }

    /// What goes back to the store.
    pub fn unspent(&self, key: Key) -> Option<Settlement> {
        let units = self.lease.unspent();
        (units > 0).then(|| Settlement::give_back(key, self.rate, units, self.until))
    }

    /// Units that may be spent. A unit that has come back at the store by itself, because the rate has it back, would
    /// otherwise be spent twice: here and there.
    fn usable(&self, now: Now) -> u64 {
        if !self.lease.is_live(now) {
            return 0;
        }
        let owed = owed(&self.rate, self.backlog, self.taken, now);
        self.lease.unspent().min(self.rate.pace().units(owed))
    }

    fn spend(&mut self, units: u64, now: Now) -> bool {
        // What has come back at the store is lost here for good: else it would be there again for the next call.
        let lost = self.lease.unspent().saturating_sub(self.usable(now));
        self.lease.spend(lost, now) && self.lease.spend(units, now)
    }
}

impl Demand {
    fn count(&mut self, calls: u64, units: u64, now: Duration) {
        self.turn(now);
        self.now = (self.now.0 + calls, self.now.1.saturating_add(units));
    }

    /// Calls and units of a second.
    fn of(&mut self, now: Duration) -> (u64, u64) {
        self.turn(now);
        (self.now.0.max(self.before.0), self.now.1.max(self.before.1))
    }

    fn turn(&mut self, now: Duration) {
        let second = now.as_secs();
        if second > self.second {
            self.before = if second == self.second + 1 { self.now } else { (0, 0) };
            (self.now, self.second) = ((0, 0), second);
        }
    }
}

/// What is still owed of `backlog` ticks at `since`.
fn owed(rate: &Rate, backlog: u128, since: Duration, now: Now) -> u128 {
    let passed = now.monotonic.saturating_sub(since).as_nanos();
    backlog.saturating_sub(rate.pace().at(u64::try_from(passed).unwrap_or(u64::MAX)))
}
