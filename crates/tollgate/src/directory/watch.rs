//! Learning of changes: by their numbers, each second, and sooner where somebody says that there are new ones.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tollgate_core::credential::{Credential, Origin};
use tollgate_store::{ChangeKind, Changed, Changes, CredentialId, Scope, State, Store, Watch};

use super::answer::ANSWER;
use super::{Directory, timestamp};

/// How often the store is asked for changes; on other nodes a change is in force after this at the latest.
pub const LOOK: Duration = Duration::from_secs(1);
/// How often the store is told which credentials were used.
const TELL_USED: u32 = 10;
/// Changes that are read at once.
const PAGE: u16 = 1000;

impl Directory {
    /// Follows the store's changes for as long as the gate runs.
    pub(crate) async fn follow(directory: Weak<Self>) {
        let mut announced = None;
        let mut rounds = 0_u32;
        loop {
            let Some(this) = directory.upgrade() else { return };
            this.catch_up().await;
            rounds += 1;
            if rounds.is_multiple_of(TELL_USED) {
                this.tell_used().await;
            }
            if announced.is_none() {
                announced = this.announcing.lock().take();
            }
            if announced.is_none()
                && let Some(store) = this.store()
            {
                announced = listen(store).await;
            }
            let woken = tokio::time::timeout(LOOK, this.news(&mut announced));
            // Time passed, or there are news: both mean to look.
            let _ = woken.await;
        }
    }

    async fn news(self: &Arc<Self>, announced: &mut Option<Watch>) {
        match announced {
            None => self.look.notified().await,
            Some(watch) => tokio::select! {
                () = self.look.notified() => {}
                told = watch.changed() => {
                    if told.is_err() {
                        *announced = None;
                    }
                }
            },
        }
    }

    /// Reads all changes that were not seen yet, and forgets what they concern.
    pub(super) async fn catch_up(&self) {
        let Some(store) = self.store() else { return };
        let mut seen = self.seen.lock().await;
        loop {
            match self.read(store.changes_since(*seen, PAGE)).await {
                Ok(Changes::Since(changes)) => {
                    let last = changes.last().map(|change| change.rev);
                    self.forget(store, &changes).await;
                    *seen = last.unwrap_or(*seen);
                    if changes.len() < usize::from(PAGE) {
                        break;
                    }
                }
                Ok(Changes::Lost { rev }) => {
                    self.forget_all();
                    self.end_revoked(store, self.held.changed(|_| true)).await;
                    *seen = rev;
                    break;
                }
                Err(_) => return,
            }
        }
        drop(seen);
        self.is_there().await;
    }

    /// The store has told everything: what is remembered counts for a while without another word.
    async fn is_there(&self) {
        if let Some(now) = self.now() {
            self.known.extend(now.monotonic.saturating_add(self.stale));
        }
        if self.away.swap(false, Relaxed) {
            tracing::info!("the store answers");
        }
        if let Err(taken) = self.reserve_pending().await {
            for taken in taken {
                tracing::error!(
                    kind = taken.kind,
                    name = taken.name,
                    "the configuration declares what the store has already; the configuration's counts"
                );
            }
        }
    }

    /// Forgets what these changes concern, and ends it for calls that are under way with it.
    async fn forget(&self, store: &Store, changes: &[Changed]) {
        if changes.is_empty() {
            return;
        }
        let concerned = Concerned::of(changes);
        self.known.forget(|credential| concerned.has(credential));
        if self.cut {
            let held = self.held.changed(|credential| concerned.has(credential));
            self.end_revoked(store, held).await;
        }
    }

    /// Ends those of the credentials that do not count any more.
    async fn end_revoked(&self, store: &Store, held: Vec<Arc<Credential>>) {
        let ids: Vec<CredentialId> = held.iter().filter_map(|held| held.id.parse().ok()).collect();
        let Some(now) = self.now().filter(|_| !ids.is_empty()) else { return };
        let Ok(found) = self.read(store.load_credentials(Scope::All, &ids)).await else { return };
        let now = timestamp(now);
        let live: HashSet<String> = found
            .iter()
            .filter(|found| !matches!(found.state(now), State::Revoked | State::Disabled))
            .map(|found| found.credential.id.to_string())
            .collect();
        for held in held.iter().filter(|held| !live.contains(&*held.id)) {
            held.revoke();
        }
    }
}

/// Whom changes concern.
struct Concerned<'a> {
    accounts: HashSet<&'a str>,
    consumers: HashSet<&'a str>,
    credentials: HashSet<&'a str>,
}

impl<'a> Concerned<'a> {
    fn of(changes: &'a [Changed]) -> Self {
        let of = |kind: ChangeKind| {
            changes.iter().filter(|change| change.kind == kind).map(|change| change.id.as_str()).collect()
        };
        Self {
            accounts: of(ChangeKind::Account),
            consumers: of(ChangeKind::Consumer),
            credentials: of(ChangeKind::Credential),
        }
    }

    fn has(&self, credential: &Credential) -> bool {
        match &credential.origin {
            Origin::Store { consumer, account } => {
                self.credentials.contains(&*credential.id)
                    || self.consumers.contains(&**consumer)
                    || self.accounts.contains(&**account)
            }
            Origin::File | Origin::Service => false,
        }
    }
}

async fn listen(store: &Store) -> Option<Watch> {
    match tokio::time::timeout(ANSWER, store.watch()).await {
        Ok(Ok(watch)) => watch,
        Ok(Err(error)) => {
            tracing::debug!("changes are not announced: {error}");
            None
        }
        Err(_) => None,
    }
}
