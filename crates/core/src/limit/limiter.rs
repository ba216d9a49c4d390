//! What was used of every limit, process-wide.

use std::fmt;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::counter::{Counter, Delta, Grant};
use super::key::Key;
use super::locked::Locked;
use super::quota::{Period, Quota};
use super::rate::Pace;
use super::reservation::{Held, Reservation, standing};
use super::shard::Shard;
use super::standing::{Refusal, Standing};
use super::taken::{End, Taken};
use super::{Cost, Limit};
use crate::time::Now;

const SHARDS: usize = 64;

/// There is one anonymous bucket per limit, and of limits the configuration has fewer.
const SHARED_CAPACITY: usize = 4096;

/// The state of every limit: one per process, kept over reloads.
pub struct Limiter {
    shards: [Mutex<Shard>; SHARDS],
    /// The anonymous buckets of those who found no room. Always locked last.
    shared: Mutex<Shard>,
}

/// Which lock guards a state. In this order they are locked where a call needs several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The subject's shard.
    Own(usize),
    /// The shard of all who found no room.
    Shared,
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
        let mut locked = Locked::new(self, limits, now);
        let (mut held, refused) = locked.judge(limits, cost, now)?;
        if let Some((limit, ends)) = refused {
            drop(locked);
            return Err(Refusal::Limited { limit, ends, standing: standing(&held) });
        }
        for held in &mut held {
            locked.take(held);
        }
        drop(locked);
        Ok(Reservation::new(self.clone(), held))
    }

    /// What limits have left, without taking anything.
    ///
    /// # Errors
    /// [`Refusal::Unloaded`] where a quota's counter is to be loaded.
    pub fn standing(&self, limits: &[(&Limit, Key)], now: Now) -> Result<Vec<Standing>, Refusal> {
        let (held, _) = Locked::new(self, limits, now).judge(limits, &Cost::default(), now)?;
        Ok(standing(&held))
    }

    /// Gives the limiter the store's figure of a quota's use in a period, from before `grant` was taken. `name` is what the
    /// store calls the counter.
    ///
    /// Where nobody else counts, what the limiter knows already of that period stays, as it holds what the store has not
    /// been told; so several callers may load the same counter at once. A lease adds to what is known, and between its
    /// [`export_one`](Self::export_one) and this nothing else may go to the store about the counter.
    ///
    /// # Errors
    /// [`Full`] where no counter can be forgotten, because none is stored.
    pub fn load(
        &self,
        key: Key,
        name: Arc<str>,
        period: Period,
        used: u64,
        grant: Grant,
    ) -> Result<(), Full> {
        let counter = Counter::new(key, name, period, used, grant);
        let loaded = self.lock(Place::own(&key)).counters.load(&key.stored(), counter, grant);
        if loaded { Ok(()) } else { Err(Full) }
    }

    /// Whether the store must be asked before it can be said if so many units of a quota are left: its use is not known,
    /// or what was leased of it is over or spent.
    pub fn must_ask(&self, key: &Key, quota: &Quota, units: u64, now: Now) -> bool {
        let mut shard = self.lock(Place::own(key));
        let counter = shard.counters.now(&key.stored(), quota, now);
        counter.is_none_or(|counter| counter.judge(quota.amount, units, now).is_err())
    }

    /// What the store is to be told: settled use that it does not know of yet, and what leases that are over at `now` give
    /// back. Each delta is to be [confirmed](Self::confirm) or [failed](Self::fail); its counter sends no other one before.
    pub fn export(&self, now: Now) -> Vec<Delta> {
        let mut deltas = Vec::new();
        for shard in &self.shards {
            shard.lock().counters.send(&mut deltas, now);
        }
        deltas
    }

    /// The same of one counter, whose lease ends with that, and how much it has taken since the lease began.
    pub fn export_one(&self, key: &Key, period: Period, now: Now) -> (Option<Delta>, u64) {
        self.lock(Place::own(key)).counters.send_one(&key.stored(), period, now)
    }

    /// The store has these deltas.
    pub fn confirm(&self, deltas: &[Delta]) {
        self.answer(deltas, true);
    }

    /// The store does not have these deltas, as far as anybody knows. The next export sends again what was used; what was
    /// given back is lost, as the store may have heard it.
    pub fn fail(&self, deltas: &[Delta]) {
        self.answer(deltas, false);
    }

    /// Whether any use of a quota is known, or was leased.
    pub fn counts_quotas(&self) -> bool {
        self.shards.iter().any(|shard| shard.lock().counters.len() > 0)
    }

    /// How many entries there are, for telemetry.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends what a reservation held.
    pub(super) fn end(&self, held: &[Held], end: End<'_>, now: Option<Now>) {
        // Without a time the latest one that a shard saw will do: since then nothing happened there.
        let now = now.map_or(0, nanoseconds);
        let mut current: Option<(Place, MutexGuard<'_, Shard>)> = None;
        for held in held.iter().filter(|held| !held.taken.stays(end)) {
            let place = Place::of(held);
            let mut shard = match current.take() {
                Some((same, shard)) if same == place => shard,
                other => {
                    // One lock at a time, so that nobody waits for anybody in a circle.
                    drop(other);
                    let mut shard = self.lock(place);
                    shard.tick(now);
                    shard
                }
            };
            let owed = shard.end(held.key.subject.kind, &held.stored(), &held.taken, end);
            if let Taken::Rate { pace, .. } = held.taken
                && owed > 0
            {
                self.charge(&mut shard, held, pace, owed, now);
            }
            current = Some((place, shard));
        }
    }

    /// Charges what a call used on top, to the shared bucket where the subject's own state found no room.
    fn charge(&self, shard: &mut Shard, held: &Held, pace: Pace, units: u64, now: u64) {
        let (kind, key) = (held.key.subject.kind, held.stored());
        if held.shared || shard.has_place(kind, &key) {
            shard.charge(kind, &key, pace, units);
        } else {
            let mut shared = self.lock(Place::Shared);
            shared.tick(now);
            shared.charge(kind, &held.key.stored_shared(), pace, units);
        }
    }

    fn answer(&self, deltas: &[Delta], stored: bool) {
        for delta in deltas {
            self.lock(Place::own(&delta.key)).counters.answer(&delta.key.stored(), delta.period, stored);
        }
    }

    pub(super) fn lock(&self, place: Place) -> MutexGuard<'_, Shard> {
        match place {
            Place::Own(index) => self.shards[index].lock(),
            Place::Shared => self.shared.lock(),
        }
    }
}

impl Place {
    /// The shard of the key's subject. The upper bits are the well mixed ones.
    pub fn own(key: &Key) -> Self {
        Self::Own((key.subject.spread() >> 32) as usize % SHARDS)
    }

    fn of(held: &Held) -> Self {
        if held.shared { Self::Shared } else { Self::own(&held.key) }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

/// Nanoseconds of the monotonic clock; they last for 584 years.
pub(super) fn nanoseconds(now: Now) -> u64 {
    u64::try_from(now.monotonic.as_nanos()).unwrap_or(u64::MAX)
}
