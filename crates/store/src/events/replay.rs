//! Roll-ups made anew from the events, as far back as all events are kept.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::alarm;
use super::floors;
use super::hours::OfHour;
use super::plan::Period;
use super::rollup::{self, Rollup, RollupKey, Rollups, Span};
use super::totals::UsageTotals;
use super::waiting::{self, Which};
use crate::database::Transaction;
use crate::error::Result;
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::USAGE_ROLLUPS;

/// What making roll-ups anew came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replayed {
    /// From which time on: before it, events are deleted, and the roll-ups were left as they are.
    pub from: Option<Timestamp>,
    /// Events that were read.
    pub events: u64,
    /// Roll-ups that they come to.
    pub rollups: u64,
    /// Roll-ups that were other than they should be, or were missing, or should not be there.
    pub mended: u64,
    /// The first hundred of them.
    pub first: Vec<Mended>,
}

/// A roll-up that was other than it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// Of what length.
    pub period: Period,
    /// When its time began.
    pub start: Timestamp,
    /// Whose calls it is of; what they have not is empty.
    pub consumer: String,
    /// By which route.
    pub route: String,
    /// Of which model.
    pub model: String,
    /// The first sum of it that was wrong: `events`, a quality, a measure, `duration_ms`, `upstream_ms` or `latencies`.
    pub sum: &'static str,
    /// What it was; absent where the roll-up was missing, or this was not measured.
    pub was: Option<u64>,
    /// What the events come to; absent where it should not be there.
    pub is: Option<u64>,
}

/// Roll-ups that are named.
const NAMED: usize = 100;

impl Store {
    /// Makes the roll-ups anew, a day at a time, and mends those that are not what the events come to. Booking waits
    /// while a day is made.
    ///
    /// # Errors
    /// What the database says. Each day is one transaction.
    pub async fn replay_usage(&self) -> Result<Replayed> {
        self.replay(true).await
    }

    /// Does as [`Store::replay_usage`] and leaves everything as it was: what it tells would be mended.
    ///
    /// # Errors
    /// What the database says.
    pub async fn compare_usage(&self) -> Result<Replayed> {
        self.replay(false).await
    }

    async fn replay(&self, keep: bool) -> Result<Replayed> {
        let mut snapshot = self.database.snapshot().await?;
        let kept = floors::of(&mut snapshot, None).await?;
        drop(snapshot);
        let from = kept.and_then(|kept| Timestamp::from_microsecond(kept).ok());
        let mut replayed = Replayed { from, ..Replayed::default() };
        let mut day = kept.unwrap_or(i64::MIN);
        while let Some(next) = self.next_day(day).await? {
            self.replay_day(next, keep, &mut replayed).await?;
            day = next + Span::Day.micros();
        }
        Ok(replayed)
    }

    /// The first day from this one on that has events, or roll-ups, which may have none.
    async fn next_day(&self, from: i64) -> Result<Option<i64>> {
        let event = Statement::new("SELECT min(hour) FROM usage_blocks WHERE hour >= ").bind(from);
        let event: Option<i64> = self.database.one(event).await?.flatten();
        let mut first = event;
        for span in Span::ALL {
            let rollup = Statement::new("SELECT min(start) FROM usage_rollups WHERE span = ");
            let rollup = rollup.bind(span.seconds()).push(" AND start >= ").bind(from);
            let rollup: Option<i64> = self.database.one(rollup).await?.flatten();
            first = first.into_iter().chain(rollup).min();
        }
        Ok(first.map(|first| Span::Day.floor(first)))
    }

