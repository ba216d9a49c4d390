//! Who reads which part of a feed.

use jiff::Timestamp;

use super::{FeedWorker, PartHeld};
use crate::database::{Hold, Transaction};
use crate::error::Result;
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::tables::{FEED_PARTS, FEED_WORKERS};

/// One part's row.
struct Part {
    feed: String,
    part: String,
    position: String,
    /// Empty where nobody has it.
    worker: String,
    until: Timestamp,
}

impl Part {
    fn row(self) -> Vec<Value> {
        vec![self.feed.into(), self.part.into(), self.position.into(), self.worker.into(), self.until.into()]
    }

    fn is_free(&self, now: Timestamp) -> bool {
        self.worker.is_empty() || self.until < now
    }
}

impl Read for Part {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            feed: columns.next()?,
            part: columns.next()?,
            position: columns.next()?,
            worker: columns.next()?,
            until: columns.next()?,
        })
    }
}

pub(super) async fn lease(
    transaction: &mut Transaction,
    worker: &FeedWorker,
    parts: &[String],
    now: Timestamp,
) -> Result<Vec<PartHeld>> {
    let (feed, me) = (&*worker.feed, &*worker.worker);
    let until = now.checked_add(worker.lease).unwrap_or(Timestamp::MAX);
    let new = |part: &String| Part {
        feed: feed.into(),
        part: part.clone(),
        position: String::new(),
        worker: String::new(),
        until: now,
    };
    let _: Vec<(String, String)> =
        transaction.insert_new(&FEED_PARTS, parts.iter().map(|part| new(part).row()).collect()).await?;
    let keys = parts.iter().map(|part| vec![feed.into(), part.as_str().into()]).collect();
    let mut all: Vec<Part> = transaction.keyed(&FEED_PARTS, keys, Hold::Yes).await?;
    // Who works is written and counted once the parts are held, so that nobody waits for two things in another order, and
    // whoever held them before has been counted by then.
    transaction.replace(&FEED_WORKERS, vec![vec![feed.into(), me.into(), until.into()]]).await?;
    let living = Statement::new("SELECT count(*) FROM feed_workers WHERE feed = ").bind(feed);
    let living: Option<i64> = transaction.one(living.push(" AND until >= ").bind(now)).await?;
    let workers = living.and_then(|workers| usize::try_from(workers).ok()).unwrap_or(1).max(1);
    let share = all.len().div_ceil(workers);
    let mut mine = 0;
    let mut changed = Vec::new();
    let mut held = Vec::new();
    // What is the worker's already comes first: parts change hands as seldom as can be.
    all.sort_by_key(|part| part.worker != me);
    for mut part in all {
        let own = part.worker == me;
        if mine < share && (own || part.is_free(now)) {
            mine += 1;
            let position = Some(part.position.clone()).filter(|position| !position.is_empty());
            held.push(PartHeld { part: part.part.clone(), position });
            (part.worker, part.until) = (me.to_owned(), until);
            changed.push(part.row());
        } else if own {
            part.worker.clear();
            changed.push(part.row());
        }
    }
    transaction.replace(&FEED_PARTS, changed).await?;
    let dead = Statement::new("DELETE FROM feed_workers WHERE feed = ").bind(feed);
    transaction.execute(dead.push(" AND until < ").bind(now)).await?;
    Ok(held)
}

pub(super) async fn leave(transaction: &mut Transaction, worker: &FeedWorker) -> Result<()> {
    let (feed, me) = (&*worker.feed, &*worker.worker);
    let parts = Statement::new("UPDATE feed_parts SET worker = '' WHERE feed = ").bind(feed);
    transaction.execute(parts.push(" AND worker = ").bind(me)).await?;
    let living = Statement::new("DELETE FROM feed_workers WHERE feed = ").bind(feed);
    transaction.execute(living.push(" AND worker = ").bind(me)).await?;
    Ok(())
}
