//! Roll-ups made anew from the events, as far back as all events are kept, and the names of their series.

mod mended;
mod names;
mod unread;

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;

use super::alarm;
use super::floors;
use super::hours::OfHour;
use super::rollup::{self, Rollup, RollupKey, Rollups, Span};
use super::totals::UsageTotals;
use super::waiting::{self, Which};
use crate::database::Transaction;
use crate::error::Result;
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::USAGE_ROLLUPS;

pub use mended::{Mended, Replayed, Short, Stored};
use names::Names;

/// A row of the table, of which what no program of ours wrote is absent.
struct There {
    key: RollupKey,
    totals: Option<UsageTotals>,
}

/// What becomes of what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// It stays.
    Compare,
    /// It is mended, but no event is taken out of the sums of a day.
    Mend,
    /// It is mended.
    Lower,
}

/// Roll-ups and series that are named.
const NAMED: usize = 100;
/// When events can be, in microseconds: since 1970, until the calendar ends.
const TIMES: Range<i64> = 0..253_402_300_800_000_000;

impl Store {
    /// Makes the roll-ups anew, a day at a time, and mends those that are not what the events come to. Booking waits
    /// while a day is made. A day whose roll-ups count more events than are there is left as it is: events may be missing.
    ///
    /// # Errors
    /// What the database says. Each day is one transaction.
    pub async fn replay_usage(&self) -> Result<Replayed> {
        self.replay(How::Mend).await
    }

    /// Does as [`Store::replay_usage`], also on days whose roll-ups count more events than are there.
    ///
    /// # Errors
    /// What the database says.
    pub async fn lower_usage(&self) -> Result<Replayed> {
        self.replay(How::Lower).await
    }

    /// Does as [`Store::replay_usage`] and leaves everything as it was: what it tells would be mended.
    ///
    /// # Errors
    /// What the database says.
    pub async fn compare_usage(&self) -> Result<Replayed> {
        self.replay(How::Compare).await
    }

    async fn replay(&self, how: How) -> Result<Replayed> {
        let mut snapshot = self.database.snapshot().await?;
        let kept = floors::of(&mut snapshot, None).await?;
        drop(snapshot);
        let from = kept.and_then(|kept| Timestamp::from_microsecond(kept).ok());
        let mut replayed = Replayed { from, ..Replayed::default() };
        let mut names = Names::look(&self.database).await?;
        self.forget_strays(how, &mut replayed).await?;
        let mut day = kept.unwrap_or(TIMES.start);
        while let Some(next) = self.next_day(day).await? {
            let before = replayed.clone();
            match self.replay_day(next, how, &mut names, &mut replayed).await? {
                Some(short) if how == How::Mend => {
                    replayed = before;
                    replayed.short.push(short);
                    names.take_back();
                }
                short => {
                    replayed.short.extend(short.filter(|_| how == How::Compare));
                    names.settle();
                }
            }
            day = next + Span::Day.micros();
        }
        names.give_up(&self.database, &mut replayed).await?;
        unread::tell(&self.database, &mut replayed).await?;
        Ok(replayed)
    }

    /// The first day from this one on that has events, or roll-ups, which may have none.
    async fn next_day(&self, from: i64) -> Result<Option<i64>> {
        let event = Statement::new("SELECT min(hour) FROM usage_blocks WHERE hour >= ").bind(from);
        let event = event.push(" AND hour < ").bind(TIMES.end);
        let event: Option<i64> = self.database.one(event).await?.flatten();
        let mut first = event;
        for span in Span::ALL {
            let rollup = Statement::new("SELECT min(start) FROM usage_rollups WHERE span = ");
            let rollup = rollup.bind(span.seconds()).push(" AND start >= ").bind(from);
            let rollup = rollup.push(" AND start < ").bind(TIMES.end);
            let rollup: Option<i64> = self.database.one(rollup).await?.flatten();
            first = first.into_iter().chain(rollup).min();
        }
        Ok(first.map(|first| Span::Day.floor(first)))
    }

    /// Deletes roll-ups of times in which no event can be.
    async fn forget_strays(&self, how: How, replayed: &mut Replayed) -> Result<()> {
        let mut transaction = self.database.write().await?;
        for span in Span::ALL {
            for beyond in [" AND start < ", " AND start >= "] {
                let strays = Statement::new("DELETE FROM usage_rollups WHERE span = ").bind(span.seconds());
                let end = if beyond.contains('<') { TIMES.start } else { TIMES.end };
                for _ in 0..transaction.execute(strays.push(beyond).bind(end)).await? {
                    replayed.note(|| mended::damaged(None));
                }
            }
        }
        if how == How::Compare { Ok(()) } else { transaction.commit().await }
    }

