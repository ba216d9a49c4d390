//! What every call of a service shares.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use tokio::sync::{Semaphore, watch};
use ulid::Ulid;

use super::Settings;
use super::counters::Counters;
use super::ids::Ids;
use super::loaded::Cache;
use super::pool::Queue;
use super::room::Room;
use crate::store::{self, Outcome, Store, StoreError};

/// The state of a service.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    /// Models that were used lately.
    pub(crate) models: Cache,
    /// Which model a name means, as far as anybody has asked.
    pub(crate) names: RwLock<HashMap<String, Ulid>>,
    /// Memory for bodies and what is read of them, in calls and in jobs.
    pub(crate) room: Room,
    /// A permit for each piece of slow work beside the pool.
    pub(crate) slow: Semaphore,
    pub(crate) ids: Ids,
    pub(crate) counters: Counters,
    /// Jobs that have ended since the start.
    ended: AtomicUsize,
    /// Whether the service is about to end.
    pub(crate) stopping: watch::Sender<bool>,
}

impl App {
    pub(super) async fn open(settings: Settings) -> Result<Self, StoreError> {
        let store = Store::open(&settings.place, settings.artifacts_bytes).await?;
        let cores = settings.workers.get();
        Ok(Self {
            queue: Queue::new(settings.queue, settings.queue_bytes),
            models: Cache::new(),
            names: RwLock::default(),
            // A body as large as may be sent has room to come in.
            room: Room::new(settings.memory.max(settings.body_max.saturating_mul(2))),
            slow: Semaphore::new(cores),
            ids: Ids::new(settings.ids_after),
            counters: Counters::default(),
            ended: AtomicUsize::new(0),
            stopping: watch::channel(false).0,
            store,
            settings,
        })
    }

    /// Writes down how a job ended, once, and forgets the jobs that ended long ago. Says whether it was still to end.
    ///
    /// # Errors
    /// [`StoreError`] where the end could not be written.
    pub(crate) async fn finish_job(&self, id: Ulid, outcome: Outcome) -> Result<bool, StoreError> {
        // To find the oldest takes a walk over all that are kept: not with each job.
        let (kept, count) = (self.settings.jobs_kept, self.ended.fetch_add(1, Ordering::Relaxed));
        let forget = count.is_multiple_of((kept / 64).max(1)).then_some(kept);
        self.store.finish_job(id, outcome, store::now(), forget).await
    }

    /// Runs what takes more than a moment where it holds up no other call, a few at a time.
    pub(crate) async fn apart<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        /// Less than this is done within the time of a few calls.
        const MOMENT: usize = 64 * 1024;
        if bytes < MOMENT {
            return work();
        }
        // Nobody closes the semaphore; were it closed, the work would be done all the same.
        let _permit = self.slow.acquire().await;
        tokio::task::block_in_place(work)
    }
}
