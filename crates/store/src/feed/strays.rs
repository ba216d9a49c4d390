//! What came where events come and is none: kept to be looked at, in the way of nothing, and bounded.

use std::num::NonZeroU32;

use jiff::Timestamp;

use crate::database::Transaction;
use crate::error::Result;
use crate::events::int;
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::tables::FEED_STRAYS;

/// A message that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// The feed it came by.
    pub feed: String,
    /// The part of the feed.
    pub part: String,
    /// Where it stands there: with feed and part it is unique.
    pub position: String,
    /// Why it is no event.
    pub reason: String,
    /// How many bytes it has.
    pub size: u64,
    /// As many of them as are kept.
    pub bytes: Vec<u8>,
}

/// Bytes of each that are kept, at most.
const BYTES: usize = 4096;
/// How many are kept, at most; those that come later are not.
const STRAYS: usize = 10_000;

impl Stray {
    fn row(&self, now: Timestamp) -> Vec<Value> {
        vec![
            (&*self.feed).into(),
            (&*self.part).into(),
            (&*self.position).into(),
            // A text of somebody else's: not every database can hold a NUL.
            self.reason.replace('\0', "?").into(),
            int(self.size).into(),
            (&self.bytes[..self.bytes.len().min(BYTES)]).into(),
            now.into(),
        ]
    }
}

impl Read for Stray {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            feed: columns.next()?,
            part: columns.next()?,
            position: columns.next()?,
            reason: columns.next()?,
            size: columns.next::<i64>()?.unsigned_abs(),
            bytes: columns.next()?,
        })
    }
}

pub(super) async fn keep(transaction: &mut Transaction, strays: &[Stray], now: Timestamp) -> Result<()> {
    if strays.is_empty() {
        return Ok(());
    }
    let count: Option<i64> = transaction.one(Statement::new("SELECT count(*) FROM feed_strays")).await?;
    let kept = count.and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
    let rows = strays.iter().take(STRAYS.saturating_sub(kept)).map(|stray| stray.row(now)).collect();
    let _: Vec<(String, String, String)> = transaction.insert_new(&FEED_STRAYS, rows).await?;
    Ok(())
}

pub(super) fn newest(limit: NonZeroU32) -> Statement {
    Statement::select(&[&FEED_STRAYS])
        .push(" FROM feed_strays ORDER BY at DESC, feed, part, position LIMIT ")
        .bind(i64::from(limit.get()))
}
