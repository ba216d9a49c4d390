//! What consumers of the store may present, for whoever explains: asked each time, as an explanation wants what is true,
//! and nothing is remembered for it.

use std::sync::{Arc, Weak};

use tollgate_core::consumer::Name;
use tollgate_core::credential::{Credential, Proof};
use tollgate_core::denial::DirectoryFailure;
use tollgate_core::directory::Kept;
use tollgate_store::{ConsumerId, Scope, Store};

use super::{Directory, Unanswered, compile};
use crate::state::Gate;

/// A live credential of a consumer, or why the gate can make nothing of it.
pub type Presented = (ConsumerId, Result<Arc<Credential>, String>);

impl Directory {
    /// The credentials of a consumer of the store that count now, one of every kind, scopes and tier; nothing where there is
    /// no such consumer in the scope.
    ///
    /// # Errors
    /// Where the store is away, or the gate can make nothing of a credential.
    pub async fn of_consumer(
        &self,
        scope: Scope,
        name: &Name,
    ) -> Result<Option<Vec<Arc<Credential>>>, DirectoryFailure> {
        let (store, _) = self.serving()?;
        let consumer = match self.read(store.consumer_named(scope, name)).await {
            Ok(consumer) => consumer,
            Err(Unanswered::Refused(tollgate_store::Error::NotFound(_))) => return Ok(None),
            Err(why) => return Err(why.into()),
        };
        let presented = self.of_consumers(scope, &[consumer.id]).await?;
        let made: Result<Vec<_>, _> = presented.into_iter().map(|(_, made)| made).collect();
        made.map(Some).map_err(|why| {
            tracing::error!(consumer = %name, "a credential of the store cannot be used: {why}");
            DirectoryFailure::Failed
        })
    }

    /// The same of several consumers, whose names are known.
    ///
    /// # Errors
    /// Where the store is away.
    pub async fn of_consumers(
        &self,
        scope: Scope,
        consumers: &[ConsumerId],
    ) -> Result<Vec<Presented>, DirectoryFailure> {
        let (store, gate) = self.serving()?;
        let now = gate.clock.now();
        let found = self.read(store.live_variety(scope, consumers, compile::timestamp(now))).await?;
        let live = gate.live();
        let presented = found.iter().filter_map(|found| {
            let made = match compile::credential(found, &live.snapshot, store, now) {
                // Where a service judges API keys, the store is not asked about them.
                Ok(Kept::Credential(made))
                    if self.asks_a_service() && matches!(made.proof, Proof::ApiKey(_)) =>
                {
                    return None;
                }
                Ok(Kept::Credential(made)) => Ok(made),
                // It, its consumer or its account is disabled or gone.
                Ok(Kept::Gone | Kept::Nothing) => return None,
                Err(why) => Err(why),
            };
            Some((found.consumer.id, made))
        });
        Ok(presented.collect())
    }

    /// The store, and the gate that asks it.
    fn serving(&self) -> Result<(&Store, Arc<Gate>), DirectoryFailure> {
        let serving = self.store.get().zip(self.gate.get().and_then(Weak::upgrade));
        serving.ok_or(DirectoryFailure::Away)
    }
}
