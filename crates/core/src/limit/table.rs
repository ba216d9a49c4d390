//! A map of bounded size that forgets only what is at rest.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use super::key::Stored;

/// At most `capacity` states; one that is at rest is the same as an absent one.
///
/// The hash is seeded at random, as callers choose their addresses and names: without the seed, which nothing tells, nobody
/// knows which of them meet.
pub(super) struct Table<S> {
    entries: HashMap<Stored, S, RandomState>,
    capacity: usize,
    rests_at: fn(&S) -> u64,
    /// No entry is at rest before this time, as far as the last look at all of them told.
    none_rests_before: u64,
}

/// Where a key's state would be.
pub(super) enum Place<S> {
    /// Here it is.
    Held(S),
    /// It is at rest, and there is room for it.
    Free,
    /// There is no room.
    None,
}

impl<S> Table<S> {
    /// `rests_at` tells when a state comes to rest by itself, in nanoseconds of the monotonic clock: 0 where it rests
    /// already, the maximum where time alone does nothing.
    pub fn new(capacity: usize, rests_at: fn(&S) -> u64) -> Self {
        Self { entries: HashMap::default(), capacity, rests_at, none_rests_before: 0 }
    }

    pub fn get(&self, key: &Stored) -> Option<&S> {
        self.entries.get(key)
    }

    pub fn get_mut(&mut self, key: &Stored) -> Option<&mut S> {
        self.entries.get_mut(key)
    }

    /// The key's state, or whether there is room for `wanted` new ones. A full table forgets all entries at rest first.
    pub fn place(&mut self, key: &Stored, wanted: usize, now: u64) -> Place<S>
    where
        S: Copy,
    {
        match self.entries.get(key).copied() {
            Some(state) => Place::Held(state),
            None if self.has_room(wanted, now) => Place::Free,
            None => Place::None,
        }
    }

    /// Whether the key has a place: it has an entry, or there is room for `wanted` new ones.
    pub fn has_place(&mut self, key: &Stored, wanted: usize, now: u64) -> bool {
        self.entries.contains_key(key) || self.has_room(wanted, now)
    }

    /// Sets the state of a key that [has a place](Self::has_place).
    pub fn set(&mut self, key: Stored, state: S) {
        if self.entries.insert(key, state).is_none() {
            self.look_again();
        }
    }

    pub fn remove(&mut self, key: &Stored) {
        self.entries.remove(key);
    }

    /// Says that an entry may have come to rest before its time.
    pub fn look_again(&mut self) {
        self.none_rests_before = 0;
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn states_mut(&mut self) -> impl Iterator<Item = &mut S> {
        self.entries.values_mut()
    }

    fn has_room(&mut self, wanted: usize, now: u64) -> bool {
        if self.entries.len() + wanted > self.capacity && now >= self.none_rests_before {
            let mut next = u64::MAX;
            self.entries.retain(|_, state| {
                let rests_at = (self.rests_at)(state);
                if rests_at > now {
                    next = next.min(rests_at);
                }
                rests_at > now
            });
            self.none_rests_before = next;
        }
        self.entries.len() + wanted <= self.capacity
    }
}
