//! Requests by route, outcome and status, refusals by code, doubts of what models report; cheap to count, summed when somebody looks.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use foldhash::{HashMap, HashMapExt};
use parking_lot::Mutex;

/// Sets of counters. A thread always counts in the same one, so that threads rarely wait for each other.
const SHARDS: usize = 32;

/// What one request comes to.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// The route's name, where one was found.
    pub route: Option<&'a str>,
    /// `served`, `cancelled`, `upstream_error` or `denied`.
    pub outcome: &'static str,
    /// The status that the caller got; absent for one who left before there was an answer.
    pub status: Option<u16>,
    /// Why it was refused.
    pub denial: Option<&'static str>,
}

/// Counters of the data plane.
#[derive(Debug)]
pub struct Counters([Mutex<Shard>; SHARDS]);

/// All that was counted so far.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// By route (empty where none was found), outcome and class of the status, such as 2, where the caller got one.
    pub requests: BTreeMap<(String, &'static str, Option<u16>), u64>,
    /// By code.
    pub refusals: BTreeMap<&'static str, u64>,
    /// By route and reason.
    pub doubts: BTreeMap<(String, &'static str), u64>,
}

/// An outcome, the class of its status, and how often.
type Endings = (&'static str, Option<u16>, u64);

#[derive(Debug)]
struct Shard {
    /// Few kinds of endings per route, so a list is found faster than a map.
    routes: HashMap<Box<str>, Vec<Endings>>,
    refusals: HashMap<&'static str, u64>,
    doubts: HashMap<(Box<str>, &'static str), u64>,
}

impl Shard {
    fn new() -> Self {
        Self { routes: HashMap::new(), refusals: HashMap::new(), doubts: HashMap::new() }
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(Shard::new())))
    }
}

impl Counters {
    /// Counts one request.
    pub fn add(&self, ended: Ended<'_>) {
        let Ended { route, outcome, status, denial } = ended;
        let (route, class) = (route.unwrap_or_default(), status.map(|status| status / 100));
        let mut shard = self.0[shard_of_thread()].lock();
        let shard = &mut *shard;
        match shard.routes.get_mut(route) {
            Some(endings) => match endings.iter_mut().find(|one| one.0 == outcome && one.1 == class) {
                Some(one) => one.2 += 1,
                None => endings.push((outcome, class, 1)),
            },
            // Routes come from the configuration alone, so that nobody can fill the map.
            None => {
                shard.routes.insert(route.into(), vec![(outcome, class, 1)]);
            }
        }
        if let Some(code) = denial {
            *shard.refusals.entry(code).or_default() += 1;
        }
    }

    /// Counts a call of a route whose model reported what was not believed, or not as it came, for this reason.
    pub fn doubt(&self, route: &str, reason: &'static str) {
        *self.0[shard_of_thread()].lock().doubts.entry((route.into(), reason)).or_default() += 1;
    }

    /// All that was counted so far.
    pub fn sum(&self) -> Counts {
        let mut counts = Counts::default();
        for shard in &self.0 {
            let shard = shard.lock();
            for (route, endings) in &shard.routes {
                for (outcome, class, count) in endings {
                    *counts.requests.entry((route.to_string(), outcome, *class)).or_default() += count;
                }
            }
            for ((route, reason), count) in &shard.doubts {
                *counts.doubts.entry((route.to_string(), *reason)).or_default() += count;
            }
            for (code, count) in &shard.refusals {
                *counts.refusals.entry(code).or_default() += count;
            }
        }
        counts
    }
}

fn shard_of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    OWN.with(|own| {
        let index = own.get().unwrap_or_else(|| NEXT.fetch_add(1, Relaxed) % SHARDS);
        own.set(Some(index));
        index
    })
}

#[cfg(test)]
mod tests;
