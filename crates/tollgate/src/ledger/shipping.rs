//! The way of events from the journal to the sink, for as long as the gate runs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tollgate_ledger::shipper::{Settings, Shipper, Unshipped};
use tollgate_ledger::sink::{Fault, Sink};
use tollgate_store::Store;

use super::Ledger;
use crate::directory::Directory;

/// How long the start waits for a sink to say that it will not do.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a store that was never reached is looked for.
const AGAIN: Duration = Duration::from_secs(1);

/// Ships until it is stopped.
#[derive(Debug)]
pub struct Shipping {
    stop: CancellationToken,
    /// How long the last of it may take.
    last: Arc<parking_lot::Mutex<Duration>>,
    task: JoinHandle<Result<(), Unshipped>>,
}

impl Shipping {
    /// Begins, on the control plane's runtime, and finishes what earlier processes left.
    ///
    /// # Errors
    /// Where the sink may lose what it is given.
    pub fn start(ledger: &Arc<Ledger>, directory: &Arc<Directory>, control: &Handle) -> anyhow::Result<Self> {
        if let Some(store) = directory.store() {
            let sink = Sink::new(ledger.settings.sink.clone(), store);
            control.block_on(prepare(&sink))?;
        }
        let (stop, last) = (CancellationToken::new(), Arc::default());
        let ours = ledger.clone();
        let recovery = control.spawn_blocking(move || ours.recover());
        let ship = ship(ledger.clone(), directory.clone(), recovery, stop.clone(), Arc::clone(&last));
        let task = control.spawn(ship);
        Ok(Self { stop, last, task })
    }

    /// Ships what is left, once nobody takes calls down any more, for at most so long.
    ///
    /// # Errors
    /// What stays in the journal, for the next start.
    pub async fn stop(self, within: Duration) -> Result<(), Unshipped> {
        *self.last.lock() = within;
        self.stop.cancel();
        // A task that is dropped with its runtime has shipped nothing more.
        self.task.await.unwrap_or(Ok(()))
    }
}

/// Looks whether the sink will do; one that is away is no reason not to start.
async fn prepare(sink: &Sink) -> anyhow::Result<()> {
    match timeout(PATIENCE, sink.prepare()).await {
        Ok(Ok(notes)) => {
            for note in notes {
                tracing::warn!(sink = %sink.address(), "{note}");
            }
            Ok(())
        }
        Ok(Err(error)) if error.fault == Fault::Setup => bail!("the sink `{}`: {error}", sink.address()),
        Ok(Err(error)) => {
            tracing::error!(sink = %sink.address(), "the sink is away, and events wait in the journal: {error}");
            Ok(())
        }
        Err(_) => {
            tracing::error!(sink = %sink.address(), "the sink does not answer, and events wait in the journal");
            Ok(())
        }
    }
}

async fn ship(
    ledger: Arc<Ledger>,
    directory: Arc<Directory>,
    recovery: JoinHandle<Vec<String>>,
    stop: CancellationToken,
    last: Arc<parking_lot::Mutex<Duration>>,
) -> Result<(), Unshipped> {
    let Some(store) = stop.run_until_cancelled(reached(&directory)).await else {
        let deadline = Instant::now() + *last.lock();
        recovered(recovery, deadline).await?;
        return match ledger.waiting() {
            0 => Ok(()),
            events => Err(Unshipped { events, why: None }),
        };
    };
    let sink = Sink::new(ledger.settings.sink.clone(), &store);
    let mut shipper = Shipper::new(ledger.journal.clone(), sink, Settings::default());
    // Set once: this is the only shipper of the process.
    let _ = ledger.counters.set(shipper.counters());
    shipper.run(&stop).await;
    let deadline = Instant::now() + *last.lock();
    let recovered = recovered(recovery, deadline).await;
    let shipped = shipper.ship_all(deadline).await.and(recovered);
    // For whoever reads the tables while no gate runs. What fails here is done by the next one that does.
    let _ = timeout_at(deadline, store.roll_up_usage()).await;
    let _ = timeout_at(deadline, store.seal_reports(&ledger.seal_key)).await;
    shipped
}

/// Waits until what earlier processes left can be read: before that its events are in no stream, and nobody misses them.
async fn recovered(recovery: JoinHandle<Vec<String>>, deadline: Instant) -> Result<(), Unshipped> {
    match timeout_at(deadline, recovery).await {
        Ok(unread) if unread.as_ref().is_ok_and(Vec::is_empty) => Ok(()),
        // It was said when it was read.
        Ok(_) => Err(Unshipped { events: 0, why: None }),
        Err(_) => {
            tracing::error!("what earlier processes left in the journal is not all read yet");
            Err(Unshipped { events: 0, why: None })
        }
    }
}

/// The store, once it was reached.
async fn reached(directory: &Directory) -> Store {
    loop {
        match directory.store() {
            Some(store) => return store.clone(),
            None => sleep(AGAIN).await,
        }
    }
}
