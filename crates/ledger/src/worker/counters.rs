//! What a page of metrics tells of a worker.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tollgate_store::Booked;

/// What a worker counts, for whoever reads it at any time.
#[derive(Debug, Default)]
pub struct Counters {
    events: AtomicU64,
    duplicates: AtomicU64,
    strays: AtomicU64,
    alarms: AtomicU64,
    failures: AtomicU64,
    /// Messages that were dropped before they were read, as far as can be told.
    dropped: AtomicU64,
    /// How many messages each part is behind; absent where the feed does not tell.
    parts: Mutex<BTreeMap<String, Option<u64>>>,
}

/// The counts of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Worked {
    /// Events that were booked.
    pub events: u64,
    /// Events that had been booked before.
    pub duplicates: u64,
    /// Messages that are no events.
    pub strays: u64,
    /// Alarms that were raised.
    pub alarms: u64,
    /// How often the feed or the store failed.
    pub failures: u64,
    /// Messages that the feed dropped before they were read, as far as can be told.
    pub dropped: u64,
    /// Parts of the feed that this worker reads.
    pub parts: u64,
    /// Messages that are not read yet; Kinesis does not tell.
    pub behind: u64,
}

impl Counters {
    /// The counts now.
    pub fn read(&self) -> Worked {
        let parts = self.parts.lock();
        Worked {
            events: get(&self.events),
            duplicates: get(&self.duplicates),
            strays: get(&self.strays),
            alarms: get(&self.alarms),
            failures: get(&self.failures),
            dropped: get(&self.dropped),
            parts: parts.len() as u64,
            behind: parts.values().flatten().sum(),
        }
    }

    pub(super) fn booked(&self, booked: &Booked, strays: usize) {
        self.events.fetch_add(booked.inserted, Ordering::Relaxed);
        self.duplicates.fetch_add(booked.duplicates, Ordering::Relaxed);
        self.alarms.fetch_add(booked.alarms.len() as u64, Ordering::Relaxed);
        self.strays.fetch_add(strays as u64, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, messages: u64) {
        self.dropped.fetch_add(messages, Ordering::Relaxed);
    }

    pub(super) fn behind(&self, part: &str, messages: Option<u64>) {
        self.parts.lock().insert(part.to_owned(), messages);
    }

    pub(super) fn left(&self, part: &str) {
        self.parts.lock().remove(part);
    }
}

fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
