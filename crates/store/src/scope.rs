//! How far a caller of the store sees.

use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::statement::Statement;

/// What a caller may read and write. What lies outside is [`Error::NotFound`], as if it were not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every account: the gate itself, and operators.
    All,
    /// One account and what it owns.
    Account(AccountId),
}

impl Scope {
    /// Whether what this account owns is inside.
    pub fn covers(self, account: AccountId) -> bool {
        match self {
            Self::All => true,
            Self::Account(own) => own == account,
        }
    }

    /// [`Error::NotFound`] where what this account owns is outside.
    pub(crate) fn check(self, account: AccountId, what: &'static str) -> Result<()> {
        if self.covers(account) { Ok(()) } else { Err(Error::NotFound(what)) }
    }

    /// Adds ` AND column = account` to a statement that has a `WHERE`.
    pub(crate) fn narrow(self, statement: Statement, column: &'static str) -> Statement {
        match self {
            Self::All => statement,
            Self::Account(own) => statement.push(" AND ").push(column).push(" = ").bind(own),
        }
    }
}
