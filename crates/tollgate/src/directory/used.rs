//! When credentials were used last: coarse, told to the store in batches, and so known after a restart and on every node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tollgate_core::Now;
use tollgate_core::credential::{Credential, Origin};
use tollgate_store::{CredentialId, FileUse, Kind, Lookup as Key, Result, Store};

use super::{Directory, compile};

/// Seconds of the wall clock at which credentials were used that the store was not told of yet.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// Those of the store, by their ids.
    stored: HashMap<CredentialId, Timestamp>,
    /// Those that the file declares, by what finds them.
    declared: HashMap<(Kind, Key), Timestamp>,
}

/// How long somebody waits for a use to be noted. What takes longer stands in no one's way.
const AT_ONCE: Duration = Duration::from_millis(250);

impl Directory {
    /// Notes that a credential identified somebody; to the minute, so that the store is told once for many calls.
    pub fn used(&self, credential: &Credential, now: Now) {
        if !credential.note_use(now.unix_seconds()) {
            return;
        }
        let Ok(at) = Timestamp::from_second(now.unix_seconds()) else { return };
        match &credential.origin {
            Origin::Store { .. } => {
                if let Ok(id) = credential.id.parse() {
                    self.used.lock().stored.insert(id, at);
                }
            }
            Origin::File => {
                if let (kind, Some(key)) = compile::key_of(&credential.proof) {
                    self.used.lock().declared.insert((kind, key), at);
                }
            }
            // Whoever keeps it is told of every call.
            Origin::Service => {}
        }
    }

    /// Notes that a credential of the store was used on the control plane, and tells the store, where that takes it at
    /// once.
    pub async fn used_there(self: &Arc<Self>, id: CredentialId, at: Timestamp) {
        self.used.lock().stored.insert(id, at);
        if !self.telling.is_empty() {
            return;
        }
        let this = self.clone();
        let telling = self.telling.spawn(async move { this.tell_used().await });
        // Told or not, it is not lost.
        let _ = tokio::time::timeout(AT_ONCE, telling).await;
    }

    /// When a credential that the file declares was used last, as this process saw it or the store knows it, whichever is
    /// later. Where the store does not answer, what this process saw has to do.
    pub async fn last_use(&self, declared: &[&Credential]) -> Vec<Option<Timestamp>> {
        let keys: Vec<_> = declared.iter().map(|credential| compile::key_of(&credential.proof)).collect();
        let known = keys.iter().filter_map(|(kind, key)| Some((*kind, key.clone()?))).collect::<Vec<_>>();
        let told = match self.store() {
            Some(store) => self.read(store.declared_use(&known)).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let told = |(kind, key): &(Kind, Option<Key>)| {
            let one = told.iter().find(|one| one.kind == *kind && Some(&one.lookup) == key.as_ref())?;
            Some(one.at)
        };
        let seen = |credential: &Credential| Timestamp::from_second(credential.last_used()?).ok();
        declared.iter().zip(&keys).map(|(credential, key)| seen(credential).max(told(key))).collect()
    }

    /// Tells the store which credentials were used.
    pub(crate) async fn tell_used(&self) {
        let Some(store) = self.store() else { return };
        let used = std::mem::take(&mut *self.used.lock());
        let told = if self.is_away() { false } else { self.write(used.tell(store)).await.is_ok() };
        if !told {
            self.used.lock().put_back(used);
        }
    }
}

impl Used {
    async fn tell(&self, store: &Store) -> Result<()> {
        let stored: Vec<_> = self.stored.iter().map(|(id, at)| (*id, *at)).collect();
        store.touch_credentials(&stored).await?;
        let declared = self.declared.iter();
        let declared =
            declared.map(|((kind, key), at)| FileUse { kind: *kind, lookup: key.clone(), at: *at });
        store.touch_declared(&declared.collect::<Vec<_>>()).await
    }

    /// Keeps what could not be told, unless there is something newer.
    fn put_back(&mut self, older: Self) {
        for (id, at) in older.stored {
            self.stored.entry(id).or_insert(at);
        }
        for (key, at) in older.declared {
            self.declared.entry(key).or_insert(at);
        }
    }
}
