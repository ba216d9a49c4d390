//! Moving a store from one database to the other.

use aws_lc_rs::digest::{Context, SHA256};

use crate::database::Transaction;
use crate::error::{Conflict, Error, Result};
use crate::row::Row;
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::{self, Column, HEAD, Table, Type, USAGE_BLOCKS};

/// Rows that are read at once, and of a table whose rows are large.
const BATCH: usize = 500;
const LARGE: usize = 16;

/// What one table has: how many rows, and a digest over all of them in order of their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDigest {
    /// The table.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
    /// SHA-256 over every value of every row; the same in both databases.
    pub digest: [u8; 32],
}

/// Copies everything from one store into another that is new, and compares both afterwards.
///
/// It reads one state of the source, so what is written there meanwhile is not copied: stop the gates first, and see by
/// [`Store::alone`] that they have stopped. It writes
/// in batches within one transaction, so the target has everything in the end, or is as new as it was.
///
/// # Errors
/// [`Conflict::NotEmpty`] for a target that is in use, [`Error::Corrupt`] where the two differ afterwards, and what the
/// databases say.
pub async fn copy(from: &Store, to: &Store) -> Result<Vec<TableDigest>> {
    let mut source = from.database.snapshot().await?;
    let mut target = to.database.write().await?;
    for table in tables::ALL {
        let count = Statement::new("SELECT count(*) FROM ").push(table.name);
        // Migrations make the head row; it stands at 0 as long as nothing happened.
        let count = if table.name == HEAD.name { count.push(" WHERE rev + audit_seq > 0") } else { count };
        if target.one::<i64>(count).await? != Some(0) {
            return Err(Conflict::NotEmpty(table.name).into());
        }
    }
    target.execute(Statement::new("DELETE FROM head")).await?;
    let mut digests = Vec::with_capacity(tables::ALL.len());
    for table in tables::ALL {
        let copied = walk(&mut source, table, Some(&mut target)).await?;
        let arrived = walk(&mut target, table, None).await?;
        if copied != arrived {
            return Err(Error::Corrupt(format!("`{}` did not arrive as it was", table.name)));
        }
        digests.push(copied);
    }
    target.commit().await?;
    Ok(digests)
}

impl Store {
    /// What each table has; two stores with the same content have the same digests.
    ///
    /// # Errors
    /// What the database says.
    pub async fn digests(&self) -> Result<Vec<TableDigest>> {
        let mut snapshot = self.database.snapshot().await?;
        let mut digests = Vec::with_capacity(tables::ALL.len());
        for table in tables::ALL {
            digests.push(walk(&mut snapshot, table, None).await?);
        }
        Ok(digests)
    }
}

/// Reads a table in order of its key and digests it; writes each batch to a target, if there is one.
async fn walk(
    source: &mut Transaction,
    table: &'static Table,
    mut target: Option<&mut Transaction>,
) -> Result<TableDigest> {
    let mut context = Context::new(&SHA256);
    let mut count = 0;
    let mut last: Option<Vec<Value>> = None;
    let limit = if table.name == USAGE_BLOCKS.name { LARGE } else { BATCH };
    loop {
        let rows = source.rows(batch(table, last.as_deref(), limit)).await?;
        let rows: Vec<Vec<Value>> = rows.iter().map(|row| values(table, row)).collect::<Result<_>>()?;
        let Some(end) = rows.last() else { break };
        last = Some(end.clone());
        let full = rows.len() == limit;
        for value in rows.iter().flatten() {
            digest(&mut context, value);
        }
        count += rows.len() as u64;
        if let Some(target) = &mut target {
            target.insert(table, rows).await?;
        }
        if !full {
            break;
        }
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    Ok(TableDigest { table: table.name, rows: count, digest })
}

/// The rows after `last`, by key.
fn batch(table: &'static Table, last: Option<&[Value]>, limit: usize) -> Statement {
    let key = || table.columns.iter().take(table.key).map(|column| column.name);
    let mut rows = Statement::select(&[table]).push(" FROM ").push(table.name);
    if let Some(last) = last {
        rows = rows.push(" WHERE (").names(key()).push(") > ").list(last.iter().take(table.key).cloned());
        // The text is the same for every batch.
        rows.kept = true;
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    rows.push(" ORDER BY ").names(key()).push(" LIMIT ").bind(limit)
}

fn values(table: &Table, row: &Row) -> Result<Vec<Value>> {
    let mut columns = row.columns();
    let read = |column: &Column| {
        Ok(match column.kind {
            Type::Int => Value::Int(columns.next()?),
            Type::Text => Value::Text(columns.next()?),
            Type::Bytes => Value::Bytes(columns.next()?),
        })
    };
    table.columns.iter().map(read).collect()
}

/// Every value tells its type, whether it is there, and its length, so that no two rows read the same.
fn digest(context: &mut Context, value: &Value) {
    let (tag, bytes) = match value {
        Value::Int(Some(number)) => (1, number.to_be_bytes().to_vec()),
        Value::Text(Some(text)) => (2, text.clone().into_bytes()),
        Value::Bytes(Some(bytes)) => (3, bytes.clone()),
        Value::Int(None) | Value::Text(None) | Value::Bytes(None) => (0, Vec::new()),
    };
    context.update(&[tag]);
    context.update(&(bytes.len() as u64).to_be_bytes());
    context.update(&bytes);
}
