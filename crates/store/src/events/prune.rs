//! Retention: events and short roll-ups go when they are old, and of the seals of deleted events all but the newest;
//! longer roll-ups and floors stay.

mod rest;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use tollgate_core::usage::StreamId;
use tollgate_core::usage::chain::Head;

use super::alarm::{self, AlarmKind};
use super::floors;
use super::ids::{self, Id};
use super::places::{self, InOrder};
use super::rollup::Span;
use super::row::int;
use super::stream::Stream;
use super::waiting::{self, Which};
use crate::database::{Hold, Transaction};
use crate::error::{Error, Result};
use crate::row::{Columns, Read};
use crate::statement::Statement;
use crate::store::Store;
use crate::tables::USAGE_STREAMS;

/// How long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events, and alarms about single ones; at least until their day's roll-up is final.
    pub events: SignedDuration,
    /// Roll-ups of minutes, which questions about parts of hours are answered from, also those about days of zones whose
    /// days do not begin with an hour of UTC.
    pub minutes: SignedDuration,
}

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Events.
    pub events: u64,
    /// Roll-ups of minutes.
    pub minutes: u64,
    /// Seals.
    pub seals: u64,
    /// Series that no roll-up was of.
    pub series: u64,
}

/// After the end of a day its roll-up is final: what comes later still is counted, but nothing waits for it.
const FINAL_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// Events of one transaction.
const EVENTS: usize = 10_000;
/// Roll-ups of one transaction.
const BATCH: i64 = 2000;

impl Default for Retention {
    /// Events for 90 days, minutes for 62: those of a whole month, until the end of the next one.
    fn default() -> Self {
        Self { events: SignedDuration::from_hours(90 * 24), minutes: SignedDuration::from_hours(62 * 24) }
    }
}

