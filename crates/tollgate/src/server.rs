//! Starts, reloads and stops a gate in this process.

mod control;
mod opening;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use parking_lot::Mutex;
use tokio::runtime::{Builder, LocalOptions, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{JoinHandle as Task, JoinSet};
use tokio_util::task::TaskTracker;
use tollgate_core::snapshot::Snapshot;

use self::control::ControlPlane;
use crate::admin::{Bootstrap, Identity};
use crate::auth_service::AuthService;
use crate::config::Compiled;
use crate::config::process::Process;
use crate::data_dir::DataDir;
use crate::directory::Directory;
use crate::gateway::connection;
use crate::gateway::health;
use crate::gateway::listener::{Accepted, Inbox, Listener};
use crate::gateway::worker::Worker;
use crate::ledger::{Ledger, Shipping};
use crate::quotas::Quotas;
use crate::shared::Shared;
use crate::state::clock::Clock;
use crate::state::{Gate, Live};
use crate::telemetry::Telemetry;
use crate::tidy;
use crate::tls;

pub use self::control::Addresses;

/// How long a thread waits for its tasks after the drain time, before it drops them.
const GRACE: Duration = Duration::from_millis(200);

/// How long the store may take for the last word.
const GOODBYE: Duration = Duration::from_secs(4);

/// A running gate.
#[derive(Debug)]
pub struct Server {
    gate: Arc<Gate>,
    listeners: Vec<Arc<Listener>>,
    control_addresses: Addresses,
    admin_tls: Option<Arc<Identity>>,
    workers: Vec<JoinHandle<bool>>,
    control: Runtime,
    health: Mutex<Task<()>>,
    shipping: Shipping,
    /// What uses the store until the end: the control plane's listeners, and what looks at it by itself.
    background: JoinSet<()>,
    _data_dir: DataDir,
}

/// How a gate ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Every request was answered.
    Clean,
    /// Some were still open when the drain time was over.
    Cut,
    /// Every request was answered; what they used waits in the journal for the next start.
    Unshipped,
}

impl Server {
    /// Binds all listeners and starts serving.
    ///
    /// # Errors
    /// An address that cannot be bound, a certificate or key that cannot be used.
    pub fn start(compiled: Compiled, clock: Clock, telemetry: Telemetry) -> anyhow::Result<Self> {
        Self::start_with(compiled, clock, telemetry, None)
    }

