//! A new proof in place of an old one.

use jiff::Timestamp;

use super::check;
use super::new::{NewCredential, NewProof};
use super::record::{Credential, State};
use crate::change::Change;
use crate::error::{Conflict, Error, Result};
use crate::id::CredentialId;
use crate::patch::Set;
use crate::scope::Scope;
use crate::time::whole;

/// How a credential is rotated.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The new proof, of the same kind.
    pub proof: NewProof,
    /// Until when the old one is accepted beside the new one; absent means that it dies at once.
    pub grace_until: Option<Timestamp>,
    /// When the new one ends by itself; as the old one unless it says otherwise.
    pub expires_at: Set<Option<Timestamp>>,
}

/// What became of a rotation.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// The credential that was; its grace may be running.
    pub old: Credential,
    /// The one that took its place.
    pub new: Credential,
}

impl Change<'_> {
    /// Makes a credential that takes the place of another: same consumer, name, scopes, tier, rate and networks, new
    /// proof. The old one is accepted until its grace or its own end is over, whichever is first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Conflict::Credential`] where the old one is revoked, over or rotated already;
    /// [`Error::Invalid`] for a proof of another kind; and as [`Change::create_credential`].
    pub async fn rotate_credential(
        &mut self,
        scope: Scope,
        id: CredentialId,
        rotation: Rotation,
    ) -> Result<Rotated> {
        let before = self.credential(scope, id).await?;
        if before.rotated_to.is_some() {
            return Err(Conflict::Credential("rotated already").into());
        }
        match before.state(self.now) {
            State::Live => {}
            State::Revoked => return Err(Conflict::Credential("revoked").into()),
            State::Disabled => return Err(Conflict::Credential("disabled").into()),
            State::Expired | State::Rotated => return Err(Conflict::Credential("expired").into()),
        }
        if rotation.proof.kind() != before.kind {
            return Err(Error::invalid("kind", format!("must be `{}`, as before", before.kind)));
        }
        check::end(rotation.grace_until, self.now)
            .map_err(|_| Error::invalid("grace", "must be positive"))?;
        let new = NewCredential {
            consumer: before.consumer,
            name: before.name.clone(),
            proof: rotation.proof,
            service_id: before.service_id.clone(),
            scopes: before.scopes.clone(),
            tier: before.tier.clone(),
            rate_limit_per_hour: before.rate_limit_per_hour,
            networks: before.networks.clone(),
            expires_at: rotation.expires_at.or(before.expires_at),
        };
        let new = self.make_credentials(scope, vec![new], Some(before.id)).await?;
        let new = new.into_iter().next().ok_or(Error::NotFound("credential"))?;
        let mut after = Credential { rotated_to: Some(new.id), ..before.clone() };
        match rotation.grace_until.map(whole) {
            Some(until) => after.valid_until = Some(before.expires_at.map_or(until, |end| end.min(until))),
            None => after.revoked_at = Some(self.now),
        }
        let old = self.update("rotate", &before, after).await?;
        Ok(Rotated { old, new })
    }
}
