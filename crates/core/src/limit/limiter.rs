//! What was used of every limit, process-wide.

use std::fmt;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::counter::{Counter, Delta};
use super::key::Key;
use super::quota::Period;
use super::reservation::{Held, Reservation};
use super::shard::Shard;
use super::standing::{Ends, Left, Refusal, Standing};
use super::taken::{End, Judged, Taken};
use super::{Cost, Limit};
use crate::time::Now;

const SHARDS: usize = 64;

/// Beyond this many, buckets at rest are forgotten. There is one per limit, and the configuration bounds those.
const SHARED_CAPACITY: usize = 4096;

/// The state of every limit: one per process, kept over reloads.
pub struct Limiter {
    shards: [Mutex<Shard>; SHARDS],
    /// The anonymous buckets of those who found no room. Always locked last.
    shared: Mutex<Shard>,
}

/// There is no room for one more counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the limiter holds as many counters as it may, all of them with use that is not stored yet")]
pub struct Full;

impl Limiter {
    /// At most `capacity` entries, rounded up to a multiple of 64, in each of four tables: rates of the identified, rates
    /// of addresses, held slots, and counters of quotas. Memory is taken as entries come.
    pub fn new(capacity: usize) -> Self {
        let each = capacity.div_ceil(SHARDS).max(1);
        Self {
            shards: std::array::from_fn(|_| Mutex::new(Shard::new(each))),
            shared: Mutex::new(Shard::new(SHARED_CAPACITY)),
        }
    }

    /// Takes `cost` from all limits of a call, or from none. A call that costs nothing of a limit's unit passes it unless
    /// a debt is owed. No key may come twice.
    ///
    /// # Errors
    /// [`Refusal::Limited`] where a limit is used up, [`Refusal::Unloaded`] where a quota's counter is to be loaded.
    pub fn reserve(
        self: &Arc<Self>,
        limits: &[(&Limit, Key)],
        cost: &Cost,
        now: Now,
    ) -> Result<Reservation, Refusal> {
        let mut locked = Locked::new(self, limits);
        let (mut held, refused) = locked.judge(limits, cost, now)?;
        if let Some((limit, ends)) = refused {
            drop(locked);
            return Err(Refusal::Limited { limit, ends, standing: standing(&held) });
        }
        for held in &mut held {
            let key = held.stored();
            locked.shard(held).take(held.key.subject.kind, &key, &held.taken);
            held.left = held.left.after(&held.taken);
        }
        drop(locked);
        Ok(Reservation::new(self.clone(), held))
    }

    /// What limits have left, without taking anything.
    ///
    /// # Errors
    /// [`Refusal::Unloaded`] where a quota's counter is to be loaded.
    pub fn standing(&self, limits: &[(&Limit, Key)], now: Now) -> Result<Vec<Standing>, Refusal> {
        let (held, _) = Locked::new(self, limits).judge(limits, &Cost::default(), now)?;
        Ok(standing(&held))
    }

    /// Gives the limiter the store's figure of a quota's use in a period. `name` is what the store calls the counter.
    ///
    /// What the limiter knows already of that period stays, as it holds what the store has not been told; so several
    /// callers may load the same counter at once.
    ///
    /// # Errors
    /// [`Full`] where no counter can be forgotten, because none is stored.
    pub fn load(&self, key: Key, name: Arc<str>, period: Period, used: u64) -> Result<(), Full> {
        let counter = Counter::new(key, name, period, used);
        if self.shard_of(&key).lock().load(&key.stored(), counter) { Ok(()) } else { Err(Full) }
    }

    /// The settled use that the store does not know of yet. Each delta is to be [confirmed](Self::confirm) or
    /// [failed](Self::fail); its counter sends no other one before.
    pub fn export(&self) -> Vec<Delta> {
        let mut deltas = Vec::new();
        for shard in &self.shards {
            shard.lock().send(&mut deltas);
        }
        deltas
    }

    /// The store has these deltas.
    pub fn confirm(&self, deltas: &[Delta]) {
        self.answer(deltas, true);
    }

    /// The store does not have these deltas; the next export sends them again.
    pub fn fail(&self, deltas: &[Delta]) {
        self.answer(deltas, false);
    }

