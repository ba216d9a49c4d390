//! Consumers: calling services and persons.

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tollgate_core::consumer::{Name, Scopes};

use crate::accounts;
use crate::change::{Change, Record};
use crate::changes::ChangeKind;
use crate::credentials::{self, Credential};
use crate::error::{Error, Result};
use crate::id::{AccountId, ConsumerId};
use crate::page::{Page, Paging};
use crate::patch::Set;
use crate::row::{Columns, Read};
use crate::scope::Scope;
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::{CONSUMERS, Table};
use crate::text;

/// A calling service or person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Names it for good.
    pub id: ConsumerId,
    /// Who pays, for good: sealed secrets and past usage are bound to it.
    pub account: AccountId,
    /// Unique over the store and the configuration file, over all accounts; never used again after a removal.
    pub name: Name,
    /// The tier's name, if it has one; tiers live in the configuration file.
    pub tier: Option<Name>,
    /// Scopes of its own, beside those of its tier.
    pub scopes: Option<Scopes>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when nothing of it is accepted, if so.
    pub disabled_at: Option<Timestamp>,
    /// Since when it is gone, if so; kept because usage names it.
    pub(crate) removed_at: Option<Timestamp>,
    /// The number of its last change.
    pub rev: i64,
}

/// What a new consumer is to be.
#[derive(Debug, Clone)]
pub struct NewConsumer {
    /// Who pays.
    pub account: AccountId,
    /// Its name.
    pub name: Name,
    /// Its tier, if any.
    pub tier: Option<Name>,
    /// Scopes of its own, if any.
    pub scopes: Option<Scopes>,
}

/// What is to become different about a consumer.
#[derive(Debug, Clone, Default)]
pub struct ConsumerPatch {
    /// Another tier, or none.
    pub tier: Set<Option<Name>>,
    /// Other scopes, or none.
    pub scopes: Set<Option<Scopes>>,
    /// Whether it identifies anybody.
    pub enabled: Set<bool>,
}

impl Read for Consumer {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: columns.next()?,
            account: columns.next()?,
            name: columns.next()?,
            tier: columns.next()?,
            scopes: columns.next()?,
            created_at: columns.next()?,
            disabled_at: columns.next()?,
            removed_at: columns.next()?,
            rev: columns.next()?,
        })
    }
}

impl Record for Consumer {
    const TABLE: &'static Table = &CONSUMERS;
    const KIND: ChangeKind = ChangeKind::Consumer;

    fn row(&self) -> Vec<Value> {
        vec![
            self.id.into(),
            self.account.into(),
            self.name.as_str().into(),
            self.tier.as_ref().map(Name::as_str).into(),
            self.scopes.as_ref().map(|scopes| text::json_list(scopes.iter())).into(),
            self.created_at.into(),
            self.disabled_at.into(),
            self.removed_at.into(),
            self.rev.into(),
        ]
    }

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn owner(&self) -> AccountId {
        self.account
    }

    fn view(&self) -> Json {
        json!({
            "name": self.name.as_str(),
            "tier": self.tier.as_ref().map(Name::as_str),
            "scopes": self.scopes.as_ref().map(|scopes| scopes.iter().collect::<Vec<_>>()),
            "disabled_at": self.disabled_at.map(|at| at.to_string()),
            "removed_at": self.removed_at.map(|at| at.to_string()),
        })
    }

    fn set_rev(&mut self, rev: i64) {
        self.rev = rev;
    }
}

impl Store {
    /// One consumer.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none within the scope, and what the database says.
    pub async fn consumer(&self, scope: Scope, id: ConsumerId) -> Result<Consumer> {
        found(self.database.one(by_id(scope, id)).await?)
    }

    /// The consumer of this name.
    ///
    /// # Errors
    /// As [`Store::consumer`].
    pub async fn consumer_named(&self, scope: Scope, name: &Name) -> Result<Consumer> {
        found(self.database.one(by_name(scope, name)).await?)
    }

