//! Nonces that were used within the window.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::credential::Digest;
use crate::time::Now;

const SHARDS: usize = 16;

/// Nonces within the window, by credential: one memory per process.
///
/// An unexpired nonce is never dropped, as its request could then be replayed. So that one credential cannot fill the
/// memory, each has a bound of its own, beyond which its requests wait. A nonce costs the same memory however long it
/// is, as only its digest is kept.
pub struct Nonces {
    per_credential: usize,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

/// What is known of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Never seen; it is remembered now.
    First,
    /// Used before: a replay.
    Before,
    /// The credential has too many unexpired nonces.
    TooMany {
        /// Seconds until the oldest ends.
        retry_after: u64,
    },
}

impl Nonces {
    /// At most `per_credential` unexpired nonces of one credential.
    pub fn new(per_credential: usize) -> Self {
        Self {
            per_credential,
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::new(Shard::default())),
        }
    }

    /// Remembers (`id`, `ts`, `nonce`) for its [`lifetime`].
    ///
    /// Call it for signed requests within the window only, else strangers fill the memory.
    pub(super) fn remember(&self, id: &str, ts: i64, nonce: &str, skew: u64, now: Now) -> Seen {
        let digest = Digest::of_parts(&[&ts.to_be_bytes(), nonce.as_bytes()]);
        let lifetime = lifetime(skew);
        let shard = self.hasher.hash_one(id) as usize % SHARDS;
        let mut shard = self.shards[shard].lock();
        shard.forget_expired(now.monotonic);
        shard.remember(id, digest, self.per_credential, now.monotonic, lifetime)
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("per_credential", &self.per_credential).finish_non_exhaustive()
    }
}

/// Some credentials' nonces, and all of them in the order in which they came.
#[derive(Default)]
struct Shard {
    credentials: HashMap<Arc<str>, Used>,
    order: VecDeque<Entry>,
}

#[derive(Default)]
struct Used {
    nonces: HashSet<Digest>,
    /// When each ends, oldest first.
    ends: VecDeque<Duration>,
}

struct Entry {
    id: Arc<str>,
    nonce: Digest,
    ends: Duration,
}

impl Shard {
    /// Each entry is dropped once, so the cost of a call is constant over time. An entry behind one that ends later
    /// stays a little longer than it must, which is safe.
    fn forget_expired(&mut self, now: Duration) {
        while let Some(entry) = self.order.pop_front_if(|entry| entry.ends <= now) {
            let Some(used) = self.credentials.get_mut(&entry.id) else {
                continue;
            };
            used.nonces.remove(&entry.nonce);
            used.ends.pop_front();
            if used.nonces.is_empty() {
                self.credentials.remove(&entry.id);
            }
        }
    }

    fn remember(&mut self, id: &str, nonce: Digest, most: usize, now: Duration, lifetime: Duration) -> Seen {
        let known = self.credentials.get_key_value(id);
        if known.is_some_and(|(_, used)| used.nonces.contains(&nonce)) {
            return Seen::Before;
        }
        let (id, held) = known.map_or((Arc::from(id), 0), |(id, used)| (id.clone(), used.nonces.len()));
        if held >= most {
            let oldest = self.credentials.get(&id).and_then(|used| used.ends.front());
            let wait = oldest.map_or(lifetime, |ends| ends.saturating_sub(now));
            return Seen::TooMany { retry_after: wait.as_secs() + u64::from(wait.subsec_nanos() > 0) };
        }
        let ends = now.saturating_add(lifetime);
        let used = self.credentials.entry(id.clone()).or_default();
        used.nonces.insert(nonce);
        used.ends.push_back(ends);
        self.order.push_back(Entry { id, nonce, ends });
        Seen::First
    }
}

/// How long a `ts` within `skew` seconds of our clock can be valid: twice the skew, and a second for the fractions that the
/// comparison of whole seconds leaves out.
pub(super) fn lifetime(skew: u64) -> Duration {
    Duration::from_secs(skew.saturating_mul(2).saturating_add(1))
}

#[cfg(test)]
mod tests;
