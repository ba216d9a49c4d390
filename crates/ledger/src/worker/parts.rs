//! Sharing the parts of a feed, the partitions of a topic or the shards of a stream, among workers.
//!
//! Kafka's own consumer groups are not used: how far a part is read is a row beside the events, written in the
//! transaction that books them, so it is never ahead of them nor behind. Who may read a part is a row, too, which runs
//! out where its worker is dead.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tollgate_store::{Conflict, Error, FeedWorker, PartHeld, Step};

use super::desk::{Desk, Pile};
use super::{Settings, Source};
use crate::backoff::Backoff;
use crate::sink::SinkError;

/// A part that is read.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    /// How far it is booked.
    pub(super) position: Option<String>,
    pub(super) desk: Desk,
    pub(super) settings: Settings,
    by: FeedWorker,
}

/// Why nothing more is read of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Another worker has it.
    Lost,
    /// There will never be more.
    Finished,
}

/// Looked after so many times within a lease, so that one failure costs nothing.
const TIMES: u32 = 3;

impl Part {
    /// Books what was read up to a position; answers whether another worker has the part by now.
    pub(super) async fn book(&mut self, pile: &Pile, position: String) -> Result<bool, SinkError> {
        let _booking = self.desk.work.begin();
        let step = Step { by: &self.by, part: &self.name, position: &position };
        match self.desk.book(pile, Some(step)).await {
            Ok(()) => {
                self.position = Some(position);
                Ok(false)
            }
            Err(Error::Conflict(Conflict::Part(_))) => Ok(true),
            Err(error) => Err(SinkError::away(error)),
        }
    }

    pub(super) fn behind(&self, messages: Option<u64>) {
        self.desk.counters.behind(&self.name, messages);
    }

    /// Reads for as long as the part is this worker's, whatever fails.
    async fn read(mut self, source: Source) {
        let mut backoff = Backoff::new(self.settings.shortest_pause, self.settings.longest_pause);
        self.behind(None);
        loop {
            let before = self.position.clone();
            match source.read(&mut self).await {
                Ok(Ended::Lost | Ended::Finished) => return,
                Err(error) => {
                    self.desk.counters.failed();
                    tracing::warn!(feed = self.desk.feed, part = self.name, "reading fails: {error}");
                }
            }
            if self.position != before {
                backoff.reset();
            }
            sleep(backoff.next()).await;
        }
    }
}

/// A part that is read.
struct Running {
    stop: CancellationToken,
    task: tokio::task::Id,
}

/// Reads this worker's share of the parts until told to stop.
pub(super) async fn share(
    source: &Source,
    desk: &Desk,
    by: &FeedWorker,
    settings: &Settings,
    stop: &CancellationToken,
) {
    let mut running: HashMap<String, Running> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut backoff = Backoff::new(settings.shortest_pause, settings.lease / TIMES);
    while !stop.is_cancelled() {
        let pause = match stop.run_until_cancelled(held(source, desk, by)).await {
            Some(Ok(held)) => {
                running.iter().filter(|(name, _)| held.iter().all(|part| part.part != **name)).for_each(
                    // It ends when it comes to it; until then the part counts as running and is not begun again.
                    |(_, part)| part.stop.cancel(),
                );
                for PartHeld { part: name, position } in held {
                    if running.contains_key(&name) {
                        continue;
                    }
                    let (desk, by, settings) = (desk.beside(), by.clone(), *settings);
                    let part = Part { name: name.clone(), position, desk, settings, by };
                    let (source, stop) = (source.clone(), stop.child_token());
                    let until = stop.clone();
                    let task = tasks.spawn(async move {
                        let work = part.desk.work.clone();
                        work.until(&until, part.read(source)).await;
                    });
                    running.insert(name, Running { stop, task: task.id() });
                }
                backoff.reset();
                settings.lease / TIMES
            }
            Some(Err(error)) => {
                desk.counters.failed();
                tracing::warn!(feed = desk.feed, "who reads what cannot be told: {error}");
                backoff.next()
            }
            None => break,
        };
        let look = sleep(pause);
        tokio::pin!(look);
        loop {
            tokio::select! {
                () = &mut look => break,
                () = stop.cancelled() => break,
                Some(ended) = tasks.join_next_with_id() => {
                    // One that broke is read by a new task.
                    let task = ended.map_or_else(|broken| broken.id(), |(task, ())| task);
                    running.extract_if(|_, part| part.task == task).for_each(|(name, _)| desk.counters.left(&name));
                }
            }
        }
    }
    while tasks.join_next().await.is_some() {}
    if let Err(error) = desk.store.leave_feed(by).await {
        tracing::warn!(feed = desk.feed, "what was read cannot be given back, and runs out: {error}");
    }
}

/// The parts that are this worker's.
async fn held(source: &Source, desk: &Desk, by: &FeedWorker) -> Result<Vec<PartHeld>, SinkError> {
    let parts = source.parts().await?;
    desk.store.lease_parts(by, &parts, Timestamp::now()).await.map_err(SinkError::away)
}
