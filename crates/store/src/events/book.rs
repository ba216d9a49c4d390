//! Booking: events go in once, and what they come to goes in with them.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use tollgate_core::usage::StreamId;
use tollgate_core::usage::chain::{Head, Linked, Seal};

use super::alarm::{self, Alarm, AlarmKind};
use super::block::Block;
use super::row::{int, unsigned};
use super::stream::{self, Stream};
use super::waiting::{self, Pace, Which};
use super::{ids, places};
use crate::database::{Hold, Transaction};
use crate::error::Result;
use crate::row::{Columns, Read};
use crate::statement::Value;
use crate::store::Store;
use crate::tables::{USAGE_BLOCKS, USAGE_SEALS, USAGE_STREAMS, USAGE_WAITING};

/// What became of a batch. Every event of it is inserted, a duplicate or the cause of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Booked {
    /// Events that were not known.
    pub inserted: u64,
    /// Events that came before with the same content.
    pub duplicates: u64,
    /// What must not be and was not told before.
    pub alarms: Vec<Alarm>,
}

/// How far ahead an event may be.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

impl Store {
    /// Books events and seals: all of them, once each, in one transaction, or none. When this returns, they are on disk.
    ///
    /// What comes again is found: at or below the floor of its stream it is a duplicate for ever, also when the event
    /// itself is deleted. Events are as [`UsageEvent::of`](tollgate_core::usage::UsageEvent::of) bounds them, in any
    /// order, of any streams; whoever sends them in the order of their streams causes no alarm of gaps. `now` is when
    /// they came.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked), [`Error::Full`](crate::Error::Full) and
    /// [`Error::Unavailable`](crate::Error::Unavailable): nothing of it is booked, and the same batch may come again.
    pub async fn book(&self, batch: &[Linked], seals: &[Seal], now: Timestamp) -> Result<Booked> {
        if batch.is_empty() && seals.is_empty() {
            return Ok(Booked::default());
        }
        let mut transaction = self.database.write().await?;
        let booked = book(&mut transaction, batch, seals, now, &self.pace).await?;
        transaction.commit().await?;
        Ok(booked)
    }
}

/// Books events and seals within a transaction.
pub(crate) async fn book(
    transaction: &mut Transaction,
    batch: &[Linked],
    seals: &[Seal],
    now: Timestamp,
    pace: &Pace,
) -> Result<Booked> {
    let mut booked = book_events(transaction, batch, now, pace).await?;
    booked.alarms.extend(book_seals(transaction, seals, now).await?);
    booked.alarms = alarm::raise(transaction, booked.alarms).await?;
    Ok(booked)
}

/// Books the events. The alarms that it gives are not kept yet.
async fn book_events(
    transaction: &mut Transaction,
    batch: &[Linked],
    now: Timestamp,
    pace: &Pace,
) -> Result<Booked> {
    let mut events: Vec<&Linked> = batch.iter().collect();
    events.sort_by_key(|linked| place(linked));
    // Held first and to the end, so that of two that book the same events one waits here and then finds duplicates.
    let mut streams = stream::hold(transaction, &events).await?;
    let before = streams.clone();
    let Compared { new, mut duplicates, mut changed, doubtful } =
        compare(transaction, &events, &before).await?;
    let (mut new, known) = ids::claim(transaction, new).await?;
    for linked in known {
        match doubtful.contains_key(&place(linked)) {
            true => duplicates += 1,
            false => changed.push(linked),
        }
    }
    changed.extend(new.extract_if(.., |linked| doubtful.get(&place(linked)).is_some_and(|taken| *taken)));
    let blocks = Block::split(&new);
    transaction.insert(&USAGE_WAITING, blocks.iter().map(|block| block.waits(now)).collect()).await?;
    transaction.insert(&USAGE_BLOCKS, blocks.into_iter().map(Block::row).collect()).await?;
    let mut alarms: Vec<Alarm> =
        changed.into_iter().map(|linked| alarm_of(AlarmKind::Changed, linked, now)).collect();
    alarms.extend(ahead(&new, now));
    for linked in &new {
        if let Some(stream) = streams.get_mut(&linked.stream()) {
            stream.note(linked);
        }
    }
    alarms.extend(settle(transaction, &before, &mut streams, now).await?);
    if pace.is_due(new.len() as u64) {
        let rolled = waiting::roll_up(transaction, Which::Free).await?;
        pace.done(&rolled);
        alarms.extend(rolled.alarms);
    }
    Ok(Booked { inserted: new.len() as u64, duplicates, alarms })
}

/// What a batch is, held against what came before.
#[derive(Default)]
struct Compared<'a> {
    /// Nothing came at their places, and of those that share one it is the first.
    new: Vec<&'a Linked>,
    /// How many are what came before.
    duplicates: u64,
    /// They say something else than what came before.
    changed: Vec<&'a Linked>,
    /// Of the new ones, those at whose places there may be one in a block that cannot be read; and whether there is.
    doubtful: HashMap<(StreamId, u64), bool>,
}

