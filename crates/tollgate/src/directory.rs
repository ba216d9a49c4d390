//! Who is behind credentials that the file does not declare: looked up in the store, remembered, forgotten on a change.
//!
//! Threads of the data plane read what is remembered and never wait for a database: a question goes to the control
//! runtime, equal questions go there once. Every change of the store has a number; the watch reads those that it has not
//! seen, each second and whenever somebody says that there are new ones.

mod answer;
mod compile;
mod consumers;
mod held;
mod loads;
mod service;
mod used;
mod watch;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tollgate_core::Now;
use tollgate_core::credential::api_key_text::{Recognised, recognise};
use tollgate_core::denial::{Denial, DirectoryFailure};
use tollgate_core::directory::{Directory as Known, Kept, Loaded, Lookup, Question};
use tollgate_core::snapshot::Snapshot;
use tollgate_store::{Reservations, Scope, Store, Taken, Watch};

use self::held::Held;
use self::loads::Loads;
use self::used::Used;
use crate::auth_service::{AuthService, Reporter};
use crate::config::process::Directory as Settings;
use crate::state::Gate;

pub use self::answer::Unanswered;
pub use self::compile::timestamp;
pub use self::consumers::Presented;
pub use self::watch::LOOK;

/// How long names and keys of the file may take to be reserved, however many they are.
const RESERVE: Duration = Duration::from_secs(60);

/// The directory of one process.
pub struct Directory {
    /// What is remembered.
    pub known: Known,
    /// How many questions went to the store or to the auth service.
    pub loads: AtomicU64,
    service: Option<AuthService>,
    store: OnceLock<Store>,
    gate: OnceLock<Weak<Gate>>,
    open: Loads,
    stale: Duration,
    control: Handle,
    look: Notify,
    /// What announces changes, until the watch has it.
    announcing: Mutex<Option<Watch>>,
    /// The number of the newest change that was seen; one reader at a time.
    seen: tokio::sync::Mutex<i64>,
    /// Credentials of the store that somebody may hold, remembered or not.
    held: Held,
    cut: bool,
    /// What was used and is not yet in the store.
    used: Mutex<Used>,
    /// What tells the store of uses on the control plane.
    telling: TaskTracker,
    /// What the file declares and the store could not be told yet.
    unreserved: Mutex<Option<Reserving>>,
    away: AtomicBool,
    /// How many questions the store has answered.
    answers: AtomicU64,
}

/// What a file reserves, and under which name.
#[derive(Debug, Clone)]
struct Reserving {
    source: String,
    reservations: Reservations,
}

impl Directory {
    /// Remembers as many credentials as the settings say, and as long. `service` judges API keys in place of the store.
    pub fn new(settings: Settings, service: Option<AuthService>, control: Handle) -> Self {
        Self {
            known: Known::new(settings.max),
            loads: AtomicU64::new(0),
            service,
            store: OnceLock::new(),
            gate: OnceLock::new(),
            open: Loads::default(),
            stale: settings.stale,
            control,
            look: Notify::new(),
            announcing: Mutex::default(),
            seen: tokio::sync::Mutex::new(0),
            held: Held::new(settings.max),
            cut: settings.cut,
            used: Mutex::default(),
            telling: TaskTracker::new(),
            unreserved: Mutex::default(),
            away: AtomicBool::new(true),
            answers: AtomicU64::new(0),
        }
    }

    /// Tells the auth service of calls, where it wants to know.
    pub fn reporter(&self) -> Option<Reporter> {
        let service = self.service.as_ref().filter(|service| service.reports())?;
        Some(Reporter::start(service.clone(), &self.control))
    }

    /// Whether an external service judges API keys, and the store is not asked about them.
    pub fn asks_a_service(&self) -> bool {
        self.service.is_some()
    }

    /// The store, once it could be opened.
    pub fn store(&self) -> Option<&Store> {
        self.store.get()
    }

    /// Whether the store did not answer when it was asked last. Then it is asked by the watch alone, each second, and everybody
    /// else knows at once that there is no answer: a store that hangs costs one wait, and not one per call.
    pub fn is_away(&self) -> bool {
        self.away.load(Relaxed)
    }

    /// Uses this store from now on.
    ///
    /// # Errors
    /// Where the store does not answer already.
    pub(crate) async fn open(&self, store: Store) -> tollgate_store::Result<()> {
        // Nothing is remembered yet, so whatever changed before is no news.
        *self.seen.lock().await = store.rev().await?;
        self.away.store(false, Relaxed);
        // There is one opener; a second store would be a mistake of this program, and the first one stays.
        let _ = self.store.set(store);
        Ok(())
    }

    /// Has changes announced by this, from the next round of the watch on.
    pub(crate) fn listen_to(&self, watch: Option<Watch>) {
        *self.announcing.lock() = watch;
    }

    /// Serves this gate. To be called once, before the first question.
    pub(crate) fn serve(&self, gate: &Arc<Gate>) {
        let _ = self.gate.set(Arc::downgrade(gate));
    }

    /// Answers a question that a request asked.
    ///
    /// # Errors
    /// Why nobody can say; the request may come again.
    pub async fn find(self: &Arc<Self>, question: Question, client: IpAddr) -> Result<Loaded, Denial> {
        let lookup = question.lookup.clone();
        let (first, answer) = self.open.join(&lookup, is_damaged(&question))?;
        if first {
            let directory = self.clone();
            self.control.spawn(async move { directory.load(question, client).await });
        }
        let kept = answer.await.unwrap_or(Err(Denial::Directory(DirectoryFailure::Away)))?;
        Ok(Loaded { lookup, kept })
    }