    /// How many entries there are, for telemetry.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends what a reservation held of one limit.
    pub(super) fn end(&self, held: &Held, end: End<'_>, now: Option<Now>) {
        let (kind, key) = (held.key.subject.kind, held.stored());
        let mut shard = if held.shared { self.shared.lock() } else { self.shard_of(&held.key).lock() };
        // Without a time the latest one that was seen will do: since then nothing happened here.
        let now = shard.tick(now.map_or(0, nanoseconds));
        let owed = shard.end(kind, &key, &held.taken, end);
        let Taken::Rate { pace, .. } = held.taken else { return };
        if owed == 0 {
            return;
        }
        if held.shared || shard.has_place_for_bucket(kind, &key) {
            shard.charge(kind, &key, pace, owed);
        } else {
            let mut shared = self.shared.lock();
            shared.tick(now);
            shared.charge(kind, &held.key.stored_shared(), pace, owed);
        }
    }

    fn answer(&self, deltas: &[Delta], stored: bool) {
        for delta in deltas {
            self.shard_of(&delta.key).lock().answer(&delta.key.stored(), delta.period, stored);
        }
    }

    fn shard_of(&self, key: &Key) -> &Mutex<Shard> {
        &self.shards[shard_index(key)]
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

/// The shards of one call, locked in ascending order and the shared one last, so that two calls never wait for each other.
struct Locked<'a> {
    limiter: &'a Limiter,
    own: Vec<(usize, MutexGuard<'a, Shard>)>,
    shared: Option<MutexGuard<'a, Shard>>,
}

type Verdict = (Vec<Held>, Option<(usize, Ends)>);

impl<'a> Locked<'a> {
    fn new(limiter: &'a Limiter, limits: &[(&Limit, Key)]) -> Self {
        let mut indices: Vec<usize> = limits.iter().map(|(_, key)| shard_index(key)).collect();
        indices.sort_unstable();
        indices.dedup();
        let own = indices.into_iter().map(|index| (index, limiter.shards[index].lock())).collect();
        Self { limiter, own, shared: None }
    }

    /// What each limit says, and the refusal that ends last.
    fn judge(&mut self, limits: &[(&Limit, Key)], cost: &Cost, now: Now) -> Result<Verdict, Refusal> {
        let mut all = Vec::with_capacity(limits.len());
        let mut refused: Option<(usize, Ends)> = None;
        for (index, (limit, key)) in limits.iter().enumerate() {
            let shared = !self.has_place(limit, key, limits.len(), now);
            let Some((held, ends)) = self.judge_one(limit, *key, shared, cost, now) else {
                return Err(Refusal::Unloaded { limit: index });
            };
            all.push(held);
            if let Some(ends) = ends
                && refused.is_none_or(|(_, latest)| latest < ends)
            {
                refused = Some((index, ends));
            }
        }
        Ok((all, refused))
    }

    fn has_place(&mut self, limit: &Limit, key: &Key, wanted: usize, now: Now) -> bool {
        let shard = self.own(key);
        shard.tick(nanoseconds(now));
        shard.has_place(limit, key.subject.kind, &key.stored(), wanted)
    }

    /// Nothing where a counter is not loaded.
    fn judge_one(
        &mut self,
        limit: &Limit,
        key: Key,
        shared: bool,
        cost: &Cost,
        now: Now,
    ) -> Option<(Held, Option<Ends>)> {
        let mut held = Held { key, shared, taken: Taken::Slot, left: Left::Slots { most: 0, held: 0 } };
        let (kind, stored, units) = (key.subject.kind, held.stored(), cost.of(limit.unit()));
        let shard = self.shard(&held);
        shard.tick(nanoseconds(now));
        let judged = match limit {
            Limit::Rate(rate) => shard.judge_rate(kind, &stored, rate, units),
            Limit::Concurrent(most) => shard.judge_slots(&stored, *most),
            Limit::Quota(quota) => shard.judge_quota(&stored, quota, units, now)?,
        };
        let Judged { taken, left, ends } = judged;
        (held.taken, held.left) = (taken, left);
        Some((held, ends))
    }

    fn shard(&mut self, held: &Held) -> &mut Shard {
        if held.shared {
            self.shared.get_or_insert_with(|| self.limiter.shared.lock())
        } else {
            self.own(&held.key)
        }
    }

    fn own(&mut self, key: &Key) -> &mut Shard {
        let index = shard_index(key);
        let position = self.own.partition_point(|(have, _)| *have < index);
        &mut self.own[position].1
    }
}

fn standing(held: &[Held]) -> Vec<Standing> {
    held.iter().map(|held| Standing(held.left)).collect()
}

fn shard_index(key: &Key) -> usize {
    // The upper bits are the well mixed ones.
    (key.subject.spread() >> 32) as usize % SHARDS
}

/// Nanoseconds of the monotonic clock; they last for 584 years.
fn nanoseconds(now: Now) -> u64 {
    u64::try_from(now.monotonic.as_nanos()).unwrap_or(u64::MAX)
}
