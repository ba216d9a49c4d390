//! What usage comes to, from roll-ups alone.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::floors;
use super::plan::{self, Period, Periods, Segment};
use super::rollup::Span;
use super::series::{Dimension, SeriesId, UsageFilter};
use super::totals::UsageTotals;
use super::waiting;
use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::page::Paging;
use crate::row::Row;
use crate::scope::Scope;
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::USAGE_ROLLUPS;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct UsageQuery {
    /// From when; a whole minute.
    pub from: Timestamp,
    /// To before when; a whole minute.
    pub to: Timestamp,
    /// What lengths of time are told apart.
    pub period: Option<Period>,
    /// Whose hours and days.
    pub zone: TimeZone,
    /// What else is told apart.
    pub by: Vec<Dimension>,
    /// Which events count.
    pub filter: UsageFilter,
}

/// What one group comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// When its period began, where periods are told apart.
    pub start: Option<Timestamp>,
    /// One value for each of [`UsageQuery::by`], in its order; absent where the events have none.
    pub values: Vec<Option<String>>,
    /// What its events come to.
    pub totals: UsageTotals,
}

/// One page of an answer, in the order of time and of the values.
#[derive(Debug, Clone)]
pub struct UsageReport {
    /// The groups.
    pub items: Vec<UsageRow>,
    /// The latest event that is in it, or the earliest that is booked and not in it: what came before is likely to be in
    /// it. Absent where there is none at all.
    pub as_of: Option<Timestamp>,
    /// Where the next page begins; absent on the last one.
    pub next: Option<String>,
}

/// What a group is found by: the beginning of its period, and the value of each dimension, empty where it is absent.
type Group = (Option<i64>, Vec<String>);

/// Roll-ups read at once.
const BATCH: i64 = 2000;

impl Store {
    /// What usage comes to in a range of time. It is read from as few roll-ups as will do, all of one state of the store.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a range that is none or was deleted to that detail, and for a cursor or limit that is
    /// none; and what the database says.
    pub async fn usage(&self, scope: Scope, query: &UsageQuery, paging: &Paging) -> Result<UsageReport> {
        if query.from > query.to {
            return Err(Error::invalid("to", "is before `from`"));
        }
        let (limit, after) = (usize::from(paging.limit()?), paging.cursor.as_deref().map(parse).transpose()?);
        if after.as_ref().is_some_and(|(_, values)| values.len() != query.by.len()) {
            return Err(bad_cursor());
        }
        let segments = plan::plan(query.from, query.to, query.period, &query.zone)?;
        let mut snapshot = self.rolled_up().await?;
        floors::check(&mut snapshot, &segments).await?;
        let mut groups = Groups { query, after, most: limit + 1, found: BTreeMap::new() };
        for segment in segments {
            if groups.read(&mut snapshot, scope, segment).await? {
                break;
            }
        }
        let as_of = waiting::as_of(&mut snapshot).await?;
        Ok(groups.report(limit, as_of))
    }
}

/// What the roll-ups of one span that begin at this time or later come to, in as many groups as there are.
pub(crate) async fn since(
    snapshot: &mut Transaction,
    filter: &UsageFilter,
    by: &[Dimension],
    period: Period,
    start: Timestamp,
) -> Result<Vec<UsageRow>> {
    let span = match period {
        Period::Minute => Span::Minute,
        Period::Hour => Span::Hour,
        Period::Day => Span::Day,
    };
    let query = UsageQuery {
        from: start,
        to: Timestamp::MAX,
        period: None,
        zone: TimeZone::UTC,
        by: by.to_vec(),
        filter: filter.clone(),
    };
    let mut groups = Groups { query: &query, after: None, most: usize::MAX, found: BTreeMap::new() };
    let segment = Segment { span, start: start.as_microsecond(), end: i64::MAX };
    groups.read(snapshot, Scope::All, segment).await?;
    Ok(groups.report(usize::MAX, None).items)
}

/// The groups of one page.
struct Groups<'a> {
    query: &'a UsageQuery,
    after: Option<Group>,
    /// How many are kept: the first ones, and one that tells whether there are more.
    most: usize,
    found: BTreeMap<Group, UsageTotals>,
}

