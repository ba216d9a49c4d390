//! The locks that one call holds while it is judged.

use parking_lot::MutexGuard;

use super::key::Key;
use super::limiter::{Limiter, Place, nanoseconds};
use super::reservation::{Held, Holds, standing};
use super::shard::{Answer, Question, Shard};
use super::standing::{Ends, Refusal};
use super::taken::Judged;
use super::{Cost, Limit};
use crate::time::Now;

/// The shards of one call, locked in ascending order and the shared one last, so that two calls never wait for each other.
pub(super) struct Locked<'a> {
    limiter: &'a Limiter,
    first: (Place, MutexGuard<'a, Shard>),
    /// Empty for most calls: their limits are those of one subject.
    others: Vec<(Place, MutexGuard<'a, Shard>)>,
    shared: Option<MutexGuard<'a, Shard>>,
    now: u64,
}

/// What each limit says, and the refusal that ends last: by its index in the call's limits, and when.
pub(super) type Verdict = (Holds, Option<(usize, Ends)>);

impl<'a> Locked<'a> {
    /// Locks what these limits need. A call without limits locks one shard for nothing.
    pub fn new(limiter: &'a Limiter, limits: &[(&Limit, Key)], now: Now) -> Self {
        let places = limits.iter().map(|(_, key)| Place::own(key));
        let lowest = places.clone().min().unwrap_or(Place::Own(0));
        let mut others: Vec<Place> = places.filter(|place| *place != lowest).collect();
        others.sort_unstable();
        others.dedup();
        let now = nanoseconds(now);
        let lock = |place| {
            let mut shard = limiter.lock(place);
            shard.tick(now);
            (place, shard)
        };
        let first = lock(lowest);
        Self { limiter, first, others: others.into_iter().map(lock).collect(), shared: None, now }
    }

    /// Judges every limit and changes none.
    pub fn judge(&mut self, limits: &[(&Limit, Key)], cost: &Cost, now: Now) -> Result<Verdict, Refusal> {
        let mut all = Holds::with_capacity(limits.len());
        let mut refused: Option<(usize, Ends)> = None;
        for (index, (limit, key)) in limits.iter().enumerate() {
            let asked = Question {
                limit,
                kind: key.subject.kind,
                key: key.stored(),
                units: cost.of(limit.unit()),
                wanted: limits.len(),
                now,
            };
            let mut answer = self.own(key).judge(&asked);
            let shared = matches!(answer, Answer::NoPlace);
            if shared {
                answer = self.shared().judge(&Question { key: key.stored_shared(), ..asked });
            }
            let Judged { taken, left, ends } = match answer {
                Answer::Judged(judged) => judged,
                Answer::Unloaded => return Err(Refusal::Unloaded { limit: index }),
                // Thousands of limits are all used up by those who found no room.
                Answer::NoPlace => {
                    return Err(Refusal::Limited {
                        limit: index,
                        ends: Ends::Released,
                        standing: standing(&all),
                    });
                }
            };
            all.push(Held { key: *key, shared, taken, left });
            if let Some(ends) = ends
                && refused.is_none_or(|(_, latest)| latest < ends)
            {
                refused = Some((index, ends));
            }
        }
        Ok((all, refused))
    }

    /// Takes what was judged.
    pub fn take(&mut self, held: &mut Held) {
        let key = held.stored();
        let shard = if held.shared { self.shared() } else { self.own(&held.key) };
        shard.take(held.key.subject.kind, &key, &held.taken);
        held.left = held.left.after(&held.taken);
    }

    fn shared(&mut self) -> &mut Shard {
        self.shared.get_or_insert_with(|| {
            let mut shard = self.limiter.lock(Place::Shared);
            shard.tick(self.now);
            shard
        })
    }

    fn own(&mut self, key: &Key) -> &mut Shard {
        let place = Place::own(key);
        if place == self.first.0 {
            return &mut self.first.1;
        }
        let position = self.others.partition_point(|(have, _)| *have < place);
        &mut self.others[position].1
    }
}