    /// Makes the roll-ups of a day anew, if all of its events are kept.
    async fn replay_day(&self, day: i64, keep: bool, replayed: &mut Replayed) -> Result<()> {
        let mut transaction = self.database.write().await?;
        if transaction.is_postgres() {
            // Whoever books has not added yet to what is made here, or is through; in the order in which booking takes
            // them.
            transaction
                .script(
                    "LOCK TABLE usage_waiting, usage_models, usage_rollups, usage_series, usage_holes \
                     IN EXCLUSIVE MODE",
                )
                .await?;
        }
        // Asked where nobody deletes: what was kept when this began may be gone.
        let deleted = floors::of(&mut transaction, None).await?.is_some_and(|before| day < before);
        if deleted || floors::holes(&mut transaction).await?.contains(&day) {
            return Ok(());
        }
        // What is made here has all events of the day.
        loop {
            let rolled = waiting::roll_up(&mut transaction, Which::All).await?;
            alarm::raise(&mut transaction, rolled.alarms).await?;
            if rolled.is_all {
                break;
            }
        }
        let mut days: BTreeMap<RollupKey, UsageTotals> = BTreeMap::new();
        let minutes_kept = floors::of(&mut transaction, Some(Span::Minute)).await?.unwrap_or(i64::MIN);
        for hour in 0..24 {
            let hour = day + hour * Span::Hour.micros();
            let made = self.hour(&mut transaction, hour, replayed).await?;
            let (minutes, rest): (Vec<Rollup>, Vec<Rollup>) =
                made.into_iter().partition(|rollup| rollup.key.is_of(Span::Minute));
            let hours = rest.into_iter().filter(|rollup| rollup.key.is_of(Span::Hour));
            let hours: Vec<Rollup> = hours.collect();
            for rollup in &hours {
                days.entry(rollup.key.within(Span::Day)).or_default().merge(&rollup.totals);
            }
            if hour >= minutes_kept {
                replayed.mend(&mut transaction, Span::Minute, (hour, Span::Hour), minutes).await?;
            }
            replayed.mend(&mut transaction, Span::Hour, (hour, Span::Hour), hours).await?;
        }
        let days = days.into_iter().map(|(key, totals)| Rollup { key, totals }).collect();
        replayed.mend(&mut transaction, Span::Day, (day, Span::Day), days).await?;
        // A transaction that is dropped has changed nothing.
        if keep { transaction.commit().await } else { Ok(()) }
    }

    /// What the events of an hour come to.
    async fn hour(
        &self,
        transaction: &mut Transaction,
        start: i64,
        replayed: &mut Replayed,
    ) -> Result<Vec<Rollup>> {
        let mut rollups = Rollups::default();
        let mut blocks = OfHour::new(start, start..start + Span::Hour.micros());
        while let Some(block) = blocks.next(transaction).await? {
            let plain = block.unpack()?;
            let events = block.look(&plain)?;
            replayed.events += events.len() as u64;
            rollups.add(transaction, events.into_iter().map(|lying| lying.event)).await?;
        }
        let series = rollups.take_series(transaction).await?;
        rollup::write_series(transaction, series).await?;
        rollups.lengthen();
        Ok(rollups.into_rows().collect())
    }
}

impl Replayed {
    /// Puts `made` in the place of the roll-ups of a span that begin within one longer span.
    async fn mend(
        &mut self,
        transaction: &mut Transaction,
        span: Span,
        (start, within): (i64, Span),
        made: Vec<Rollup>,
    ) -> Result<()> {
        self.rollups += made.len() as u64;
        let rows = Statement::select(&[&USAGE_ROLLUPS]).push(" FROM usage_rollups WHERE span = ");
        let rows = rows.bind(span.seconds()).push(" AND start >= ").bind(start).push(" AND start < ");
        let there: Vec<Rollup> = transaction.all(rows.bind(start + within.micros())).await?;
        let mut there: BTreeMap<RollupKey, UsageTotals> =
            there.into_iter().map(|rollup| (rollup.key, rollup.totals)).collect();
        let mut rows: Vec<Vec<Value>> = Vec::new();
        for rollup in made {
            let was = there.remove(&rollup.key);
            if was.as_ref() != Some(&rollup.totals) {
                self.name(transaction, rollup.key, was.as_ref(), Some(&rollup.totals)).await?;
                rows.push(rollup.row());
            }
        }
        self.mended += (rows.len() + there.len()) as u64;
        for (key, was) in there {
            self.name(transaction, key, Some(&was), None).await?;
            transaction.execute(key.delete()).await?;
        }
        transaction.replace(&USAGE_ROLLUPS, rows).await
    }

    /// Notes a roll-up among the first that are mended.
    async fn name(
        &mut self,
        transaction: &mut Transaction,
        key: RollupKey,
        was: Option<&UsageTotals>,
        is: Option<&UsageTotals>,
    ) -> Result<()> {
        if self.first.len() == NAMED {
            return Ok(());
        }
        let series = Statement::new("SELECT consumer, route, model FROM usage_series WHERE series = ");
        let series: Option<(String, String, String)> = transaction.one(series.bind(key.series())).await?;
        let (consumer, route, model) = series.unwrap_or_default();
        let events = ("events", was.map(UsageTotals::events), is.map(UsageTotals::events));
        let difference = was.zip(is).map(|(was, is)| was.difference(is));
        let (sum, was, is) = difference.unwrap_or(events);
        let (period, start) = (key.period(), key.start());
        self.first.push(Mended { period, start, consumer, route, model, sum, was, is });
        Ok(())
    }
}
