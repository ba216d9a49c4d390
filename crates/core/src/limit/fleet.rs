//! Rates that a fleet counts together, as one of its nodes sees them.
//!
//! The truth is a [script](super::script)'s on a shared Redis. What is here decides without I/O what has to be asked there
//! and what does not: a node spends a lease of what it uses often, and it does not ask again what was refused a moment
//! ago. Whoever does the asking tells the answers.
#![doc = include_str!("fleet/promises.md")]

mod entry;
mod errand;
mod hold;
mod share;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use super::key::Key;
use super::lease::{Lease, lease_size};
use super::script::{Answer, Share, Until, read_answer};
use super::standing::{Ends, Left, Standing};
use super::taken::End;
use super::{LEASE_MOST, Rate};
use crate::time::Now;

use self::entry::{Entry, Leased, Look};
use self::hold::{From, Held};

pub use self::errand::{Errands, Settlement, Wish};
pub(crate) use self::hold::Hold;
pub use self::share::share_of;

const SHARDS: usize = 64;

/// How long a key that nobody uses is remembered.
const IDLE: Duration = Duration::from_secs(2);

/// What one node knows of the rates that its fleet shares: one per process, in bounded memory, kept over reloads.
pub struct Fleet {
    shards: [Mutex<HashMap<Key, Entry>>; SHARDS],
    /// Entries of one shard. A key beyond it is asked for at every call.
    room: usize,
    nodes: AtomicU32,
    leases: AtomicU64,
    errands: Mutex<Errands>,
}

/// What a call wants of one rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Its place among the call's limits.
    pub place: usize,
    pub rate: Rate,
    pub key: Key,
    pub units: u64,
}

/// Which of a call's limits refuses, by its place, and when that ends.
pub(crate) type Refused = (usize, Ends);

