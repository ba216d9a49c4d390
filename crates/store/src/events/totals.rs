//! What events come to.

use tollgate_core::usage::{Closing, Measure, Measures, Quality};

use super::latencies::Latencies;
use super::row::{int, measures, unsigned};
use crate::error::Result;
use crate::row::{Columns, Read};
use crate::statement::Value;

/// What some events come to together. Sums stay at the most that a signed 64-bit column holds, so that they are the same
/// in whatever order they are made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageTotals {
    /// Events of each quality, in the order of [`Quality::ALL`].
    pub qualities: [u64; Quality::ALL.len()],
    /// The sum of each measure that was taken of at least one of the events.
    pub measures: Measures,
    /// The sum of what the calls took, in milliseconds.
    pub duration_ms: u64,
    /// The sum of what was spent with models.
    pub upstream_ms: u64,
    /// What the calls took.
    pub durations: Latencies,
    /// What was spent with models.
    pub upstreams: Latencies,
}

impl UsageTotals {
    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.qualities.iter().fold(0, |sum, count| plus(sum, *count))
    }

    /// The first sum in which others differ, by its name, and what it is here and there. Where no sum does, the sketches
    /// of latency do, whose figure is how many calls there are.
    pub(super) fn difference(&self, other: &Self) -> (&'static str, Option<u64>, Option<u64>) {
        let mut pairs = self.sums().zip(other.sums());
        let differing = pairs.find(|((_, here), (_, there))| here != there);
        differing.map_or_else(
            || ("latencies", Some(self.events()), Some(other.events())),
            |((name, here), (_, there))| (name, here, there),
        )
    }

    /// Every sum with its name, those that say most first; absent where nothing was measured.
    fn sums(&self) -> impl Iterator<Item = (&'static str, Option<u64>)> {
        let events = [("events", Some(self.events()))];
        let qualities =
            Quality::ALL.map(|quality| (quality.as_str(), Some(self.qualities[quality as usize])));
        let measures = Measure::ALL.map(|measure| (measure.as_str(), self.measures.of(measure)));
        let times = [("duration_ms", Some(self.duration_ms)), ("upstream_ms", Some(self.upstream_ms))];
        events.into_iter().chain(qualities).chain(measures).chain(times)
    }

    /// Counts one event.
    pub(crate) fn add(&mut self, closing: &Closing) {
        self.qualities[closing.quality as usize] += 1;
        self.add_measures(&closing.measures);
        self.duration_ms = plus(self.duration_ms, closing.duration_ms);
        self.upstream_ms = plus(self.upstream_ms, closing.upstream_ms);
        self.durations.add(closing.duration_ms);
        self.upstreams.add(closing.upstream_ms);
    }

    /// Counts what others come to.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (sum, more) in self.qualities.iter_mut().zip(other.qualities) {
            *sum = plus(*sum, more);
        }
        self.add_measures(&other.measures);
        self.duration_ms = plus(self.duration_ms, other.duration_ms);
        self.upstream_ms = plus(self.upstream_ms, other.upstream_ms);
        self.durations.merge(&other.durations);
        self.upstreams.merge(&other.upstreams);
    }

    /// The values of a roll-up behind its key.
    pub(super) fn row(&self) -> impl Iterator<Item = Value> {
        let qualities = self.qualities.map(|count| int(count).into());
        let sums = [int(self.duration_ms).into(), int(self.upstream_ms).into()];
        let times = [self.durations.encode().into(), self.upstreams.encode().into()];
        qualities.into_iter().chain(measures(&self.measures)).chain(sums).chain(times)
    }

    fn add_measures(&mut self, more: &Measures) {
        for (measure, value) in more.iter() {
            let sum = plus(self.measures.of(measure).unwrap_or(0), value);
            self.measures = self.measures.with(measure, sum);
        }
    }
}

impl Read for UsageTotals {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            qualities: [unsigned(columns)?, unsigned(columns)?, unsigned(columns)?],
            measures: columns.next()?,
            duration_ms: unsigned(columns)?,
            upstream_ms: unsigned(columns)?,
            durations: Latencies::decode(&columns.next::<Vec<u8>>()?)?,
            upstreams: Latencies::decode(&columns.next::<Vec<u8>>()?)?,
        })
    }
}

fn plus(sum: u64, more: u64) -> u64 {
    sum.saturating_add(more).min(i64::MAX.unsigned_abs())
}
