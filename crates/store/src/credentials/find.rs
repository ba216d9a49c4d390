//! Finding credentials: one for a request, many for a directory, pages for people.

use jiff::Timestamp;

use super::kind::{Kind, Lookup};
use super::record::{Credential, State, select};
use crate::accounts::Account;
use crate::consumers::Consumer;
use crate::error::{Error, Result};
use crate::id::{ConsumerId, CredentialId};
use crate::page::{Page, Paging};
use crate::row::{Columns, Read};
use crate::scope::Scope;
use crate::statement::Statement;
use crate::store::Store;
use crate::tables::{ACCOUNTS, CONSUMERS, CREDENTIALS, LAST_USED};

/// A credential and who stands behind it: what a directory keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The credential.
    pub credential: Credential,
    /// Whose it is.
    pub consumer: Consumer,
    /// Who pays.
    pub account: Account,
}

/// Which credentials a list has.
#[derive(Debug, Clone, Copy, Default)]
pub struct CredentialFilter {
    /// One consumer's only.
    pub consumer: Option<ConsumerId>,
    /// One kind only.
    pub kind: Option<Kind>,
    /// Revoked ones, too.
    pub revoked: bool,
}

impl Found {
    /// What the credential is at this moment, its consumer and account considered.
    pub fn state(&self, now: Timestamp) -> State {
        let off = [self.consumer.disabled_at, self.account.disabled_at];
        let gone = [self.consumer.removed_at, self.account.removed_at];
        match self.credential.state(now) {
            State::Revoked => State::Revoked,
            _ if gone.iter().any(Option::is_some) => State::Revoked,
            State::Live if off.iter().any(Option::is_some) => State::Disabled,
            state => state,
        }
    }
}

impl Read for Found {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { credential: columns.next()?, consumer: columns.next()?, account: columns.next()? })
    }
}

impl Store {
    /// The credential that a request presents, in whatever state it is; absent where nobody has it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_credential(&self, scope: Scope, kind: Kind, lookup: &Lookup) -> Result<Option<Found>> {
        self.database.one(by_lookup(scope, kind, lookup)).await
    }

    /// These credentials, in order of their identifiers; those that are not there are left out.
    ///
    /// # Errors
    /// What the database says.
    pub async fn load_credentials(&self, scope: Scope, ids: &[CredentialId]) -> Result<Vec<Found>> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(500) {
            let rows =
                select_found().push(" AND credentials.id IN ").list(chunk.iter().map(|id| (*id).into()));
            let rows = scope.narrow(rows, "credentials.account").push(" ORDER BY credentials.id");
            found.extend(self.database.all::<Found>(rows).await?);
        }
        Ok(found)
    }

    /// What these consumers may present at this moment: of each one live credential of every kind, scopes and tier that it
    /// has credentials of, in order of their identifiers. However many a consumer has, these are few.
    ///
    /// # Errors
    /// What the database says.
    pub async fn live_variety(
        &self,
        scope: Scope,
        consumers: &[ConsumerId],
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        let mut ids: Vec<CredentialId> = Vec::new();
        for chunk in consumers.chunks(500) {
            let rows = Statement::new("SELECT MIN(id) FROM credentials WHERE consumer IN ");
            let rows = rows.list(chunk.iter().map(|id| (*id).into()));
            let rows =
                rows.push(" AND revoked_at IS NULL AND disabled_at IS NULL AND (expires_at IS NULL OR ");
            let rows =
                rows.push("expires_at > ").bind(now).push(") AND (valid_until IS NULL OR valid_until > ");
            let rows = scope
                .narrow(rows.bind(now).push(")"), "account")
                .push(" GROUP BY consumer, kind, scopes, tier");
            ids.extend(self.database.all::<CredentialId>(rows).await?);
        }
        self.load_credentials(scope, &ids).await
    }

    /// A page of everything that a directory keeps, to fill one from the start.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit that is none, and what the database says.
    pub async fn load_directory(&self, scope: Scope, paging: &Paging) -> Result<Page<Found>> {
        let live = select_found().push(" AND credentials.revoked_at IS NULL");
        let rows = paging.finish(scope.narrow(live, "credentials.account"), "credentials.id")?;
        paging.page(self.database.all(rows).await?, |found: &Found| found.credential.id.to_string())
    }

    /// One credential.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none within the scope, and what the database says.
    pub async fn credential(&self, scope: Scope, id: CredentialId) -> Result<Credential> {
        let one = scope.narrow(select().push(" AND credentials.id = ").bind(id), "credentials.account");
        self.database.one(one).await?.ok_or(Error::NotFound("credential"))
    }

    /// Credentials, the oldest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit that is none, and what the database says.
    pub async fn credentials(
        &self,
        scope: Scope,
        filter: CredentialFilter,
        paging: &Paging,
    ) -> Result<Page<Credential>> {
        let mut rows = scope.narrow(select(), "credentials.account");
        if let Some(consumer) = filter.consumer {
            rows = rows.push(" AND credentials.consumer = ").bind(consumer);
        }
        if let Some(kind) = filter.kind {
            rows = rows.push(" AND credentials.kind = ").bind(kind.as_str());
        }
        if !filter.revoked {
            rows = rows.push(" AND credentials.revoked_at IS NULL");
        }
        let rows = paging.finish(rows, "credentials.id")?;
        paging.page(self.database.all(rows).await?, |credential: &Credential| credential.id.to_string())
    }
}

fn by_lookup(scope: Scope, kind: Kind, lookup: &Lookup) -> Statement {
    let one = select_found().push(" AND credentials.kind = ").bind(kind.as_str());
    let one = one.push(" AND credentials.lookup = ").bind(lookup.as_bytes());
    scope.narrow(one, "credentials.account")
}

/// Every credential with who stands behind it, up to where a condition goes on with ` AND …`.
fn select_found() -> Statement {
    Statement::select(&[&CREDENTIALS, &LAST_USED, &CONSUMERS, &ACCOUNTS]).push(
        " FROM credentials LEFT JOIN last_used ON last_used.credential = credentials.id \
         JOIN consumers ON consumers.id = credentials.consumer \
         JOIN accounts ON accounts.id = credentials.account WHERE 1 = 1",
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
