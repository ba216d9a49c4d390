//! The role `worker`: reads the feed that many gates deliver to, and books it in PostgreSQL.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tollgate_ledger::Worker;
use tollgate_ledger::worker::{Counters, Settings};
use tollgate_store::{Error, Store, Watch};

use crate::admin::{self, Listening};
use crate::config::process::Process;
use crate::tidy;

/// How often a database that is away is tried.
const AGAIN: Duration = Duration::from_secs(1);

/// A worker that runs until it is stopped.
#[derive(Debug)]
pub struct FeedWorker {
    runtime: Runtime,
    status: Arc<Status>,
    task: JoinHandle<anyhow::Result<()>>,
    /// Where its probes listen, if they do.
    pub probes: Option<std::net::SocketAddr>,
}

/// How a worker does, for its probes.
#[derive(Debug, Default)]
pub struct Status {
    /// What it counts; absent as long as the store was not reached.
    counters: OnceLock<Arc<Counters>>,
    stop: CancellationToken,
}

impl Status {
    /// What it counts, once the store was reached.
    pub fn counters(&self) -> Option<&Counters> {
        self.counters.get().map(Arc::as_ref)
    }

    /// Whether it was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }
}

impl FeedWorker {
    /// Begins. A store that is away is waited for.
    ///
    /// # Errors
    /// Where its probes cannot listen.
    pub fn start(process: &Process) -> anyhow::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(2).thread_name("worker").enable_all().build()?;
        let status = Arc::new(Status::default());
        let _entered = runtime.enter();
        let probes = match process.probes {
            Some(address) => {
                let socket = runtime
                    .block_on(TcpListener::bind(address))
                    .with_context(|| format!("cannot listen on {address}"))?;
                let address = socket.local_addr()?;
                runtime.spawn(Listening { socket, tls: None }.serve(admin::worker_probes(&status)));
                Some(address)
            }
            None => None,
        };
        let task = runtime.spawn(work(process.clone(), status.clone()));
        drop(_entered);
        Ok(Self { runtime, status, task, probes })
    }

    /// Lets it finish what it is booking, within so long, and ends it.
    ///
    /// # Errors
    /// Why it could not work.
    pub fn stop(self, within: Duration) -> anyhow::Result<()> {
        self.status.stop.cancel();
        let ended = self.runtime.block_on(async { tokio::time::timeout(within, self.task).await });
        self.runtime.shutdown_background();
        match ended {
            Ok(worked) => worked.unwrap_or(Ok(())),
            Err(_) => {
                tracing::warn!("a batch was still being booked when the drain time was over; it comes again");
                Ok(())
            }
        }
    }
}

async fn work(process: Process, status: Arc<Status>) -> anyhow::Result<()> {
    let stop = status.stop.clone();
    let Some(reached) = stop.run_until_cancelled(reached(&process.store.url())).await else { return Ok(()) };
    // Its probes go on telling that it is not ready.
    let (store, watch) = reached.inspect_err(|error| tracing::error!("{error:#}"))?;
    let worker = Worker::new(process.ledger.sink.clone(), store.clone(), Settings::default())?;
    // Set once: this is the only worker of the process.
    let _ = status.counters.set(worker.counters());
    tracing::info!(feed = %process.ledger.sink, "working");
    tokio::select! {
        () = worker.run(&stop) => {}
        () = tidy::keep_store(store.clone(), process.ledger.keep, Timestamp::now) => {}
        () = stay(&store, watch) => {}
    }
    // For whoever reads the tables while no worker runs. What fails here is done by the next one that does.
    let _ = store.roll_up_usage().await;
    store.close().await;
    Ok(())
}

/// The store, once it was reached and nobody has it alone, with what shows that it is used.
async fn reached(url: &str) -> anyhow::Result<(Store, Option<Watch>)> {
    loop {
        let opened = async {
            let store = Store::open(url).await?;
            let watch = store.watch().await?;
            Ok((store, watch))
        };
        match opened.await {
            Ok(reached) => return Ok(reached),
            Err(error @ (Error::Unavailable(_) | Error::Locked(_))) => {
                tracing::error!("the store is away, and tried again: {error}");
                sleep(AGAIN).await;
            }
            Err(error) => return Err(error).context("the store cannot be used"),
        }
    }
}

/// Shows for as long as it runs that the store is used, so that nobody copies or reseals it meanwhile; after a lost
/// connection anew.
async fn stay(store: &Store, mut watch: Option<Watch>) {
    loop {
        // What changed is nothing to a worker.
        while let Some(shown) = &mut watch
            && shown.changed().await.is_ok()
        {}
        sleep(AGAIN).await;
        watch = store.watch().await.ok().flatten();
    }
}