    /// The same with a bootstrap key for the admin API.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with(
        compiled: Compiled,
        clock: Clock,
        telemetry: Telemetry,
        bootstrap: Option<Bootstrap>,
    ) -> anyhow::Result<Self> {
        tls::install_provider();
        let Compiled { process, snapshot, .. } = compiled;
        let control =
            Builder::new_multi_thread().worker_threads(1).thread_name("control").enable_all().build()?;
        let _entered = control.enter();
        let data_dir = DataDir::lock(&process.data_dir)?;
        let service = process.auth_service.as_ref().map(AuthService::new).transpose()?;
        let directory = Arc::new(Directory::new(process.directory, service, control.handle().clone()));
        control.block_on(opening::open(&process.store, &data_dir, &directory, &clock, control.handle()))?;
        let shared = match &process.shared {
            Some(settings) => Some(Shared::start(settings, clock.clone(), control.handle())?),
            None => None,
        };
        let ledger = Ledger::open(&process, &data_dir)?;
        let gate = Gate::new(process, snapshot, directory, shared, ledger, clock, telemetry)?;

        let mut bound = Vec::new();
        for settings in &gate.process.listen {
            let tls = settings.tls.as_ref().map(tls::server_config).transpose()?;
            bound.push(Listener::bind(settings.clone(), tls)?);
        }
        let control_plane = ControlPlane::bind(&gate.process)?;
        let shipping = Shipping::start(&gate.ledger, &gate.directory, control.handle())?;

        let (workers, inboxes) = start_workers(&gate)?;
        let mut listeners = Vec::new();
        for (listener, socket) in bound {
            control.spawn(listener.clone().accept(socket, inboxes.clone(), gate.drain.clone()));
            listeners.push(listener);
        }
        let (control_addresses, admin_tls) = (control_plane.addresses(), control_plane.admin_tls());
        let mut background = JoinSet::new();
        control_plane.serve(&mut background, &gate, &listeners, bootstrap);
        background.spawn(Quotas::keep(Arc::downgrade(&gate.quotas)));
        background.spawn(Directory::follow(Arc::downgrade(&gate.directory)));
        let (weak, keep) = (Arc::downgrade(&gate.directory), gate.process.ledger.keep);
        background.spawn(tidy::keep(weak, gate.clock.clone(), keep, gate.ledger.seal_key.clone()));
        if let Some(shared) = &gate.shared {
            background.spawn(look_at_news(shared.news(), Arc::downgrade(&gate.directory)));
        }
        let health = Mutex::new(control.spawn(health::watch(gate.live(), gate.process.bounds)));
        drop(_entered);
        Ok(Self {
            gate,
            listeners,
            control_addresses,
            admin_tls,
            workers,
            control,
            health,
            shipping,
            background,
            _data_dir: data_dir,
        })
    }

    /// Where the data plane listens, in the order of the file.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.address).collect()
    }

    /// Callers' connections that are held now, on all listeners of the data plane.
    pub fn connections(&self) -> usize {
        self.listeners.iter().map(|listener| listener.open()).sum()
    }

    /// Where the control plane listens.
    pub fn control_addresses(&self) -> Addresses {
        self.control_addresses
    }

    /// The process-wide state.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Serves all later requests from another configuration. Listeners and other settings of the process stay as they
    /// are; certificates are read again.
    ///
    /// # Errors
    /// Where the snapshot or a certificate cannot be used; nothing has changed then.
    pub fn reload(&self, process: &Process, snapshot: Snapshot) -> anyhow::Result<()> {
        let mut certificates = Vec::new();
        for listener in &self.listeners {
            certificates.push(listener.settings.tls.as_ref().map(tls::server_config).transpose()?);
        }
        let admin = self.admin_tls.as_ref().map(|tls| tls.read()).transpose()?;
        let live = self.gate.install(snapshot)?;
        for (listener, certificate) in self.listeners.iter().zip(certificates) {
            listener.tls.store(certificate);
        }
        if let (Some(tls), Some(certificate)) = (&self.admin_tls, admin) {
            tls.store(certificate);
        }
        self.watch_health(live);
        let changes = self.gate.process.changes(&self.gate.process.role.of(process.clone()));
        if !changes.is_empty() {
            let members = changes.join("`, `");
            tracing::warn!("the file changes what takes effect at the next start alone: `{members}`");
        }
        Ok(())
    }

    /// Reserves the names and keys that a file declares, so that nobody takes them in the store.
    ///
    /// # Errors
    /// What of it the store has already; a store that is away is told later.
    pub async fn reserve(&self, source: &str, snapshot: &Snapshot) -> anyhow::Result<()> {
        match self.gate.directory.reserve(source, snapshot).await {
            Ok(()) => Ok(()),
            Err(taken) => {
                let list: Vec<String> = taken.iter().map(opening::name).collect();
                bail!(
                    "the store has already what the file declares: {}; rename one of the two",
                    list.join(", ")
                )
            }
        }
    }

    /// Stops a gate that others still refer to, once they are done with it; a reload under way takes milliseconds.
    pub fn stop_shared(mut server: Arc<Self>) -> Stopped {
        loop {
            match Arc::try_unwrap(server) {
                Ok(server) => return server.stop(),
                Err(shared) => server = shared,
            }
            std::thread::yield_now();
        }
    }

    /// Takes no more connections, lets open requests end within the drain time, and ends all threads.
    pub fn stop(mut self) -> Stopped {
        self.gate.drain.cancel();
        let mut stopped = Stopped::Clean;
        for worker in self.workers {
            if !worker.join().unwrap_or(false) {
                stopped = Stopped::Cut;
            }
        }
        if let Some(log) = &self.gate.telemetry.access_log {
            log.close();
        }
        if let Some(shared) = &self.gate.shared {
            let leave = async { tokio::time::timeout(GRACE, shared.leave()).await };
            if self.control.block_on(leave).is_err() {
                tracing::warn!(
                    "the fleet's Redis was not told that this node leaves; it finds out by itself"
                );
            }
        }
        let directory = self.gate.directory.clone();
        self.control.block_on(async {
            // Bounded: a store that hangs may not keep the process from its end.
            let last_words = async {
                if let Err(unshipped) = self.shipping.stop(GOODBYE / 2).await {
                    let why = unshipped.why.map_or_else(String::new, |why| format!(": {why}"));
                    match unshipped.events {
                        0 => tracing::error!(
                            "what earlier processes left in the journal waits for the next start{why}"
                        ),
                        events => tracing::error!(
                            "{events} usage events wait in the journal for the next start{why}"
                        ),
                    }
                    if stopped == Stopped::Clean {
                        stopped = Stopped::Unshipped;
                    }
                }
                // Whoever goes on would find the store closed, and say that it is away.
                self.background.shutdown().await;
                if let Err(error) = self.gate.quotas.close().await {
                    tracing::warn!("units of quotas were not given back, and count as used: {error}");
                }
                directory.close().await;
            };
            if tokio::time::timeout(GOODBYE, last_words).await.is_err() {
                tracing::error!(
                    "there was no time for all that had to be shipped; it waits for the next start"
                );
                if stopped == Stopped::Clean {
                    stopped = Stopped::Unshipped;
                }
            }
        });
        self.control.shutdown_timeout(GRACE);
        stopped
    }

    /// The runtime of everything that is not the data plane.
    pub fn control(&self) -> &Runtime {
        &self.control
    }

    fn watch_health(&self, live: Arc<Live>) {
        let mut task = self.health.lock();
        task.abort();
        *task = self.control.spawn(health::watch(live, self.gate.process.bounds));
    }
}

