//! The last decisions, in the order in which they were made.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;

use super::Decision;

/// How many are kept.
pub(super) const KEPT: usize = 10_000;
/// How many locks share them, so that threads that refuse at once seldom wait for each other.
const STRIPES: usize = 16;

/// A ring whose neighbours lie in different stripes: each stripe keeps its share of the last ones, so that together they
/// keep exactly the last ones.
pub(super) struct Ring {
    stripes: [Mutex<VecDeque<Decision>>; STRIPES],
    next: AtomicUsize,
}

impl Ring {
    pub fn push(&self, decision: Decision) {
        let mut stripe = self.stripes[self.next.fetch_add(1, Relaxed) % STRIPES].lock();
        // What is pushed out is freed after the lock.
        let _oldest = if stripe.len() < KEPT / STRIPES { None } else { stripe.pop_front() };
        stripe.push_back(decision);
        drop(stripe);
    }

    /// The latest decision of this id: a call that was let through may fail later. Questions are rare, so that there is no
    /// index to keep.
    pub fn find(&self, id: &str) -> Option<Decision> {
        let latest = |stripe: &Mutex<VecDeque<Decision>>| {
            stripe.lock().iter().rev().find(|decision| *decision.id == *id).cloned()
        };
        // Of two that one call left, the refusal was made before what became of it.
        let found = self.stripes.iter().filter_map(latest);
        found.max_by_key(|decision| decision.outcome != super::Outcome::Allowed)
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self { stripes: std::array::from_fn(|_| Mutex::default()), next: AtomicUsize::new(0) }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("recorded", &self.next).finish_non_exhaustive()
    }
}
