//! Feeds: logs of other systems that workers read into the store, part by part.
//!
//! How far a part is read and what was read go in together, so a worker that ends anywhere goes on where the events are.
//! A part is one worker's for as long as its lease; what it books after another one has the part is refused.

mod parts;
mod strays;

use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};
use tollgate_core::usage::chain::{Linked, Seal};

pub use strays::Stray;

use crate::error::{Conflict, Result};
use crate::events::{self, Booked};
use crate::statement::Statement;
use crate::store::Store;

/// One of those who share a feed.
#[derive(Debug, Clone)]
pub struct FeedWorker {
    /// The feed.
    pub feed: String,
    /// The worker, unique among all that ever were.
    pub worker: String,
    /// How long a part is the worker's after [`Store::lease_parts`].
    pub lease: SignedDuration,
}

/// A part that a worker has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHeld {
    /// The part.
    pub part: String,
    /// How far it is booked, in the feed's own words; absent before the first message.
    pub position: Option<String>,
}

/// What came of a feed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Arrival<'a> {
    /// Events.
    pub events: &'a [Linked],
    /// Seals.
    pub seals: &'a [Seal],
    /// What is neither.
    pub strays: &'a [Stray],
    /// How far its part is read with this; absent where the feed itself remembers that.
    pub step: Option<Step<'a>>,
}

/// How far a part is read.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Who reads.
    pub by: &'a FeedWorker,
    /// The part.
    pub part: &'a str,
    /// The new position.
    pub position: &'a str,
}

impl Store {
    /// Books what came of a feed and how far it is read, in one transaction. Otherwise as [`Store::book`].
    ///
    /// # Errors
    /// [`Conflict::Part`] where another worker has the part by now: nothing is booked, and nothing needs to be; and
    /// whatever [`Store::book`] says.
    pub async fn book_arrival(&self, arrival: Arrival<'_>, now: Timestamp) -> Result<Booked> {
        let mut transaction = self.database.write().await?;
        if let Some(Step { by, part, position }) = arrival.step {
            let step = Statement::new("UPDATE feed_parts SET position = ").bind(position);
            let step = step.push(" WHERE feed = ").bind(&*by.feed).push(" AND part = ").bind(part);
            if transaction.execute(step.push(" AND worker = ").bind(&*by.worker)).await? == 0 {
                return Err(Conflict::Part(part.to_owned()).into());
            }
        }
        strays::keep(&mut transaction, arrival.strays, now).await?;
        let booked = events::book(&mut transaction, arrival.events, arrival.seals, now, &self.pace).await?;
        transaction.commit().await?;
        Ok(booked)
    }

    /// Says that a worker lives, and gives the parts that are its own: its share of `parts` among all workers that live,
    /// as far as nobody else has them. Call it again long before the lease ends.
    ///
    /// # Errors
    /// What the database says; the parts are the worker's until its lease ends.
    pub async fn lease_parts(
        &self,
        worker: &FeedWorker,
        parts: &[String],
        now: Timestamp,
    ) -> Result<Vec<PartHeld>> {
        let mut transaction = self.database.write().await?;
        let held = parts::lease(&mut transaction, worker, parts, now).await?;
        transaction.commit().await?;
        Ok(held)
    }

    /// Gives back what a worker has: another one may take it at once.
    ///
    /// # Errors
    /// What the database says; then it becomes free when the lease ends.
    pub async fn leave_feed(&self, worker: &FeedWorker) -> Result<()> {
        let mut transaction = self.database.write().await?;
        parts::leave(&mut transaction, worker).await?;
        transaction.commit().await
    }

    /// What came in feeds and is no event, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn strays(&self, limit: NonZeroU32) -> Result<Vec<Stray>> {
        self.database.all(strays::newest(limit)).await
    }
}
