//! The model service: configurations, training, predictions, artifacts and jobs over HTTP.
//!
//! It answers as chapkit's services do, in an older and a newer [`Dialect`], so that clients of either go on; and it
//! answers for every model by the open inference protocol and as an MLflow scoring server does. It knows nothing of the
//! gate, and it can guard itself by [`Keys`]. Its futures are boxed, so that its code is made here and not where somebody
//! waits for it.

mod answer;
mod app;
mod around;
mod artifacts;
mod body;
mod configs;
mod counters;
mod dialect;
mod docs;
mod example;
mod frames;
mod health;
mod ids;
mod invocations;
mod jobs;
mod keys;
mod listing;
mod loaded;
mod ml;
mod models;
mod pool;
mod problem;
mod room;
mod table;
mod v2;
mod validate;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderName;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use ulid::Ulid;

pub use dialect::Dialect;
pub use example::EXAMPLE;
pub use keys::{BadKeys, Keys};

use crate::store::{Place, StoreError};
use app::App;

/// The largest body in bytes, where nothing else is set.
pub const BODY_MAX: usize = 64 * 1024 * 1024;
/// How many jobs may wait, where nothing else is set.
pub const QUEUE_MAX: usize = 10_000;
/// Bytes of memory for bodies and what is read of them, unless settings say otherwise.
pub const MEMORY: usize = 2 * 1024 * 1024 * 1024;
/// Bytes of all requests of jobs that wait, unless settings say otherwise.
pub const QUEUE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Bytes of all artifacts, unless settings say otherwise.
pub const ARTIFACTS_BYTES: u64 = 64 * 1024 * 1024 * 1024;
/// How many ended jobs are remembered, where nothing else is set.
pub const JOBS_KEPT: usize = 10_000;

/// How a service runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it keeps its state.
    pub place: Place,
    /// How it speaks.
    pub dialect: Dialect,
    /// Whose calls it takes; absent means everybody's, which is right behind a gate alone.
    pub keys: Option<Keys>,
    /// The header that has the key.
    pub header: HeaderName,
    /// Threads that train and predict.
    pub workers: NonZeroUsize,
    /// How many jobs may wait; one consumer may have half of them.
    pub queue: usize,
    /// How many ended jobs are remembered, give or take a sixty-fourth; those that ended first are forgotten, and what
    /// they made stays.
    pub jobs_kept: usize,
    /// The largest body in bytes.
    pub body_max: usize,
    /// Bytes of memory for bodies and what is read of them, all together; one may take half.
    pub memory: usize,
    /// Bytes of all requests of jobs that wait; what comes beyond them is to be sent again later.
    pub queue_bytes: u64,
    /// Bytes of all artifacts; beyond them nothing is kept until some are removed.
    pub artifacts_bytes: u64,
    /// Count identifiers up from this one; absent means that they come from the time and from chance, as they should
    /// wherever several services may meet.
    pub ids_after: Option<Ulid>,
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    app: Arc<App>,
    pool: pool::Pool,
}

impl Settings {
    /// The usual settings for a place: no keys, as many workers as the machine has cores.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            dialect: Dialect::Chapkit,
            keys: None,
            header: HeaderName::from_static("x-api-key"),
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            queue: QUEUE_MAX,
            jobs_kept: JOBS_KEPT,
            body_max: BODY_MAX,
            memory: MEMORY,
            queue_bytes: QUEUE_BYTES,
            artifacts_bytes: ARTIFACTS_BYTES,
            ids_after: None,
        }
    }
}

impl Service {
    /// Opens the store, ends what a crash has left running, takes up what still waits, and starts the workers.
    ///
    /// It must be called on a multi-threaded runtime, which the workers use too.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be opened; also where the system gives no threads.
    pub fn open(settings: Settings) -> BoxFuture<'static, Result<Self, StoreError>> {
        Box::pin(async move {
            let workers = settings.workers;
            let app = Arc::new(App::open(settings).await?);
            let waiting = app.store.recover_jobs(crate::store::now()).await?;
            app.store.forget_jobs(app.settings.jobs_kept).await?;
            app.queue.resume(waiting.into_iter().map(|job| (job.job.consumer, job.job.id, job.bytes)));
            let pool = pool::Pool::start(&app, workers).map_err(|why| StoreError::Away(why.to_string()))?;
            Ok(Self { app, pool })
        })
    }

    /// Everything that it answers, for a listener of the caller's.
    pub fn router(&self) -> Router {
        around::router(&self.app)
    }

    /// Serves until `shutdown` is ready; then calls in progress are answered, running jobs are interrupted, and waiting
    /// ones stay for the next start.
    ///
    /// # Errors
    /// If the listener fails.
    pub fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> BoxFuture<'static, io::Result<()>> {
        self.serve_until(listener, Box::pin(shutdown))
    }

    fn serve_until(
        self,
        listener: TcpListener,
        shutdown: BoxFuture<'static, ()>,
    ) -> BoxFuture<'static, io::Result<()>> {
        Box::pin(async move {
            let app = Arc::clone(&self.app);
            let stopping = async move {
                shutdown.await;
                // Streams end with it: they would hold the stop for as long as their jobs take.
                app.stopping.send_replace(true);
            };
            let router = self.router().into_make_service_with_connect_info::<SocketAddr>();
            let served = axum::serve(listener, router).with_graceful_shutdown(stopping).await;
            self.stop().await;
            served
        })
    }

    /// Ends the workers and closes the store.
    pub fn stop(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.app.stopping.send_replace(true);
            self.app.queue.stop();
            tokio::task::block_in_place(|| self.pool.join());
            self.app.store.close().await;
        })
    }
}
