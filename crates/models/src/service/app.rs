//! What every call of a service shares.

use std::collections::HashMap;

use parking_lot::RwLock;
use tokio::sync::{Semaphore, watch};
use ulid::Ulid;

use super::Settings;
use super::counters::Counters;
use super::loaded::Cache;
use super::pool::Queue;
use crate::store::{Store, StoreError};

/// Bytes of bodies that are being read or parsed, all together.
const BODIES: usize = 512 * 1024 * 1024;

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
    /// A permit for each KiB of a body.
    pub(crate) bodies: Semaphore,
    /// A permit for each piece of slow work beside the pool.
    pub(crate) slow: Semaphore,
    pub(crate) counters: Counters,
    /// Whether the service is about to end.
    pub(crate) stopping: watch::Sender<bool>,
}

impl App {
    pub(super) async fn open(settings: Settings) -> Result<Self, StoreError> {
        let store = Store::open(&settings.place).await?;
        let cores = settings.workers.get();
        let room = BODIES.max(settings.body_max.saturating_mul(2));
        Ok(Self {
            queue: Queue::new(settings.queue),
            models: Cache::new(),
            names: RwLock::default(),
            bodies: Semaphore::new((room / 1024).min(Semaphore::MAX_PERMITS)),
            slow: Semaphore::new(cores),
            counters: Counters::default(),
            stopping: watch::channel(false).0,
            store,
            settings,
        })
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
