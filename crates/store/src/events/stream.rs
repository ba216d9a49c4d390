//! How far each stream is known.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use tollgate_core::usage::StreamId;
use tollgate_core::usage::chain::{Head, Linked};

use super::alarm::{Alarm, AlarmKind};
use super::places::InOrder;
use super::row::{int, unsigned};
use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::tables::USAGE_STREAMS;

/// One stream's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) stream: StreamId,
    node: String,
    /// Every event up to here came; at or below it, an event is a duplicate for ever.
    pub(super) floor: Head,
    /// The highest event that came.
    pub(super) highest: u64,
    /// The events up to here are deleted.
    pub(super) pruned: Head,
    first_at: i64,
    last_at: i64,
}

impl Stream {
    /// A stream of which nothing came before this event.
    fn beginning_with(linked: &Linked) -> Result<Self> {
        let at = int(linked.time_micros());
        let event = linked.event().map_err(|error| Error::Corrupt(error.to_string()))?;
        Ok(Self {
            stream: linked.stream(),
            node: event.intent.node.to_owned(),
            floor: Head::default(),
            highest: 0,
            pruned: Head::default(),
            first_at: at,
            last_at: at,
        })
    }

    pub(super) fn row(&self) -> Vec<Value> {
        vec![
            self.stream.to_string().into(),
            self.node.as_str().into(),
            int(self.floor.seq).into(),
            self.floor.hash.into(),
            int(self.highest).into(),
            int(self.pruned.seq).into(),
            self.pruned.hash.into(),
            self.first_at.into(),
            self.last_at.into(),
        ]
    }

    /// Takes note of an event that went in; they come in the order of the stream.
    pub(super) fn note(&mut self, linked: &Linked) {
        let at = int(linked.time_micros());
        self.first_at = self.first_at.min(at);
        self.last_at = self.last_at.max(at);
        self.highest = self.highest.max(linked.seq());
        self.step(linked.head());
    }

    /// Whether events are missing below the highest.
    pub(super) fn has_gap(&self) -> bool {
        self.floor.seq < self.highest
    }

    /// Moves the floor over events that came before those below them, and gives the gap that is left: its first event
    /// and its last.
    pub(super) async fn settle(&mut self, transaction: &mut Transaction) -> Result<Option<(u64, u64)>> {
        let mut events = InOrder::after(self.stream, self.floor.seq);
        while self.has_gap() {
            match events.find(transaction).await? {
                // What cannot be read is as missing.
                Some(Err(_)) => {}
                Some(Ok(linked)) if self.step(linked.head()) => {}
                Some(Ok(linked)) => return Ok(Some((self.floor.seq + 1, linked.seq() - 1))),
                None => return Ok(Some((self.floor.seq + 1, self.highest))),
            }
        }
        Ok(None)
    }

    /// The alarm of the gap that is left, in the place of what was told of this stream's gaps before.
    pub(super) async fn tell_gap(
        &self,
        transaction: &mut Transaction,
        gap: Option<(u64, u64)>,
        now: Timestamp,
    ) -> Result<Option<Alarm>> {
        let (first, last) = gap.unwrap_or_default();
        let other = Statement::new("DELETE FROM usage_alarms WHERE kind = 'gap' AND stream = ");
        let other = other.bind(self.stream.to_string()).push(" AND NOT (seq = ").bind(int(first));
        transaction.execute(other.push(" AND last = ").bind(int(last)).push(")")).await?;
        Ok(gap.map(|_| self.alarm(AlarmKind::Gap, first, last, now)))
    }

    pub(super) fn alarm(&self, kind: AlarmKind, seq: u64, last: u64, at: Timestamp) -> Alarm {
        Alarm { kind, stream: self.stream, seq, last, id: None, hash: None, at }
    }

    /// Moves the floor where this is the next event, and says whether every event up to it came.
    fn step(&mut self, head: Head) -> bool {
        if head.seq == self.floor.seq + 1 {
            self.floor = head;
        }
        head.seq <= self.floor.seq
    }
}

impl Read for Head {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { seq: unsigned(columns)?, hash: columns.next()? })
    }
}

impl Read for Stream {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            stream: columns.parse()?,
            node: columns.next()?,
            floor: columns.next()?,
            highest: unsigned(columns)?,
            pruned: columns.next()?,
            first_at: columns.next()?,
            last_at: columns.next()?,
        })
    }
}

/// The streams of these events, held until the transaction ends; new ones are made.
pub(super) async fn hold(
    transaction: &mut Transaction,
    events: &[&Linked],
) -> Result<BTreeMap<StreamId, Stream>> {
    let mut first: BTreeMap<StreamId, Stream> = BTreeMap::new();
    for linked in events {
        if let Entry::Vacant(entry) = first.entry(linked.stream()) {
            entry.insert(Stream::beginning_with(linked)?);
        }
    }
    held(transaction, first.values()).await
}

/// How far a stream goes that this store numbers itself, held until the transaction ends; a new one is made.
pub(crate) async fn own(
    transaction: &mut Transaction,
    stream: StreamId,
    node: &str,
    now: Timestamp,
) -> Result<Head> {
    let at = now.as_microsecond();
    let (head, node) = (Head::default(), node.to_owned());
    let new = Stream { stream, node, floor: head, highest: 0, pruned: head, first_at: at, last_at: at };
    let held = held(transaction, [&new]).await?;
    Ok(held.get(&stream).map(|stream| stream.floor).unwrap_or_default())
}

/// These streams as they are known, held; those that are not known are made.
async fn held(
    transaction: &mut Transaction,
    new: impl IntoIterator<Item = &Stream>,
) -> Result<BTreeMap<StreamId, Stream>> {
    let rows = new.into_iter().map(Stream::row).collect();
    let streams: Vec<Stream> = transaction.hold_or_insert(&USAGE_STREAMS, rows).await?;
    Ok(streams.into_iter().map(|stream| (stream.stream, stream)).collect())
}
