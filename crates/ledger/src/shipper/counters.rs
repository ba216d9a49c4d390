//! What a page of metrics tells of the shipper.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jiff::Timestamp;

use crate::sink::Fault;

/// What the shipper counts, for whoever reads it at any time.
#[derive(Debug, Default)]
pub struct Counters {
    events: AtomicU64,
    batches: AtomicU64,
    /// In the order of [`Fault::ALL`].
    failures: [AtomicU64; Fault::ALL.len()],
    findings: AtomicU64,
    alarms: AtomicU64,
    away: AtomicBool,
    lag_events: AtomicU64,
    lag_bytes: AtomicU64,
    /// When the oldest event began that waits, in microseconds; 0 where none does.
    oldest: AtomicU64,
    /// Bytes of all events that were delivered, for the mean.
    bytes: AtomicU64,
}

/// The counts of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shipped {
    /// Events that the sink has acknowledged.
    pub events: u64,
    /// Batches that the sink has acknowledged.
    pub batches: u64,
    /// Batches that failed, as often as they did, in the order of [`Fault::ALL`].
    pub failures: [u64; Fault::ALL.len()],
    /// Damages that the journal's reader has found. Each is an alarm.
    pub findings: u64,
    /// Alarms that the store raised.
    pub alarms: u64,
    /// Events that the journal has and the sink has not.
    pub lag_events: u64,
    /// How many seconds ago the oldest of them began that is known, or since when the journal cannot be read.
    pub lag_seconds: u64,
    /// How many bytes they have, by the mean of those before them.
    pub lag_bytes: u64,
}

/// What an event is taken to have as long as none was delivered.
const TYPICAL_BYTES: u64 = 300;

impl Counters {
    /// The counts now.
    pub fn read(&self, now: Timestamp) -> Shipped {
        let oldest = get(&self.oldest);
        let now = u64::try_from(now.as_microsecond()).unwrap_or_default();
        Shipped {
            events: get(&self.events),
            batches: get(&self.batches),
            failures: std::array::from_fn(|fault| get(&self.failures[fault])),
            findings: get(&self.findings),
            alarms: get(&self.alarms),
            lag_events: get(&self.lag_events),
            lag_seconds: if oldest == 0 { 0 } else { now.saturating_sub(oldest) / 1_000_000 },
            lag_bytes: get(&self.lag_bytes),
        }
    }

    /// Whether the sink takes nothing at the moment.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    pub(super) fn away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    pub(super) fn delivered(&self, events: u64, bytes: u64) {
        self.events.fetch_add(events, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, fault: Fault) {
        self.failures[fault as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn found(&self) {
        self.findings.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn alarmed(&self, alarms: u64) {
        self.alarms.fetch_add(alarms, Ordering::Relaxed);
    }

    pub(super) fn lag(&self, events: u64, oldest: Option<u64>) {
        let mean = get(&self.bytes).checked_div(get(&self.events)).unwrap_or(TYPICAL_BYTES);
        self.lag_events.store(events, Ordering::Relaxed);
        self.lag_bytes.store(events.saturating_mul(mean), Ordering::Relaxed);
        self.oldest.store(oldest.unwrap_or_default(), Ordering::Relaxed);
    }

    pub(super) fn lag_events(&self) -> u64 {
        get(&self.lag_events)
    }
}

fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
