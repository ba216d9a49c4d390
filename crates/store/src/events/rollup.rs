//! Roll-ups: what the events of each series come to in each minute, hour and day.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use tollgate_core::usage::UsageEvent;

use super::models::Models;
use super::plan::Period;
use super::row::int;
use super::series::{Series, SeriesId};
use super::totals::UsageTotals;
use crate::database::{Hold, Transaction};
use crate::error::Result;
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::tables::{USAGE_ROLLUPS, USAGE_SERIES};

/// How much time a roll-up is of; they begin at whole minutes, hours and days of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Span {
    Minute,
    Hour,
    Day,
}

/// Names a roll-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RollupKey {
    /// In seconds.
    span: i64,
    /// In microseconds since the epoch.
    start: i64,
    series: SeriesId,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rollup {
    pub(super) key: RollupKey,
    pub(super) totals: UsageTotals,
}

/// What events come to that are to be written, in the order of the table, and the series that they are of.
#[derive(Default)]
pub(super) struct Rollups {
    totals: BTreeMap<RollupKey, UsageTotals>,
    /// As rows.
    series: BTreeMap<SeriesId, Vec<Value>>,
    models: Models,
}

impl Span {
    pub(super) const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    pub(super) fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }

    pub(super) fn micros(self) -> i64 {
        self.seconds() * 1_000_000
    }

    /// The last beginning of such a span at this time or before it, in microseconds.
    pub(super) fn floor(self, micros: i64) -> i64 {
        micros - micros.rem_euclid(self.micros())
    }

    pub(super) fn period(self) -> Period {
        match self {
            Self::Minute => Period::Minute,
            Self::Hour => Period::Hour,
            Self::Day => Period::Day,
        }
    }

    /// Its name for whoever asks.
    pub(super) fn as_str(self) -> &'static str {
        self.period().as_str()
    }
}

impl RollupKey {
    fn row(self) -> Vec<Value> {
        vec![self.span.into(), self.start.into(), self.series.into()]
    }

    pub(super) fn is_of(self, span: Span) -> bool {
        self.span == span.seconds()
    }

    pub(super) fn period(self) -> Period {
        let span = Span::ALL.into_iter().find(|span| self.is_of(*span));
        span.unwrap_or(Span::Day).period()
    }

    pub(super) fn start(self) -> Timestamp {
        Timestamp::from_microsecond(self.start).unwrap_or_default()
    }

    pub(super) fn series(self) -> SeriesId {
        self.series
    }

    /// Deletes the roll-up.
    pub(super) fn delete(self) -> Statement {
        let row = Statement::new("DELETE FROM usage_rollups WHERE span = ").bind(self.span);
        row.push(" AND start = ").bind(self.start).push(" AND series = ").bind(self.series)
    }

    /// The key of the longer span that this one lies in.
    pub(super) fn within(self, span: Span) -> Self {
        Self { span: span.seconds(), start: span.floor(self.start), ..self }
    }
}

impl Read for RollupKey {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { span: columns.next()?, start: columns.next()?, series: columns.next()? })
    }
}

impl Read for Rollup {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { key: columns.next()?, totals: columns.next()? })
    }
}

impl Rollup {
    pub(super) fn row(&self) -> Vec<Value> {
        self.key.row().into_iter().chain(self.totals.row()).collect()
    }
}