/// Tells apart what is new, in the order of the streams, as the events come. What is above all that came of a stream is
/// new without a look; the rest is looked for.
async fn compare<'a>(
    transaction: &mut Transaction,
    events: &[&'a Linked],
    streams: &BTreeMap<StreamId, Stream>,
) -> Result<Compared<'a>> {
    let mut compared = Compared::default();
    for some in events.chunk_by(|a, b| a.stream() == b.stream()) {
        let Some(stream) = some.first().and_then(|linked| streams.get(&linked.stream())) else {
            continue;
        };
        let asked = some.iter().map(|linked| linked.seq());
        let asked = asked.filter(|seq| (stream.pruned.seq + 1..=stream.highest).contains(seq));
        let there = places::at(transaction, stream.stream, &asked.collect::<Vec<_>>()).await?;
        for linked in some {
            let seq = linked.seq();
            let known = there.events.binary_search_by_key(&seq, |known| known.seq()).ok();
            let before = compared.new.last().filter(|before| place(before) == place(linked));
            match known.map(|at| &there.events[at]).or(before.copied()) {
                Some(known) if known == *linked => compared.duplicates += 1,
                Some(_) => compared.changed.push(linked),
                // What is deleted came before, and cannot be compared any more.
                None if (1..=stream.pruned.seq).contains(&seq) => compared.duplicates += 1,
                None => match there.doubt(seq) {
                    None if seq <= stream.floor.seq => compared.changed.push(linked),
                    doubt => {
                        compared.doubtful.extend(doubt.map(|taken| (place(linked), taken)));
                        compared.new.push(linked);
                    }
                },
            }
        }
    }
    Ok(compared)
}

/// Moves the floors, and tells of gaps.
async fn settle(
    transaction: &mut Transaction,
    before: &BTreeMap<StreamId, Stream>,
    streams: &mut BTreeMap<StreamId, Stream>,
    now: Timestamp,
) -> Result<Vec<Alarm>> {
    let (mut alarms, mut rows) = (Vec::new(), Vec::new());
    for stream in streams.values_mut() {
        let known = before.get(&stream.stream);
        // An event that came into the middle of a gap changes the gap alone.
        if known == Some(stream) && !stream.has_gap() {
            continue;
        }
        if stream.has_gap() || known.is_some_and(Stream::has_gap) {
            let gap = stream.settle(transaction).await?;
            alarms.extend(stream.tell_gap(transaction, gap, now).await?);
        }
        rows.push(stream.row());
    }
    transaction.replace(&USAGE_STREAMS, rows).await?;
    Ok(alarms)
}

/// One alarm for all events of a stream that are from the future: a clock that is wrong is so for each of them.
fn ahead(events: &[&Linked], now: Timestamp) -> impl Iterator<Item = Alarm> {
    let latest = now.as_microsecond().saturating_add(AHEAD.as_micros() as i64);
    let mut alarms: BTreeMap<StreamId, Alarm> = BTreeMap::new();
    for linked in events.iter().filter(|linked| int(linked.time_micros()) > latest) {
        let first = || alarm_of(AlarmKind::Ahead, linked, now);
        let alarm = alarms.entry(linked.stream()).or_insert_with(first);
        alarm.last = alarm.last.max(linked.seq());
    }
    alarms.into_values()
}

async fn book_seals(transaction: &mut Transaction, seals: &[Seal], now: Timestamp) -> Result<Vec<Alarm>> {
    let row = |seal: &Seal| {
        let mut row = key((seal.stream, seal.head.seq));
        row.extend([seal.head.hash.into(), seal.mac.into()]);
        row
    };
    let new: Vec<Place> = transaction.insert_new(&USAGE_SEALS, seals.iter().map(row).collect()).await?;
    let new: HashSet<(StreamId, u64)> = new.into_iter().map(|Place(place)| place).collect();
    let point = |seal: &Seal| (seal.stream, seal.head.seq);
    // One that went in is looked at, too, where another one of the same point came with it.
    let doubtful = seals.iter().filter(|seal| {
        !new.contains(&point(seal)) || seals.iter().any(|other| point(other) == point(seal) && other != *seal)
    });
    let doubtful: Vec<&Seal> = doubtful.collect();
    let keys = doubtful.iter().map(|seal| key(point(seal))).collect();
    let there: Vec<StoredSeal> = transaction.keyed(&USAGE_SEALS, keys, Hold::No).await?;
    let other = doubtful.into_iter().filter(|seal| !there.iter().any(|StoredSeal(known)| known == *seal));
    let alarm = |seal: &Seal| Alarm {
        kind: AlarmKind::Seal,
        stream: seal.stream,
        seq: seal.head.seq,
        last: seal.head.seq,
        id: None,
        hash: Some(seal.head.hash),
        at: now,
    };
    Ok(other.map(alarm).collect())
}

fn alarm_of(kind: AlarmKind, linked: &Linked, at: Timestamp) -> Alarm {
    let (stream, seq) = place(linked);
    Alarm { kind, stream, seq, last: seq, id: Some(linked.id()), hash: Some(linked.hash()), at }
}

fn place(linked: &Linked) -> (StreamId, u64) {
    (linked.stream(), linked.seq())
}

fn key((stream, seq): (StreamId, u64)) -> Vec<Value> {
    vec![stream.to_string().into(), int(seq).into()]
}

/// The key of a seal.
struct Place((StreamId, u64));

impl Read for Place {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self((columns.parse()?, unsigned(columns)?)))
    }
}

/// A seal as it is stored.
pub(super) struct StoredSeal(pub(super) Seal);

impl Read for StoredSeal {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let (stream, head) = (columns.parse()?, columns.next::<Head>()?);
        Ok(Self(Seal { stream, head, mac: columns.next()? }))
    }
}
