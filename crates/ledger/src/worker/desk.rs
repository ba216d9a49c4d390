//! Where messages become rows: whatever the feed, the same way.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tollgate_store::{AlarmKind, Arrival, Error, Step, Store, Stray};

use super::Counters;
use crate::chain::{Linked, Seal};
use crate::sink::Message;

/// Books what is read of one feed.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) store: Store,
    pub(super) feed: String,
    pub(super) counters: Arc<Counters>,
    pub(super) work: Arc<Work>,
}

/// Whether something is being booked, which whoever stops waits for.
#[derive(Debug, Default)]
pub(super) struct Work(watch::Sender<bool>);

/// Something is being booked as long as this lives.
pub(super) struct Booking<'a>(&'a Work);

/// Messages that were read together.
#[derive(Debug, Default)]
pub(super) struct Pile {
    events: Vec<Linked>,
    seals: Vec<Seal>,
    strays: Vec<Stray>,
}

/// Of a message that is none, what is taken along: the store keeps no more.
const STRAY: usize = 4096;

impl Work {
    pub(super) fn begin(&self) -> Booking<'_> {
        self.0.send_replace(true);
        Booking(self)
    }

    /// Reads until told to stop: then what is being booked is finished, and what is only read is left to be read again.
    pub(super) async fn until<T>(
        &self,
        stop: &CancellationToken,
        read: impl Future<Output = T>,
    ) -> Option<T> {
        let stopped = async {
            stop.cancelled().await;
            // The other end of the channel is this one, so there is always an answer.
            let _ = self.0.subscribe().wait_for(|busy| !busy).await;
        };
        tokio::select! {
            // First, or what is read next could be begun before anybody sees that the last booking has ended.
            biased;
            () = stopped => None,
            read = read => Some(read),
        }
    }
}

impl Drop for Booking<'_> {
    fn drop(&mut self) {
        self.0.0.send_replace(false);
    }
}

impl Desk {
    /// A desk for another part of the same feed.
    pub(super) fn beside(&self) -> Self {
        Self { work: Arc::default(), ..self.clone() }
    }

    /// Puts a message, which stands at `position` of `part`, on the pile.
    pub(super) fn sort(&self, pile: &mut Pile, part: &str, position: impl ToString, body: &[u8]) {
        match Message::parse(body) {
            Ok(Message::Event(linked)) => pile.events.push(*linked),
            Ok(Message::Seal(seal)) => pile.seals.push(seal),
            Err(reason) => {
                let position = position.to_string();
                tracing::error!(feed = self.feed, part, position, "a message is no event: {reason}");
                pile.strays.push(Stray {
                    feed: self.feed.clone(),
                    part: part.to_owned(),
                    position,
                    reason,
                    size: body.len() as u64,
                    bytes: body[..body.len().min(STRAY)].to_vec(),
                });
            }
        }
    }

    /// Books a pile, in one transaction with how far its part is read.
    pub(super) async fn book(&self, pile: &Pile, step: Option<Step<'_>>) -> Result<(), Error> {
        let Pile { events, seals, strays } = pile;
        let arrival = Arrival { events, seals, strays, step };
        let booked = self.store.book_arrival(arrival, Timestamp::now()).await?;
        for alarm in &booked.alarms {
            match alarm.kind {
                // Where several workers read a feed, one is ahead of the other at times; the alarm ends by itself.
                AlarmKind::Gap => tracing::info!(feed = self.feed, "{alarm}"),
                AlarmKind::Changed
                | AlarmKind::Ahead
                | AlarmKind::Lost
                | AlarmKind::Seal
                | AlarmKind::Damaged => {
                    tracing::error!(feed = self.feed, kind = alarm.kind.as_str(), "{alarm}");
                }
            }
        }
        self.counters.booked(&booked, strays.len());
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