impl Groups<'_> {
    /// Adds what the roll-ups of a segment come to, and says whether what follows in time is on other pages.
    async fn read(&mut self, snapshot: &mut Transaction, scope: Scope, mut segment: Segment) -> Result<bool> {
        // What is before the period that the page before ended in is on earlier pages.
        if let Some((Some(start), _)) = &self.after {
            segment.start = segment.start.max(*start);
        }
        let (filter, time) = (&self.query.filter, segment.start..segment.end);
        let rollups = filter.rollups(scope, snapshot, segment.span, time).await?;
        let mut last: Option<(i64, SeriesId)> = None;
        let mut periods = self.query.period.map(|period| Periods::new(period, &self.query.zone));
        loop {
            let rows = snapshot.rows(self.statement(scope, segment, last, rollups)).await?;
            for row in &rows {
                let start = self.add(row, &mut periods)?;
                last = Some(start);
            }
            if self.is_full(last, &mut periods)? {
                return Ok(true);
            }
            if rows.len() < BATCH as usize {
                return Ok(false);
            }
        }
    }

    /// Whether the page is full of groups of periods before the one of this roll-up.
    fn is_full(&self, last: Option<(i64, SeriesId)>, periods: &mut Option<Periods<'_>>) -> Result<bool> {
        let (Some((start, _)), Some(periods)) = (last, periods) else { return Ok(false) };
        let Some(((Some(end), _), _)) = self.found.last_key_value() else { return Ok(false) };
        Ok(self.found.len() >= self.most && *end < periods.beginning(start)?.as_microsecond())
    }

    /// The roll-ups of a segment behind the last one that was read.
    fn statement(
        &self,
        scope: Scope,
        segment: Segment,
        last: Option<(i64, SeriesId)>,
        rollups: &'static str,
    ) -> Statement {
        let mut rows = Statement::new("SELECT usage_rollups.start, usage_rollups.series");
        for dimension in &self.query.by {
            rows = rows.push(", ").push(dimension.as_str());
        }
        // All columns behind the key are what it comes to.
        for column in &USAGE_ROLLUPS.columns[USAGE_ROLLUPS.key..] {
            rows = rows.push(", ").push(column.name);
        }
        rows = rows.push(rollups).bind(segment.span.seconds());
        let start = last.map_or(segment.start, |(start, _)| start);
        rows = rows.push(" AND start >= ").bind(start).push(" AND start < ").bind(segment.end);
        if let Some((start, series)) = last {
            rows = rows.push(" AND (start, usage_rollups.series) > ");
            rows = rows.list([start.into(), Value::from(series)]);
        }
        rows = scope.narrow(self.query.filter.narrow(rows), "account_id");
        rows.push(" ORDER BY start, usage_rollups.series LIMIT ").bind(BATCH)
    }

    /// Adds one roll-up to its group, and says which it was.
    fn add(&mut self, row: &Row, periods: &mut Option<Periods<'_>>) -> Result<(i64, SeriesId)> {
        let mut columns = row.columns();
        let (start, series) = columns.next::<(i64, SeriesId)>()?;
        let mut values = Vec::with_capacity(self.query.by.len());
        for dimension in &self.query.by {
            values.push(match dimension {
                Dimension::Status => {
                    let status = columns.next::<i64>()?;
                    if status == 0 { String::new() } else { status.to_string() }
                }
                Dimension::Account
                | Dimension::Consumer
                | Dimension::Credential
                | Dimension::Route
                | Dimension::Model
                | Dimension::Outcome => columns.next::<String>()?,
            });
        }
        let period = periods.as_mut().map(|periods| periods.beginning(start)).transpose()?;
        let group = (period.map(Timestamp::as_microsecond), values);
        if self.after.as_ref().is_none_or(|after| group > *after) {
            self.found.entry(group).or_default().merge(&columns.next()?);
            if self.found.len() > self.most {
                // Smaller groups fill the page already, so this one is on another page, whatever is still to come.
                self.found.pop_last();
            }
        }
        Ok((start, series))
    }

    fn report(mut self, limit: usize, as_of: Option<Timestamp>) -> UsageReport {
        let more = self.found.len() > limit;
        if more {
            self.found.pop_last();
        }
        let next = self.found.last_key_value().filter(|_| more).map(|(group, _)| show(group));
        let row = |((start, values), totals): (Group, UsageTotals)| UsageRow {
            start: start.and_then(|start| Timestamp::from_microsecond(start).ok()),
            values: values.into_iter().map(|value| Some(value).filter(|value| !value.is_empty())).collect(),
            totals,
        };
        UsageReport { items: self.found.into_iter().map(row).collect(), as_of, next }
    }
}

/// A cursor that names the last group of a page.
fn show((start, values): &Group) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::json!([start, values]).to_string())
}

fn parse(cursor: &str) -> Result<Group> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad_cursor())?;
    let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| bad_cursor())?;
    let group = || -> Option<Group> {
        let [start, values] = json.as_array()?.as_slice() else { return None };
        let start = if start.is_null() { None } else { Some(start.as_i64()?) };
        let values = values.as_array()?.iter().map(|value| Some(value.as_str()?.to_owned()));
        Some((start, values.collect::<Option<_>>()?))
    };
    group().ok_or_else(bad_cursor)
}

fn bad_cursor() -> Error {
    Error::invalid("cursor", "is not one that a list gave")
}
