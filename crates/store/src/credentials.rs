//! Credentials: stored proofs of consumers.

mod check;
mod create;
mod find;
mod kind;
mod new;
mod record;
mod rotate;
mod secret;

use ipnet::IpNet;
use jiff::Timestamp;
use tollgate_core::consumer::{Name, Scopes};

pub(crate) use self::check::scopes as check_scopes;
pub use self::find::{CredentialFilter, Found};
pub use self::kind::{Kind, Lookup};
pub use self::new::{NewCredential, NewProof};
pub(crate) use self::record::select;
pub use self::record::{Credential, State};
pub use self::rotate::{Rotated, Rotation};
pub use self::secret::Secret;
use crate::change::Change;
use crate::error::{Conflict, Error, Result};
use crate::id::CredentialId;
use crate::patch::Set;
use crate::scope::Scope;
use crate::statement::Statement;
use crate::store::Store;
use crate::tables::LAST_USED;
use crate::time::whole;

/// What is to become different about a credential.
#[derive(Debug, Clone, Default)]
pub struct CredentialPatch {
    /// Another name.
    pub name: Set<String>,
    /// Whether it identifies anybody.
    pub enabled: Set<bool>,
    /// Other scopes of its own, or none.
    pub scopes: Set<Option<Scopes>>,
    /// Another tier in place of its consumer's, or none.
    pub tier: Set<Option<Name>>,
    /// Another hourly rate in place of its tier's, or none.
    pub rate_limit_per_hour: Set<Option<i64>>,
    /// Another end, or none.
    pub expires_at: Set<Option<Timestamp>>,
    /// Other networks; none means from everywhere.
    pub networks: Set<Vec<IpNet>>,
}

impl Change<'_> {
    /// Changes a credential. What stays as it was is not written; a revoked one can no longer be changed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Conflict::Credential`], and [`Error::Invalid`] naming the field that is refused.
    pub async fn update_credential(
        &mut self,
        scope: Scope,
        id: CredentialId,
        patch: CredentialPatch,
    ) -> Result<Credential> {
        let before = self.credential(scope, id).await?;
        if before.revoked_at.is_some() {
            return Err(Conflict::Credential("revoked").into());
        }
        let mut after = before.clone();
        after.disabled_at = patch.enabled.disabled_at(before.disabled_at, self.now);
        patch.name.apply(&mut after.name);
        patch.scopes.apply(&mut after.scopes);
        patch.tier.apply(&mut after.tier);
        patch.rate_limit_per_hour.apply(&mut after.rate_limit_per_hour);
        patch.expires_at.apply(&mut after.expires_at);
        after.expires_at = after.expires_at.map(whole);
        if after.expires_at != before.expires_at {
            // Whoever wants to end it now revokes or disables it, and the audit says so.
            check::end(after.expires_at, self.now)?;
        }
        patch.networks.apply(&mut after.networks);
        check::limits(&after)?;
        if after == before {
            return Ok(before);
        }
        self.update("update", &before, after).await
    }

    /// Revokes a credential for good; once more does nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_credential(&mut self, scope: Scope, id: CredentialId) -> Result<Credential> {
        let before = self.credential(scope, id).await?;
        if before.revoked_at.is_some() {
            return Ok(before);
        }
        let after = Credential { revoked_at: Some(self.now), ..before.clone() };
        self.update("revoke", &before, after).await
    }

    /// One credential as the change sees it, for whoever must judge it before changing it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn credential(&mut self, scope: Scope, id: CredentialId) -> Result<Credential> {
        let one = select().push(" AND credentials.id = ").bind(id);
        let one = self.transaction.one(scope.narrow(one, "credentials.account")).await?;
        one.ok_or(Error::NotFound("credential"))
    }
}

impl Store {
    /// Notes when credentials were used last, in one batch for many requests. It is no change of them: no directory
    /// looks again and the audit has no row of it. An earlier time than the noted one is ignored.
    ///
    /// # Errors
    /// What the database says.
    pub async fn touch_credentials(&self, used: &[(CredentialId, Timestamp)]) -> Result<()> {
        if used.is_empty() {
            return Ok(());
        }
        let mut used = used.to_vec();
        // Sorted, so that two nodes take the rows in one order; the newest time of each alone, because one statement
        // may meet a row once.
        used.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        used.dedup_by_key(|(id, _)| *id);
        let mut transaction = self.database.write().await?;
        for chunk in used.chunks(Statement::rows_at_once(&LAST_USED)) {
            let rows = chunk.iter().map(|(id, at)| vec![(*id).into(), (*at).into()]);
            let rows = Statement::insert(&LAST_USED, rows).push(
                " ON CONFLICT (credential) DO UPDATE SET at = excluded.at WHERE last_used.at < excluded.at",
            );
            transaction.execute(rows).await?;
        }
        transaction.commit().await
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