    /// Makes the roll-ups of a day anew, if all of its events are kept. What it gives has changed nothing, unless sums may
    /// be lowered.
    async fn replay_day(
        &self,
        day: i64,
        how: How,
        names: &mut Names,
        replayed: &mut Replayed,
    ) -> Result<Option<Short>> {
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
            return Ok(None);
        }
        // What is made here has all events of the day.
        loop {
            let rolled = waiting::roll_up(&mut transaction, Which::All).await?;
            alarm::raise(&mut transaction, rolled.alarms).await?;
            if rolled.is_all {
                break;
            }
        }
        let counted = counted(&mut transaction, day).await?;
        let mut days: BTreeMap<RollupKey, UsageTotals> = BTreeMap::new();
        let minutes_kept = floors::of(&mut transaction, Some(Span::Minute)).await?.unwrap_or(i64::MIN);
        for hour in 0..24 {
            let hour = day + hour * Span::Hour.micros();
            let made = self.hour(&mut transaction, hour, names, replayed).await?;
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
        let events = days.values().map(UsageTotals::events).sum();
        let days = days.into_iter().map(|(key, totals)| Rollup { key, totals }).collect();
        replayed.mend(&mut transaction, Span::Day, (day, Span::Day), days).await?;
        let short = Short { day: Timestamp::from_microsecond(day).unwrap_or_default(), counted, events };
        let short = Some(short).filter(|_| events < counted);
        // A transaction that is dropped has changed nothing.
        if how == How::Lower || (how == How::Mend && short.is_none()) {
            transaction.commit().await?;
        }
        Ok(short)
    }

    /// What the events of an hour come to.
    async fn hour(
        &self,
        transaction: &mut Transaction,
        start: i64,
        names: &mut Names,
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
        names.mend(transaction, &series, replayed).await?;
        rollup::write_series(transaction, series).await?;
        rollups.lengthen();
        Ok(rollups.into_rows().collect())
    }
}

/// Events that the roll-ups of a day count, as far as they can be read.
async fn counted(transaction: &mut Transaction, day: i64) -> Result<u64> {
    let there = Statement::select(&[&USAGE_ROLLUPS])
        .push(" FROM usage_rollups WHERE length(series) = 16 AND span = ");
    let there = there.bind(Span::Day.seconds()).push(" AND start = ").bind(day);
    let there: Vec<There> = transaction.all(there).await?;
    let events = there.iter().filter_map(|there| there.totals.as_ref()).map(UsageTotals::events);
    Ok(events.fold(0, u64::saturating_add))
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
        let of_span = |statement: Statement| {
            let statement = statement.push(" FROM usage_rollups WHERE span = ").bind(span.seconds());
            let statement = statement.push(" AND start >= ").bind(start).push(" AND start < ");
            statement.bind(start + within.micros())
        };
        // An id of another length is none of ours.
        let strays = of_span(Statement::new("DELETE")).push(" AND length(series) <> 16");
        for _ in 0..transaction.execute(strays).await? {
            self.note(|| {
                let start = Timestamp::from_microsecond(start).unwrap_or_default();
                mended::damaged(Some((span.period(), start)))
            });
        }
        let there: Vec<There> = transaction.all(of_span(Statement::select(&[&USAGE_ROLLUPS]))).await?;
        let mut there: BTreeMap<RollupKey, Option<UsageTotals>> =
            there.into_iter().map(|There { key, totals }| (key, totals)).collect();
        let mut rows: Vec<Vec<Value>> = Vec::new();
        for rollup in made {
            let was = there.remove(&rollup.key);
            if was.as_ref().and_then(Option::as_ref) != Some(&rollup.totals) {
                self.note_rollup(transaction, rollup.key, was, Some(&rollup.totals)).await?;
                rows.push(rollup.row());
            }
        }
        for (key, was) in there {
            self.note_rollup(transaction, key, Some(was), None).await?;
            transaction.execute(key.delete()).await?;
        }
        transaction.replace(&USAGE_ROLLUPS, rows).await
    }

    /// Counts a roll-up that is mended, of which something was there that could be read, or not.
    async fn note_rollup(
        &mut self,
        transaction: &mut Transaction,
        key: RollupKey,
        was: Option<Option<UsageTotals>>,
        is: Option<&UsageTotals>,
    ) -> Result<()> {
        let series = Statement::new("SELECT consumer, route, model FROM usage_series WHERE series = ");
        let series: Option<(String, String, String)> = match self.first.len() {
            NAMED => None,
            // A name that is no text is that of nobody.
            _ => transaction.one(series.bind(key.series())).await.ok().flatten(),
        };
        self.note(|| {
            let (consumer, route, model) = series.unwrap_or_default();
            let sum = |sum: Option<u64>| sum.map(Stored::Sum);
            let events = |totals: Option<&UsageTotals>| sum(totals.map(UsageTotals::events));
            let (what, was, is) = match (was.as_ref().map(Option::as_ref), is) {
                (Some(None), is) => ("events", Some(Stored::Damaged), events(is)),
                (Some(Some(was)), Some(is)) => {
                    let (what, was, is) = was.difference(is);
                    (what, sum(was), sum(is))
                }
                (was, is) => ("events", events(was.flatten()), events(is)),
            };
            Mended { time: Some((key.period(), key.start())), consumer, route, model, what, was, is }
        });
        Ok(())
    }

    /// Counts what is mended.
    fn note(&mut self, described: impl FnOnce() -> Mended) {
        self.mended += 1;
        self.name(described);
    }

    /// Names what is wrong, if it is among the first.
    fn name(&mut self, described: impl FnOnce() -> Mended) {
        if self.first.len() < NAMED {
            self.first.push(described());
        }
    }
}

impl Read for There {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { key: columns.next()?, totals: columns.next().ok() })
    }
}