impl Rollups {
    /// Counts what these come to by minutes; [`Rollups::lengthen`] makes hours and days of it. The more come at once, the
    /// less each costs. Names of models that their days have no room for are taken together.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn add<'a>(
        &mut self,
        transaction: &mut Transaction,
        events: impl IntoIterator<Item = UsageEvent<&'a str>>,
    ) -> Result<()> {
        // A series is told by its values until all are counted: its id takes longer to make than an event to count.
        let mut minutes: HashMap<(i64, Series<'a>), UsageTotals> = HashMap::new();
        for event in events {
            let start = Span::Minute.floor(int(event.intent.time_micros));
            minutes.entry((start, Series::of(&event))).or_default().add(&event.closing);
        }
        let named = |(start, series): &(i64, Series<'a>)| series.named(Span::Day.floor(*start));
        self.models.learn(transaction, minutes.keys().map(named)).await?;
        for ((start, series), totals) in minutes {
            let model = self.models.told(&named(&(start, series)));
            let series = series.of_model(model);
            let id = series.id();
            let key = RollupKey { span: Span::Minute.seconds(), start, series: id };
            self.totals.entry(key).or_default().merge(&totals);
            self.series.entry(id).or_insert_with(|| series.row(id));
        }
        Ok(())
    }

    /// Adds what the minutes come to by hours, and the hours by days.
    pub(super) fn lengthen(&mut self) {
        for (short, long) in [(Span::Minute, Span::Hour), (Span::Hour, Span::Day)] {
            let mut longer: BTreeMap<RollupKey, UsageTotals> = BTreeMap::new();
            for (key, totals) in self.totals.iter().filter(|(key, _)| key.span == short.seconds()) {
                longer.entry(key.within(long)).or_default().merge(totals);
            }
            self.totals.append(&mut longer);
        }
    }

    /// The rows in the order of their keys.
    pub(super) fn into_rows(self) -> impl Iterator<Item = Rollup> {
        self.totals.into_iter().map(|(key, totals)| Rollup { key, totals })
    }

    /// Adds the minutes, and the hours and days that they come to, to what is in the table, and says how many roll-ups were
    /// written.
    ///
    /// A series is written with its first roll-up of each day, so it is there wherever any roll-up of it is. It is written
    /// behind the roll-ups: whoever waits for it holds them all, and nobody who has it wants more of them.
    pub(super) async fn write(mut self, transaction: &mut Transaction) -> Result<u64> {
        self.lengthen();
        let count = self.totals.len() as u64;
        let mut series = self.take_series(transaction).await?;
        let new = self.merge(transaction).await?;
        series.retain(|id, _| new.contains(id));
        write_series(transaction, series).await?;
        Ok(count)
    }

    /// Writes the names of models that the series tell apart, and gives the series as rows.
    pub(super) async fn take_series(
        &mut self,
        transaction: &mut Transaction,
    ) -> Result<BTreeMap<SeriesId, Vec<Value>>> {
        self.models.write(transaction).await?;
        Ok(std::mem::take(&mut self.series))
    }

    /// Adds these to what is in the table, and gives the series that had nothing of their day there.
    ///
    /// Where others write, too, what is new goes in first and what was there is locked afterwards, each in the order of
    /// the keys: whoever waits for a new row waits for somebody who is further than that, so that several writers never
    /// wait in a circle.
    async fn merge(mut self, transaction: &mut Transaction) -> Result<HashSet<SeriesId>> {
        let mut new: HashSet<RollupKey> = HashSet::new();
        if transaction.is_postgres() {
            let rows =
                self.totals.iter().map(|(key, totals)| key.row().into_iter().chain(totals.row()).collect());
            new.extend(transaction.insert_new::<RollupKey>(&USAGE_ROLLUPS, rows.collect()).await?);
            self.totals.retain(|key, _| !new.contains(key));
        } else {
            new.extend(self.totals.keys());
        }
        let keys = self.totals.keys().map(|key| key.row()).collect();
        for there in transaction.keyed::<Rollup>(&USAGE_ROLLUPS, keys, Hold::Yes).await? {
            new.remove(&there.key);
            if let Some(more) = self.totals.get_mut(&there.key) {
                more.merge(&there.totals);
            }
        }
        let rows = self.into_rows().map(|rollup| rollup.row()).collect();
        transaction.replace(&USAGE_ROLLUPS, rows).await?;
        Ok(new.into_iter().filter(|key| key.is_of(Span::Day)).map(RollupKey::series).collect())
    }
}

/// Writes the series that are not there yet.
pub(super) async fn write_series(
    transaction: &mut Transaction,
    series: BTreeMap<SeriesId, Vec<Value>>,
) -> Result<()> {
    let rows = series.into_values().collect();
    transaction.insert_new::<SeriesId>(&USAGE_SERIES, rows).await.map(|_| ())
}
