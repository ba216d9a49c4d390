//! When credentials that a configuration file declares were used last.

use jiff::Timestamp;

use crate::credentials::{Kind, Lookup};
use crate::error::Result;
use crate::row::{Columns, Read};
use crate::statement::Statement;
use crate::store::Store;
use crate::tables::FILE_USE;

/// The last use of one credential, known by what finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUse {
    /// Its kind.
    pub kind: Kind,
    /// What a request presents.
    pub lookup: Lookup,
    /// When it was used last, as far as the store was told.
    pub at: Timestamp,
}

impl Read for FileUse {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let kind: String = columns.next()?;
        Ok(Self { kind: kind.parse()?, lookup: Lookup::stored(columns.next()?), at: columns.next()? })
    }
}

impl Store {
    /// Notes uses, in one batch for many requests. An earlier time than the noted one is ignored.
    ///
    /// # Errors
    /// What the database says.
    pub async fn touch_declared(&self, used: &[FileUse]) -> Result<()> {
        if used.is_empty() {
            return Ok(());
        }
        let key = |one: &FileUse| (one.kind.as_str(), one.lookup.as_bytes().to_vec());
        let mut used: Vec<&FileUse> = used.iter().collect();
        // Sorted, so that two nodes take the rows in one order; the newest time of each alone, because one statement
        // may meet a row once.
        used.sort_by(|a, b| key(a).cmp(&key(b)).then(b.at.cmp(&a.at)));
        used.dedup_by_key(|one| key(one));
        let mut transaction = self.database.write().await?;
        for chunk in used.chunks(Statement::rows_at_once(&FILE_USE)) {
            let row =
                |one: &&FileUse| vec![one.kind.as_str().into(), one.lookup.as_bytes().into(), one.at.into()];
            let rows = Statement::insert(&FILE_USE, chunk.iter().map(row)).push(
                " ON CONFLICT (kind, lookup) DO UPDATE SET at = excluded.at WHERE file_use.at < excluded.at",
            );
            transaction.execute(rows).await?;
        }
        transaction.commit().await
    }

    /// The last uses of these credentials; those that were never used are left out.
    ///
    /// # Errors
    /// What the database says.
    pub async fn declared_use(&self, credentials: &[(Kind, Lookup)]) -> Result<Vec<FileUse>> {
        let mut found = Vec::new();
        for chunk in credentials.chunks(500) {
            let rows = Statement::select(&[&FILE_USE]).push(" FROM file_use WHERE lookup IN ");
            let rows = rows.list(chunk.iter().map(|(_, lookup)| lookup.as_bytes().into()));
            found.extend(self.database.all::<FileUse>(rows).await?);
        }
        // Two kinds may share a lookup.
        found.retain(|one| {
            credentials.iter().any(|(kind, lookup)| (*kind, lookup) == (one.kind, &one.lookup))
        });
        Ok(found)
    }
}