    /// Runs something on the control runtime, where the connections of the store live; nothing where that has ended.
    pub async fn on_control<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.control.spawn(task).await.ok()
    }

    /// Asks, remembers the answer, and gives it to everybody who waits for it.
    async fn load(&self, question: Question, client: IpAddr) {
        let waiting = self.open.guard(&question.lookup);
        let asked = self.known.ask();
        self.loads.fetch_add(1, Relaxed);
        let judge = match (&self.service, &question.lookup, question.expose_key()) {
            (Some(service), Lookup::ApiKey(digest), Some(key)) => Some((service, *digest, key)),
            _ => None,
        };
        if let Some((service, digest, key)) = judge {
            return waiting.answer(self.load_judged(asked, service, digest, key, client).await);
        }
        let answer = self.ask_store(&question.lookup).await;
        if let (Ok(kept), Some(now)) = (&answer, self.now()) {
            self.known.remember(asked, question.lookup.clone(), kept, None, now);
        }
        waiting.answer(answer.map_err(Denial::Directory));
    }

    async fn ask_store(&self, lookup: &Lookup) -> Result<Kept, DirectoryFailure> {
        let (Some(store), Some(gate)) = (self.store.get(), self.gate.get().and_then(Weak::upgrade)) else {
            return Err(DirectoryFailure::Away);
        };
        let (kind, key) = compile::key(lookup);
        let Some(key) = key else { return Ok(Kept::Nothing) };
        if self.is_away() {
            return Err(DirectoryFailure::Away);
        }
        let found = self.read(store.find_credential(Scope::All, kind, &key)).await?;
        let Some(found) = found else { return Ok(Kept::Nothing) };
        // The snapshot of now, not that of the request: a reload forgets what was made from the one before.
        let live = gate.live();
        let made = compile::credential(&found, &live.snapshot, store, gate.clock.now()).map_err(|why| {
            tracing::error!(credential = %found.credential.id, "a credential of the store cannot be used: {why}");
            DirectoryFailure::Failed
        })?;
        if self.cut
            && let Kept::Credential(credential) = &made
        {
            self.held.note(credential);
        }
        Ok(made)
    }

    /// Looks at once for what changed, so that what was written by whoever calls this is in force when it returns.
    pub async fn look(&self) {
        self.catch_up().await;
    }

    /// Looks soon for what changed.
    pub fn look_soon(&self) {
        self.look.notify_one();
    }

    /// Forgets everything: a reload changed what credentials are made of.
    pub fn forget_all(&self) {
        self.known.forget(|_| true);
    }

    /// Reserves what a snapshot's file declares, so that nobody takes it in the store. `source` names the file.
    ///
    /// A store that is away is told when it is back; until then, as always, what the file declares is found first.
    ///
    /// # Errors
    /// What of it the store has already.
    pub async fn reserve(&self, source: &str, snapshot: &Snapshot) -> Result<(), Vec<Taken>> {
        let reserving = Reserving { source: source.to_owned(), reservations: reservations(snapshot) };
        *self.unreserved.lock() = Some(reserving);
        self.reserve_pending().await
    }

    async fn reserve_pending(&self) -> Result<(), Vec<Taken>> {
        let pending = self.unreserved.lock().clone();
        let (Some(pending), Some(store)) = (pending, self.store.get()) else { return Ok(()) };
        if self.is_away() {
            return Ok(());
        }
        let reserved = store.reserve(&pending.source, &pending.reservations);
        match tokio::time::timeout(RESERVE, reserved).await {
            Ok(Ok(taken)) => {
                *self.unreserved.lock() = None;
                if taken.is_empty() { Ok(()) } else { Err(taken) }
            }
            Ok(Err(error)) => {
                self.failed(&error);
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// Tells the store what it was not told yet, and ends its connections.
    pub(crate) async fn close(&self) {
        self.telling.close();
        self.telling.wait().await;
        self.tell_used().await;
        if let Some(store) = self.store() {
            store.close().await;
        }
    }

    fn now(&self) -> Option<Now> {
        self.gate.get().and_then(Weak::upgrade).map(|gate| gate.clock.now())
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("known", &self.known).finish_non_exhaustive()
    }
}

/// Whether this is an API key that begins as ours and cannot be one that was made here. It may have been brought along.
fn is_damaged(question: &Question) -> bool {
    let key = question.expose_key().and_then(|key| std::str::from_utf8(key).ok());
    key.is_some_and(|key| recognise(key) == Recognised::Damaged)
}

/// Names and lookup keys of a snapshot.
fn reservations(snapshot: &Snapshot) -> Reservations {
    let mut reservations = Reservations::default();
    for consumer in snapshot.consumers.values() {
        reservations.consumer(&consumer.name);
        reservations.account(&consumer.account);
    }
    for credential in snapshot.credentials.iter() {
        let (kind, key) = compile::key_of(&credential.proof);
        // A key that the store could not have cannot be taken there.
        if let Some(key) = key {
            reservations.credential(kind, &key);
        }
    }
    reservations
}
