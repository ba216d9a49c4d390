//! Accounts: who pays. They own consumers and receive invoices.

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tollgate_core::consumer::Name;

use crate::change::{Change, Record};
use crate::changes::ChangeKind;
use crate::error::{Conflict, Error, Result};
use crate::id::AccountId;
use crate::page::{Page, Paging};
use crate::row::{Columns, Read};
use crate::scope::Scope;
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::{ACCOUNTS, Table};

/// Who pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Names it for good.
    pub id: AccountId,
    /// Unique over the store and the configuration file; never used again after a removal.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when nothing of it is accepted, if so.
    pub disabled_at: Option<Timestamp>,
    /// Since when it is gone, if so; kept because invoices name it.
    pub(crate) removed_at: Option<Timestamp>,
    /// The number of its last change.
    pub rev: i64,
}

impl Read for Account {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: columns.next()?,
            name: columns.next()?,
            created_at: columns.next()?,
            disabled_at: columns.next()?,
            removed_at: columns.next()?,
            rev: columns.next()?,
        })
    }
}

impl Record for Account {
    const TABLE: &'static Table = &ACCOUNTS;
    const KIND: ChangeKind = ChangeKind::Account;

    fn row(&self) -> Vec<Value> {
        vec![
            self.id.into(),
            self.name.as_str().into(),
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
        self.id
    }

    fn view(&self) -> Json {
        json!({
            "name": self.name.as_str(),
            "disabled_at": self.disabled_at.map(|at| at.to_string()),
            "removed_at": self.removed_at.map(|at| at.to_string()),
        })
    }

    fn set_rev(&mut self, rev: i64) {
        self.rev = rev;
    }
}

impl Store {
    /// One account.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none within the scope, and what the database says.
    pub async fn account(&self, scope: Scope, id: AccountId) -> Result<Account> {
        found(self.database.one(by_id(scope, id)).await?)
    }

    /// The account of this name.
    ///
    /// # Errors
    /// As [`Store::account`].
    pub async fn account_named(&self, scope: Scope, name: &Name) -> Result<Account> {
        found(self.database.one(by_name(scope, name)).await?)
    }

    /// Accounts, the oldest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit that is none, and what the database says.
    pub async fn accounts(&self, scope: Scope, paging: &Paging) -> Result<Page<Account>> {
        let rows = paging.finish(scope.narrow(select(), "accounts.id"), "accounts.id")?;
        paging.page(self.database.all(rows).await?, |account: &Account| account.id.to_string())
    }
}

impl Change<'_> {
    /// The account of this name as the change sees it, its own steps included; to make one only where there is none.
    ///
    /// # Errors
    /// As [`Store::account`].
    pub async fn account_named(&mut self, scope: Scope, name: &Name) -> Result<Account> {
        found(self.transaction.one(by_name(scope, name)).await?)
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`Error::NotFound`] in the scope of one account, which has no place for another; [`Error::Reserved`] and
    /// [`Conflict::Name`] where the name is taken.
    pub async fn create_account(&mut self, scope: Scope, name: Name) -> Result<Account> {
        if scope != Scope::All {
            return Err(Error::NotFound("account"));
        }
        self.name_is_free::<Account>(&name).await?;
        let id = AccountId::new(self.now)?;
        let account = Account { id, name, created_at: self.now, disabled_at: None, removed_at: None, rev: 0 };
        self.insert(account).await
    }

    /// Gives an account another name. Identifiers, not names, tie consumers and invoices to it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Reserved`], [`Conflict::Name`].
    pub async fn rename_account(&mut self, scope: Scope, id: AccountId, name: Name) -> Result<Account> {
        let before: Account = found(self.transaction.one(by_id(scope, id)).await?)?;
        if before.name == name {
            return Ok(before);
        }
        self.name_is_free::<Account>(&name).await?;
        let after = Account { name, ..before.clone() };
        self.update("rename", &before, after).await
    }

    /// Disables an account, or enables it again. What is disabled identifies nobody.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn enable_account(&mut self, scope: Scope, id: AccountId, enabled: bool) -> Result<Account> {
        let before: Account = found(self.transaction.one(by_id(scope, id)).await?)?;
        if before.disabled_at.is_none() == enabled {
            return Ok(before);
        }
        let after = Account { disabled_at: (!enabled).then_some(self.now), ..before.clone() };
        self.update(if enabled { "enable" } else { "disable" }, &before, after).await
    }

    /// Removes an account that has no consumers left. Its name stays taken.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Conflict::HasConsumers`].
    pub async fn remove_account(&mut self, scope: Scope, id: AccountId) -> Result<()> {
        let before: Account = found(self.transaction.one(by_id(scope, id)).await?)?;
        let consumers = Statement::new("SELECT id FROM consumers WHERE removed_at IS NULL AND account = ");
        let first: Option<String> = self.transaction.one(consumers.bind(id).push(" LIMIT 1")).await?;
        if first.is_some() {
            return Err(Conflict::HasConsumers.into());
        }
        let after = Account { removed_at: Some(self.now), ..before.clone() };
        self.update("remove", &before, after).await.map(|_| ())
    }
}

/// The statement that finds one account within a scope.
pub(crate) fn by_id(scope: Scope, id: AccountId) -> Statement {
    scope.narrow(select().push(" AND accounts.id = ").bind(id), "accounts.id")
}

fn by_name(scope: Scope, name: &Name) -> Statement {
    scope.narrow(select().push(" AND accounts.name = ").bind(name.as_str()), "accounts.id")
}

pub(crate) fn found(account: Option<Account>) -> Result<Account> {
    account.ok_or(Error::NotFound("account"))
}

fn select() -> Statement {
    Statement::select(&[&ACCOUNTS]).push(" FROM accounts WHERE accounts.removed_at IS NULL")
}
