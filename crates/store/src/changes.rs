//! What changed, so that a directory forgets what it knows of it.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::row::{Columns, Read};
use crate::statement::Statement;
use crate::store::Store;
use crate::tables::CHANGES;

/// What kind of thing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// An account; what its consumers may do depends on it.
    Account,
    /// A consumer; what its credentials may do depends on it.
    Consumer,
    /// One credential.
    Credential,
}

/// One numbered change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its number. Of two changes, the one that was committed later has the higher one.
    pub rev: i64,
    /// What kind of thing it was.
    pub kind: ChangeKind,
    /// The identifier of the account, consumer or credential.
    pub id: String,
}

/// What happened since a node looked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// These, oldest first; a full list means there may be more.
    Since(Vec<Changed>),
    /// Nobody can tell any more: rows were pruned, or the database is an older one than the node saw. Forget
    /// everything, and go on from this number.
    Lost {
        /// The number of the newest change.
        rev: i64,
    },
}

impl ChangeKind {
    /// The word in the tables and in the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Consumer => "consumer",
            Self::Credential => "credential",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChangeKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Account, Self::Consumer, Self::Credential]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Error::Corrupt(format!("a change of the kind {text:?}")))
    }
}

impl Read for Changed {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { rev: columns.next()?, kind: columns.parse()?, id: columns.next()? })
    }
}

impl Store {
    /// The number of the newest change. A directory that is about to be filled remembers it first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn rev(&self) -> Result<i64> {
        Ok(self.head_and_floor().await?.0)
    }

    /// Changes with a higher number than `seen`, at most `limit` of them.
    ///
    /// # Errors
    /// What the database says.
    pub async fn changes_since(&self, seen: i64, limit: u16) -> Result<Changes> {
        let rows = Statement::select(&[&CHANGES]).push(" FROM changes WHERE rev > ").bind(seen);
        let rows: Vec<Changed> =
            self.database.all(rows.push(" ORDER BY rev LIMIT ").bind(i64::from(limit))).await?;
        // Numbers have no gaps, so the next one says that nothing is missing, without a second question.
        if rows.first().is_some_and(|first| first.rev == seen + 1) {
            return Ok(Changes::Since(rows));
        }
        let (rev, floor) = self.head_and_floor().await?;
        let nothing_new = rows.is_empty() && floor <= seen && seen <= rev;
        Ok(if nothing_new { Changes::Since(rows) } else { Changes::Lost { rev } })
    }

    /// Deletes all but the newest `keep` rows of changes. Nodes that were away for longer get [`Changes::Lost`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn prune_changes(&self, keep: i64) -> Result<u64> {
        let mut transaction = self.database.write().await?;
        let floor = Statement::new("UPDATE head SET floor = rev - ").bind(keep.max(0));
        let floor = floor.push(" WHERE id = 1 AND floor < rev - ").bind(keep.max(0));
        transaction.execute(floor).await?;
        let old = Statement::new("DELETE FROM changes WHERE rev <= (SELECT floor FROM head WHERE id = 1)");
        let pruned = transaction.execute(old).await?;
        transaction.commit().await?;
        Ok(pruned)
    }

    async fn head_and_floor(&self) -> Result<(i64, i64)> {
        let head = Statement::new("SELECT rev, floor FROM head WHERE id = 1");
        let head = self.database.one(head).await?;
        head.ok_or_else(|| Error::Corrupt("the head row is missing".to_owned()))
    }
}