    /// Consumers, the oldest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit that is none, and what the database says.
    pub async fn consumers(&self, scope: Scope, paging: &Paging) -> Result<Page<Consumer>> {
        let rows = paging.finish(scope.narrow(select(), "consumers.account"), "consumers.id")?;
        paging.page(self.database.all(rows).await?, |consumer: &Consumer| consumer.id.to_string())
    }
}

impl Change<'_> {
    /// The consumer of this name as the change sees it, its own steps included.
    ///
    /// # Errors
    /// As [`Store::consumer`].
    pub async fn consumer_named(&mut self, scope: Scope, name: &Name) -> Result<Consumer> {
        found(self.transaction.one(by_name(scope, name)).await?)
    }

    /// Makes a consumer.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the account is not within the scope; [`Error::Reserved`] and
    /// [`Conflict::Name`](crate::Conflict::Name) where the name is taken, by whomever; [`Error::Invalid`] for scopes that
    /// are none.
    pub async fn create_consumer(&mut self, scope: Scope, new: NewConsumer) -> Result<Consumer> {
        credentials::check_scopes(new.scopes.as_ref())?;
        accounts::found(self.transaction.one(accounts::by_id(scope, new.account)).await?)?;
        self.name_is_free::<Consumer>(&new.name).await?;
        let consumer = Consumer {
            id: ConsumerId::new(self.now)?,
            account: new.account,
            name: new.name,
            tier: new.tier,
            scopes: new.scopes,
            created_at: self.now,
            disabled_at: None,
            removed_at: None,
            rev: 0,
        };
        self.insert(consumer).await
    }

    /// Changes a consumer. What stays as it was is not written.
    ///
    /// # Errors
    /// [`Error::NotFound`], and [`Error::Invalid`] for scopes that are none.
    pub async fn update_consumer(
        &mut self,
        scope: Scope,
        id: ConsumerId,
        patch: ConsumerPatch,
    ) -> Result<Consumer> {
        let before: Consumer = found(self.transaction.one(by_id(scope, id)).await?)?;
        let disabled_at = patch.enabled.disabled_at(before.disabled_at, self.now);
        let mut after = Consumer { disabled_at, ..before.clone() };
        patch.tier.apply(&mut after.tier);
        patch.scopes.apply(&mut after.scopes);
        credentials::check_scopes(after.scopes.as_ref())?;
        if after == before {
            return Ok(before);
        }
        self.update("update", &before, after).await
    }

    /// Removes a consumer and revokes its credentials. Its name stays taken, because usage and invoices have it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_consumer(&mut self, scope: Scope, id: ConsumerId) -> Result<()> {
        let before: Consumer = found(self.transaction.one(by_id(scope, id)).await?)?;
        let live = credentials::select().push(" AND credentials.revoked_at IS NULL");
        let live = live.push(" AND credentials.consumer = ").bind(id).push(" ORDER BY credentials.id");
        for credential in self.transaction.all::<Credential>(live).await? {
            let revoked = Credential { revoked_at: Some(self.now), ..credential.clone() };
            self.update("revoke", &credential, revoked).await?;
        }
        let after = Consumer { removed_at: Some(self.now), ..before.clone() };
        self.update("remove", &before, after).await.map(|_| ())
    }
}

/// The statement that finds one consumer within a scope.
pub(crate) fn by_id(scope: Scope, id: ConsumerId) -> Statement {
    scope.narrow(select().push(" AND consumers.id = ").bind(id), "consumers.account")
}

fn by_name(scope: Scope, name: &Name) -> Statement {
    scope.narrow(select().push(" AND consumers.name = ").bind(name.as_str()), "consumers.account")
}

pub(crate) fn found(consumer: Option<Consumer>) -> Result<Consumer> {
    consumer.ok_or(Error::NotFound("consumer"))
}

fn select() -> Statement {
    Statement::select(&[&CONSUMERS]).push(" FROM consumers WHERE consumers.removed_at IS NULL")
}