/// Makes the directory look when another node says that something changed.
async fn look_at_news(mut news: watch::Receiver<u64>, directory: Weak<Directory>) {
    while news.changed().await.is_ok() {
        let Some(directory) = directory.upgrade() else { return };
        directory.look_soon();
    }
}

fn start_workers(gate: &Arc<Gate>) -> anyhow::Result<(Vec<JoinHandle<bool>>, Vec<Inbox>)> {
    let count = match gate.process.workers {
        Some(count) => count,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let mut threads = Vec::with_capacity(count);
    let mut inboxes = Vec::with_capacity(count);
    let (begun, beginnings) = std::sync::mpsc::channel();
    // Nothing is served without a listener.
    let count = if gate.process.listen.is_empty() { 0 } else { count.max(1) };
    for index in 0..count {
        let (connections, inbox) = unbounded_channel();
        inboxes.push(Inbox { connections, load: Arc::new(AtomicUsize::new(0)) });
        let (gate, begun) = (gate.clone(), begun.clone());
        let run = move || run_worker(gate, inbox, begun);
        threads.push(std::thread::Builder::new().name(format!("worker-{index}")).spawn(run)?);
    }
    drop(begun);
    // A thread says how it began, or ends without a word.
    for beginning in beginnings {
        beginning.context("a data plane thread cannot start")?;
    }
    Ok((threads, inboxes))
}

/// One data plane thread; true if every connection ended by itself.
fn run_worker(
    gate: Arc<Gate>,
    mut inbox: UnboundedReceiver<Accepted>,
    begun: Sender<io::Result<()>>,
) -> bool {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let (runtime, stream) = match runtime.and_then(|runtime| Ok((runtime, gate.ledger.journal.stream()?))) {
        Ok(parts) => parts,
        Err(error) => {
            // Where the start has been given up already, nobody asks.
            let _ = begun.send(Err(error));
            return false;
        }
    };
    let _ = begun.send(Ok(()));
    drop(begun);
    let drain = gate.process.drain;
    runtime.block_on(async move {
        let stop = gate.drain.clone();
        let worker = Worker::new(gate, stream);
        // Apart from those that are waited for: what ends a call needs them to the last.
        let own = TaskTracker::new();
        own.spawn_local(worker.clone().flush());
        own.spawn_local(worker.clone().tick());
        own.spawn_local(worker.clone().sweep());
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                accepted = inbox.recv() => match accepted {
                    Some(accepted) => worker.spawn(connection::serve(worker.clone(), accepted)),
                    None => break,
                },
            }
        }
        // What was accepted before the stop is served too; what comes after it is closed at once.
        inbox.close();
        while let Ok(accepted) = inbox.try_recv() {
            worker.spawn(connection::serve(worker.clone(), accepted));
        }
        worker.tasks.close();
        tokio::time::timeout(drain, worker.tasks.wait()).await.is_ok()
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