impl Fleet {
    /// Of `capacity` keys it is remembered how much they are used. It is alone until it hears otherwise.
    pub fn new(capacity: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            room: capacity.div_ceil(SHARDS).max(1),
            nodes: AtomicU32::new(1),
            leases: AtomicU64::new(0),
            errands: Mutex::default(),
        }
    }

    /// How many nodes the fleet has, this one among them.
    pub fn nodes(&self) -> u32 {
        self.nodes.load(Relaxed)
    }

    /// Notes how many nodes the fleet has; never less than one.
    pub fn set_nodes(&self, nodes: u32) {
        self.nodes.store(nodes.max(1), Relaxed);
    }

    /// Takes what leases hold. The second part has to be asked for.
    pub(crate) fn begin(self: &Arc<Self>, wanted: &[Asked], now: Now) -> Result<(Hold, Vec<Asked>), Refused> {
        let mut hold = Hold::new(self.clone());
        let mut missing = Vec::new();
        let mut refused: Option<Refused> = None;
        for asked in wanted {
            match self.look(asked, now) {
                Look::Spent(from) => hold.push(Held::new(asked, from)),
                Look::Ask => missing.push(*asked),
                Look::Refused(ends) if refused.is_none_or(|(_, latest)| latest < ends) => {
                    refused = Some((asked.place, ends));
                }
                Look::Refused(_) => {}
            }
        }
        // The hold gives back what it has when it is dropped.
        refused.map_or(Ok((hold, missing)), Err)
    }

    /// Takes the store's word on what was missing; `asked_at` is from before it was asked.
    pub(crate) fn answer(
        &self,
        hold: &mut Hold,
        missing: &[Asked],
        answer: &Answer,
        asked_at: Now,
    ) -> Result<(), Refused> {
        for ((asked, standing), until) in missing.iter().zip(&answer.standing).zip(&answer.until) {
            self.note(asked, *standing, answer.refused.is_none(), asked_at);
            if answer.refused.is_none() {
                hold.push(Held::new(asked, From::Store(*until)));
            }
        }
        let Some((index, ends)) = answer.refused else { return Ok(()) };
        let asked = missing.get(index);
        if let (Some(asked), Ends::After(wait)) = (asked, ends) {
            self.with(&asked.key, |entry| entry.close(asked.units, wait, asked_at));
        }
        Err((asked.map_or(0, |asked| asked.place), ends))
    }

    /// What a rate has left, as far as this node knows.
    pub(crate) fn standing(&self, rate: &Rate, key: &Key, now: Now) -> Standing {
        let backlog = self.shard(key).lock().get(key).map_or(0, |entry| entry.backlog(rate, now));
        Standing(Left::Rate { amount: rate.amount(), pace: rate.pace(), backlog })
    }

    /// What is to be told and asked of the store, apart from what calls ask themselves. It is told once; what fails is
    /// [given back](Self::retry) or lost to the cautious side.
    pub fn errands(&self) -> Errands {
        std::mem::take(&mut *self.errands.lock())
    }

    /// Keeps charges that could not be told, for another time.
    pub fn retry(&self, charges: Vec<Settlement>) {
        let mut errands = self.errands.lock();
        for charge in charges {
            errands.charge(charge.key(), charge.rate(), charge.charged());
        }
    }

    /// The store's answer to a wish for a lease, nothing where there is none. `asked_at` is from before it was asked, so
    /// that the lease ends here first.
    pub fn leased(&self, wish: &Wish, answer: Option<&[i64]>, asked_at: Now) {
        let share = Share { rate: &wish.rate, units: wish.units };
        let taken = answer.and_then(|answer| read_answer(&[share], answer).ok());
        let taken = taken.filter(|taken| taken.refused.is_none());
        let fresh = taken.and_then(|taken| Some((*taken.standing.first()?, *taken.until.first()?)));
        let fits = |standing: &Standing| {
            wish.units <= lease_size(standing.remaining().saturating_add(wish.units), self.nodes())
        };
        let mut returned = None;
        self.with(&wish.key, |entry| {
            entry.asks_lease = false;
            let Some((standing, until)) = fresh else { return };
            entry.saw(&wish.rate, standing, asked_at);
            if !fits(&standing) {
                // Others were quicker, and it is now more than this node's share.
                returned = Some(Settlement::give_back(wish.key, wish.rate, wish.units, until));
                return;
            }
            let serial = self.leases.fetch_add(1, Relaxed);
            let lease = Lease::new(wish.units, asked_at, LEASE_MOST);
            let fresh = Leased::new(serial, lease, wish.rate, until, standing, asked_at);
            returned = entry.lease.replace(fresh).and_then(|old| old.unspent(wish.key));
        });
        self.errands.lock().give_back(returned);
    }

    /// Ends leases whose time is over, and forgets who is not used any more. To be called a few times a second.
    pub fn sweep(&self, now: Now) {
        for shard in &self.shards {
            let mut returned = Vec::new();
            shard.lock().retain(|key, entry| {
                returned.extend(entry.end_lease(*key, now));
                entry.is_used(now, IDLE)
            });
            if !returned.is_empty() {
                self.errands.lock().give_back(returned);
            }
        }
    }

    /// Gives up all leases, at the stop or when the store is known to have forgotten them.
    pub fn give_up(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            let ended = shard.iter_mut().filter_map(|(key, entry)| entry.lease.take()?.unspent(*key));
            self.errands.lock().give_back(ended);
        }
    }

    /// Ends what a call held.
    fn end(&self, held: &Held, end: End<'_>, now: Option<Now>) {
        let actual = end.actual(held.rate.unit(), held.units);
        if actual < held.units {
            self.give_back(held, actual);
        } else if actual > held.units {
            self.charge(held, actual - held.units, now);
        }
    }

    /// To the lease that it came from while that lives, else to the store.
    fn give_back(&self, held: &Held, actual: u64) {
        let until = match held.from {
            From::Store(until) => until,
            From::Lease { serial, until } => {
                let mut shard = self.shard(&held.key).lock();
                let lease = shard.get_mut(&held.key).and_then(|entry| entry.lease.as_mut());
                if let Some(lease) = lease.filter(|lease| lease.serial == serial) {
                    lease.settle(held.units, actual);
                    return;
                }
                until
            }
        };
        let back = Settlement::give_back(held.key, held.rate, held.units - actual, until);
        self.errands.lock().give_back(Some(back));
    }

    /// From a lease as far as there is one, the rest from the store, where later calls wait for it.
    fn charge(&self, held: &Held, units: u64, now: Option<Now>) {
        let paid = now.and_then(|now| self.with(&held.key, |entry| entry.pay(&held.rate, units, now)));
        let owed = units - paid.unwrap_or(0);
        if owed > 0 {
            self.errands.lock().charge(held.key, held.rate, owed);
        }
    }

    fn look(&self, asked: &Asked, now: Now) -> Look {
        if asked.units > asked.rate.burst() {
            return Look::Refused(Ends::Never);
        }
        let mut returned = None;
        let look = self.with(&asked.key, |entry| {
            returned = entry.end_lease(asked.key, now);
            entry.look(asked, now)
        });
        if returned.is_some() {
            self.errands.lock().give_back(returned);
        }
        look.unwrap_or(Look::Ask)
    }

    /// Remembers what the store said of a key, and wishes for a lease where that would save questions.
    fn note(&self, asked: &Asked, standing: Standing, admitted: bool, asked_at: Now) {
        let wish = self.with(&asked.key, |entry| {
            entry.saw(&asked.rate, standing, asked_at);
            let most = lease_size(standing.remaining(), self.nodes());
            let units = if admitted { entry.wish(&asked.rate, most, asked_at)? } else { return None };
            Some(Wish { key: asked.key, rate: asked.rate, units })
        });
        if let Some(Some(wish)) = wish {
            self.errands.lock().leases.push(wish);
        }
    }

    /// The key's entry; nothing where there is no room for it.
    fn with<T>(&self, key: &Key, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut shard = self.shard(key).lock();
        if shard.len() >= self.room && !shard.contains_key(key) {
            return None;
        }
        Some(change(shard.entry(*key).or_default()))
    }

    fn shard(&self, key: &Key) -> &Mutex<HashMap<Key, Entry>> {
        // The upper bits are the well mixed ones.
        &self.shards[(key.subject.spread() >> 32) as usize % SHARDS]
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("nodes", &self.nodes()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
