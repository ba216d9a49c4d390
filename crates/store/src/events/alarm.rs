//! What must not be and was seen: kept for people to look at, in the way of nothing.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use tollgate_core::usage::StreamId;
use tollgate_core::usage::chain::Hash;
use ulid::Ulid;

use super::row::{int, unsigned};
use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::page::{Page, Paging};
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::USAGE_ALARMS;

/// What an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// An event came with the id or the place of another one and says something else. The first one stays.
    Changed,
    /// An event is more than five minutes ahead of the time at which it came.
    Ahead,
    /// Events are missing that later ones of their stream came without. It ends when they come.
    Gap,
    /// Events were still missing when those after them were old enough to be deleted. If they come, they are not counted.
    Lost,
    /// A seal came for a point that has another one.
    Seal,
    /// Events were damaged in the database before they were added to the roll-ups, in which they are missing.
    Damaged,
}

/// Something that must not be and was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// What it is about.
    pub kind: AlarmKind,
    /// The stream.
    pub stream: StreamId,
    /// The event's place in it; the first one where there are several.
    pub seq: u64,
    /// The last one where there are several.
    pub last: u64,
    /// The event's id, where there is an event.
    pub id: Option<Ulid>,
    /// The hash that came with it.
    pub hash: Option<Hash>,
    /// When it was seen first.
    pub at: Timestamp,
}

/// What tells alarms apart: the same alarm is raised once.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AlarmKey(AlarmKind, StreamId, u64, Option<Ulid>, Option<Hash>);

impl AlarmKind {
    const ALL: [Self; 6] = [Self::Changed, Self::Ahead, Self::Gap, Self::Lost, Self::Seal, Self::Damaged];

    /// Its name in SQL, JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Ahead => "ahead",
            Self::Gap => "gap",
            Self::Lost => "lost",
            Self::Seal => "seal",
            Self::Damaged => "damaged",
        }
    }
}

impl FromStr for AlarmKind {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, seq, last, .. } = self;
        let id = self.id.map(|id| format!(" (`{id}`)")).unwrap_or_default();
        match self.kind {
            AlarmKind::Changed => write!(f, "event {seq} of `{stream}`{id} came with other content"),
            AlarmKind::Ahead => write!(f, "event {seq} of `{stream}`{id} is from the future"),
            AlarmKind::Gap => write!(f, "events {seq} to {last} of `{stream}` are missing"),
            AlarmKind::Lost => write!(f, "events {seq} to {last} of `{stream}` never came"),
            AlarmKind::Seal => write!(f, "a second seal came for event {seq} of `{stream}`"),
            AlarmKind::Damaged => {
                write!(f, "events {seq} to {last} of `{stream}` cannot be read and are in no sum")
            }
        }
    }
}

impl Alarm {
    fn row(&self) -> Vec<Value> {
        vec![
            self.kind.as_str().into(),
            self.stream.to_string().into(),
            int(self.seq).into(),
            self.id.map(|id| id.to_string()).unwrap_or_default().into(),
            self.hash.map(|hash| hash.to_vec()).unwrap_or_default().into(),
            int(self.last).into(),
            self.at.into(),
        ]
    }

    fn key(&self) -> AlarmKey {
        AlarmKey(self.kind, self.stream, self.seq, self.id, self.hash)
    }
}

impl Read for AlarmKey {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let (kind, stream, seq) = (columns.parse()?, columns.parse()?, unsigned(columns)?);
        let id = columns.next::<String>()?;
        let id = if id.is_empty() { None } else { Some(id.parse().map_err(|_| columns.damaged(&id))?) };
        let hash = columns.next::<Vec<u8>>()?;
        let hash = if hash.is_empty() {
            None
        } else {
            Some(hash.as_slice().try_into().map_err(|_| columns.damaged(&hex::encode(&hash)))?)
        };
        Ok(Self(kind, stream, seq, id, hash))
    }
}

impl Read for Alarm {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let AlarmKey(kind, stream, seq, id, hash) = columns.next()?;
        Ok(Self { kind, stream, seq, id, hash, last: unsigned(columns)?, at: columns.next()? })
    }
}

/// Keeps alarms, and gives those that were not raised before.
pub(crate) async fn raise(transaction: &mut Transaction, alarms: Vec<Alarm>) -> Result<Vec<Alarm>> {
    let rows = alarms.iter().map(Alarm::row).collect();
    let new: Vec<AlarmKey> = transaction.insert_new(&USAGE_ALARMS, rows).await?;
    // Of those that are alike, the first.
    let mut new: HashSet<AlarmKey> = new.into_iter().collect();
    Ok(alarms.into_iter().filter(|alarm| new.remove(&alarm.key())).collect())
}

impl Store {
    /// Alarms, those that were seen first at the beginning. The cursor is how many to pass over.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit that is none, and what the database says.
    pub async fn usage_alarms(&self, paging: &Paging) -> Result<Page<Alarm>> {
        let limit = paging.limit()?;
        let passed = paging.cursor.as_deref().map_or(Ok(0), str::parse::<u32>);
        let passed = passed.map_err(|_| Error::invalid("cursor", "is not one that a list gave"))?;
        let rows = Statement::select(&[&USAGE_ALARMS])
            .push(" FROM usage_alarms ORDER BY at, kind, stream, seq, id, hash LIMIT ");
        let rows = rows.bind(i64::from(limit) + 1).push(" OFFSET ").bind(i64::from(passed));
        let mut items: Vec<Alarm> = self.database.all(rows).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        Ok(Page { items, next: more.then(|| (passed + u32::from(limit)).to_string()) })
    }
}