impl Store {
    /// Deletes what is older than it is kept, in transactions of a bounded size, so that booking goes on meanwhile.
    /// Sums of whole hours and days stay what they were.
    ///
    /// An event is deleted with all that came before it in its stream, so that the chain of what is left is whole; those
    /// from the future go so, too, as their clock was ahead. A gap in front of such events is given up: its events are not
    /// counted if they ever come ([`AlarmKind::Lost`]).
    ///
    /// # Errors
    /// What the database says. What was deleted until then stays deleted. Where events of a stream cannot be read, that is
    /// told once all else is done.
    pub async fn prune_usage(&self, keep: &Retention, now: Timestamp) -> Result<Pruned> {
        let before = |age: SignedDuration| now.checked_sub(age).unwrap_or(Timestamp::MIN).as_microsecond();
        // Whole days, so that no roll-up is of events of which some are gone.
        let events = Span::Day.floor(before(keep.events).min(before(FINAL_AFTER)));
        let minutes = Span::Hour.floor(before(keep.minutes).min(before(FINAL_AFTER)));
        let mut pruned = Pruned::default();
        self.raise_floor(None, events).await?;
        let streams =
            Statement::new("SELECT stream FROM usage_streams WHERE pruned < highest ORDER BY stream");
        let mut damaged = Ok(());
        for StreamName(stream) in self.database.all(streams).await? {
            loop {
                match self.prune_stream(stream, events, now).await {
                    Ok(Some(deleted)) => pruned.events += deleted,
                    Ok(None) => break,
                    // What cannot be read of one stream keeps nothing else.
                    Err(error @ Error::Corrupt(_)) => {
                        damaged = damaged.and(Err(error));
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        self.raise_floor(Some(Span::Minute), minutes).await?;
        loop {
            let deleted = self.prune_minutes(minutes).await?;
            pruned.minutes += deleted;
            if deleted == 0 {
                break;
            }
        }
        pruned.seals = self.prune_seals().await?;
        pruned.series = self.prune_series().await?;
        self.prune_models(events).await?;
        self.prune_holes(events).await?;
        let mut transaction = self.database.write().await?;
        let old = Statement::new(
            "DELETE FROM usage_alarms WHERE kind IN ('changed', 'ahead', 'seal', 'damaged') AND at < ",
        );
        transaction.execute(old.bind(events)).await?;
        transaction.commit().await?;
        damaged.map(|()| pruned)
    }

    async fn raise_floor(&self, span: Option<Span>, before: i64) -> Result<()> {
        let mut transaction = self.database.write().await?;
        floors::raise(&mut transaction, span, before).await?;
        transaction.commit().await
    }

    /// Deletes some of a stream's oldest events, and says how many; nothing where there are no old ones.
    async fn prune_stream(&self, stream: StreamId, before: i64, now: Timestamp) -> Result<Option<u64>> {
        let mut transaction = self.database.write().await?;
        let key = vec![vec![stream.to_string().into()]];
        let held: Vec<Stream> = transaction.keyed(&USAGE_STREAMS, key, Hold::Yes).await?;
        let Some(mut stream) = held.into_iter().next() else { return Ok(None) };
        // Blocks that are cut here are other ones afterwards.
        let rolled = waiting::roll_up(&mut transaction, Which::Of(stream.stream)).await?;
        alarm::raise(&mut transaction, rolled.alarms).await?;
        if !rolled.is_all {
            // The rest of what waits comes in the next transaction, and what is old after it.
            transaction.commit().await?;
            return Ok(Some(0));
        }
        let (mut events, mut old) = (InOrder::after(stream.stream, stream.pruned.seq), Vec::new());
        let (mut old_behind, mut holes) = (None, BTreeSet::new());
        while old.len() < EVENTS
            && let Some(linked) = events.next(&mut transaction).await?
        {
            let time = int(linked.time_micros());
            if time >= before {
                // What came before something that is old is as old, unless its clock was ahead.
                let is_ahead = time > now.as_microsecond();
                if !is_ahead
                    || linked.seq() >= last_old(&mut transaction, &stream, before, &mut old_behind).await?
                {
                    break;
                }
                holes.insert(Span::Day.floor(time));
            }
            old.push((linked.head(), ids::id(&linked)));
        }
        let Some((last, _)) = old.last().copied() else { return Ok(None) };
        floors::add_holes(&mut transaction, holes).await?;
        places::delete(&mut transaction, stream.stream, last.seq).await?;
        let (heads, ids): (Vec<Head>, Vec<Id>) = old.into_iter().unzip();
        ids::forget(&mut transaction, &ids).await?;
        if last.seq > stream.floor.seq {
            give_up(&mut transaction, &mut stream, &heads, now).await?;
        }
        stream.pruned = last;
        transaction.replace(&USAGE_STREAMS, vec![stream.row()]).await?;
        transaction.commit().await?;
        Ok(Some(heads.len() as u64))
    }

    async fn prune_minutes(&self, before: i64) -> Result<u64> {
        let mut transaction = self.database.write().await?;
        let minute = Span::Minute.seconds();
        // Up to the start of the last one of a batch: rows are deleted by a range of the key.
        let end = Statement::new("SELECT max(start) FROM (SELECT start FROM usage_rollups WHERE span = ");
        let end =
            end.bind(minute).push(" AND start < ").bind(before).push(" ORDER BY start LIMIT ").bind(BATCH);
        let end: Option<i64> = transaction.one(end.push(") AS oldest")).await?.flatten();
        let Some(end) = end else { return Ok(0) };
        let delete = Statement::new("DELETE FROM usage_rollups WHERE span = ").bind(minute);
        let deleted = transaction.execute(delete.push(" AND start <= ").bind(end)).await?;
        transaction.commit().await?;
        Ok(deleted)
    }
}

/// The place of the stream's last block all of whose events are old; 0 where there is none. It is looked up once.
async fn last_old(
    transaction: &mut Transaction,
    stream: &Stream,
    before: i64,
    known: &mut Option<u64>,
) -> Result<u64> {
    if let Some(known) = known {
        return Ok(*known);
    }
    let last = Statement::new("SELECT coalesce(max(first), 0) FROM usage_blocks WHERE stream = ");
    let last = last.bind(stream.stream.to_string()).push(" AND last_time < ").bind(before);
    let found = transaction.one::<i64>(last).await?.unwrap_or_default();
    Ok(*known.insert(found.max(0).cast_unsigned()))
}

/// Moves the floor over gaps that lie before deleted events, and tells of each.
async fn give_up(
    transaction: &mut Transaction,
    stream: &mut Stream,
    deleted: &[Head],
    now: Timestamp,
) -> Result<()> {
    let mut lost = Vec::new();
    let mut floor = stream.floor;
    for head in deleted.iter().filter(|head| head.seq > stream.floor.seq) {
        if head.seq > floor.seq + 1 {
            lost.push(stream.alarm(AlarmKind::Lost, floor.seq + 1, head.seq - 1, now));
        }
        floor = *head;
    }
    stream.floor = floor;
    let gap = stream.settle(transaction).await?;
    lost.extend(stream.tell_gap(transaction, gap, now).await?);
    alarm::raise(transaction, lost).await.map(|_| ())
}

struct StreamName(StreamId);

impl Read for StreamName {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        columns.parse().map(Self)
    }
}
