//! Keys that an external auth service judges: its verdicts are remembered here, then in the fleet's Redis, and then it is
//! asked.
//!
//! The fleet knows verdicts on keys that somebody has, and those alone: that nobody has a key is remembered for seconds
//! and by each gate for itself, since a new key must not be kept out by all of them. A verdict holds for as long as
//! `cache` says from when the service gave it, wherever it was remembered meanwhile.

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tollgate_core::credential::{Credential, Digest, Origin, Proof};
use tollgate_core::denial::{Balance, Denial, DirectoryFailure};
use tollgate_core::directory::{Asked, Kept, Lookup};

use super::{Directory, compile, loads};
use crate::auth_service::{AuthService, Charge, Verdict};
use crate::state::Gate;

impl Directory {
    /// Charges the owner of a key that the auth service judged, where the service wants that.
    ///
    /// A service that refuses the charge takes its verdict back: the next call with the key asks for a new one.
    ///
    /// # Errors
    /// Why the owner may not be charged.
    pub async fn charge(
        self: &Arc<Self>,
        credential: &Arc<Credential>,
        charge: Charge,
    ) -> Result<(), Balance> {
        let Some(service) = self.service.clone() else { return Ok(()) };
        let (directory, credential) = (self.clone(), credential.clone());
        // On the control runtime, because the connections to the service live there.
        let charged = self.control.spawn(async move {
            let charged = service.charge(&charge).await;
            if charged.is_err() {
                directory.forget_verdict(&credential).await;
            }
            charged
        });
        charged.await.unwrap_or(Ok(()))
    }

    /// Whether calls with this credential are charged before they are sent.
    pub fn charges(&self, credential: &Credential) -> bool {
        credential.origin == Origin::Service && self.service.as_ref().is_some_and(AuthService::charges)
    }

    /// Finds the verdict on a key, and remembers it.
    pub(super) async fn load_judged(
        &self,
        asked: Asked,
        service: &AuthService,
        digest: Digest,
        key: &[u8],
        client: IpAddr,
    ) -> loads::Answer {
        let away = Denial::Directory(DirectoryFailure::Away);
        let gate = self.gate.get().and_then(Weak::upgrade).ok_or(away)?;
        if let Some((credential, life)) = self.heard(&gate, service, digest).await {
            let kept = Kept::Credential(credential);
            self.remember(&gate, asked, digest, &kept, life);
            return Ok(kept);
        }
        // The verdict is as old as the question at most.
        let asked_at = gate.clock.now();
        let Some(verdict) = service.validate(key, client).await? else {
            self.remember(&gate, asked, digest, &Kept::Nothing, service.cache());
            return Ok(Kept::Nothing);
        };
        let credential =
            usable(&gate, &verdict, digest).ok_or(Denial::Directory(DirectoryFailure::Failed))?;
        let kept = Kept::Credential(credential);
        let waited = gate.clock.now().monotonic.saturating_sub(asked_at.monotonic);
        let life = service.cache().saturating_sub(waited);
        if self.remember(&gate, asked, digest, &kept, life)
            && let Some(shared) = &gate.shared
        {
            shared.put(&digest, &verdict.to_bytes(), life).await;
        }
        Ok(kept)
    }

    /// What another gate of the fleet was told, and how long it still holds.
    async fn heard(
        &self,
        gate: &Gate,
        service: &AuthService,
        digest: Digest,
    ) -> Option<(Arc<Credential>, Duration)> {
        let (bytes, life) = gate.shared.as_ref()?.get(&digest).await?;
        let verdict = Verdict::of_bytes(&bytes)?;
        // A clock that is behind the other's must not make it hold for longer than it would here.
        Some((usable(gate, &verdict, digest)?, life.min(service.cache())))
    }

    fn remember(&self, gate: &Gate, asked: Asked, digest: Digest, kept: &Kept, life: Duration) -> bool {
        self.known.remember(asked, Lookup::ApiKey(digest), kept, Some(life), gate.clock.now())
    }

    /// Forgets the verdict on a key, here and in the fleet. Other gates that remember it hear nothing of it: each of them
    /// asks for a charge too, and forgets as this one.
    async fn forget_verdict(&self, credential: &Credential) {
        let Proof::ApiKey(digest) = &credential.proof else { return };
        self.known.forget_one(&Lookup::ApiKey(*digest));
        let gate = self.gate.get().and_then(Weak::upgrade);
        if let Some(shared) = gate.as_ref().and_then(|gate| gate.shared.as_ref()) {
            shared.forget(digest).await;
        }
    }
}

/// The credential that a verdict makes; nothing, and a line in the log, where it cannot be used.
fn usable(gate: &Gate, verdict: &Verdict, digest: Digest) -> Option<Arc<Credential>> {
    match compile::judged(verdict, digest, &gate.live().snapshot) {
        Ok(credential) => Some(credential),
        Err(why) => {
            tracing::error!(key_id = verdict.key_id, "a key of the auth service cannot be used: {why}");
            None
        }
    }
}
