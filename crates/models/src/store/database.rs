//! The two databases behind one door; what differs between them is here and in the migrations.

mod postgres;
mod sql;
mod sqlite;

use std::fs::File;

use parking_lot::Mutex;
use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqlitePool};

use super::Place;
use super::error::{Result, StoreError};
pub(super) use sql::{Row, Sql, sql};

/// An open database, and what keeps other processes out of it.
#[derive(Debug)]
pub(super) enum Database {
    /// One connection writes, because SQLite has one writer at a time; others read, each from the last commit.
    Sqlite { writer: SqlitePool, readers: SqlitePool, _lock: File },
    /// The lock is a connection of its own, which has an advisory lock as long as it lives, or until the database is closed.
    Postgres { pool: PgPool, lock: Mutex<Option<Box<PgConnection>>> },
}

/// A transaction; dropped without [`commit`](Transaction::commit), nothing of it happened.
pub(super) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Database {
    pub(super) async fn open(place: &Place) -> Result<Self> {
        match place {
            Place::Folder(folder) => sqlite::open(folder).await,
            Place::Postgres(url) => postgres::open(url).await,
        }
    }

    /// A transaction that writes; on SQLite it is the only one from here on.
    pub(super) async fn write(&self) -> Result<Transaction> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Transaction::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres { pool, .. } => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// Runs one statement that writes, and counts the rows that it changed.
    pub(super) async fn execute(&self, sql: Sql) -> Result<u64> {
        Ok(match self {
            Self::Sqlite { writer, .. } => sql::run!(sql, writer, execute)?.rows_affected(),
            Self::Postgres { pool, .. } => sql::run!(sql, pool, execute)?.rows_affected(),
        })
    }

    /// All rows of one reading statement.
    pub(super) async fn all(&self, sql: Sql) -> Result<Vec<Row>> {
        Ok(match self {
            Self::Sqlite { readers, .. } => rows(sql::run!(sql, readers, fetch_all)?, Row::Sqlite),
            Self::Postgres { pool, .. } => rows(sql::run!(sql, pool, fetch_all)?, Row::Postgres),
        })
    }

    /// The first row of one reading statement.
    pub(super) async fn one(&self, sql: Sql) -> Result<Option<Row>> {
        Ok(match self {
            Self::Sqlite { readers, .. } => sql::run!(sql, readers, fetch_optional)?.map(Row::Sqlite),
            Self::Postgres { pool, .. } => sql::run!(sql, pool, fetch_optional)?.map(Row::Postgres),
        })
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers, .. } => {
                readers.close().await;
                // The last connection to close folds the write-ahead log into the file.
                writer.close().await;
            }
            Self::Postgres { pool, lock } => {
                pool.close().await;
                let lock = lock.lock().take();
                if let Some(lock) = lock {
                    postgres::release(*lock).await;
                }
            }
        }
    }
}

impl Transaction {
    /// Runs a statement and counts the rows that it changed.
    pub(super) async fn execute(&mut self, sql: Sql) -> Result<u64> {
        Ok(match self {
            Self::Sqlite(inner) => sql::run!(sql, &mut **inner, execute)?.rows_affected(),
            Self::Postgres(inner) => sql::run!(sql, &mut **inner, execute)?.rows_affected(),
        })
    }

    pub(super) async fn all(&mut self, sql: Sql) -> Result<Vec<Row>> {
        Ok(match self {
            Self::Sqlite(inner) => rows(sql::run!(sql, &mut **inner, fetch_all)?, Row::Sqlite),
            Self::Postgres(inner) => rows(sql::run!(sql, &mut **inner, fetch_all)?, Row::Postgres),
        })
    }

    pub(super) async fn one(&mut self, sql: Sql) -> Result<Option<Row>> {
        Ok(self.all(sql).await?.into_iter().next())
    }

    /// Runs several statements without values.
    pub(super) async fn script(&mut self, text: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(inner) => sqlx::raw_sql(text).execute(&mut **inner).await.map(|_| ())?,
            Self::Postgres(inner) => sqlx::raw_sql(text).execute(&mut **inner).await.map(|_| ())?,
        }
        Ok(())
    }

    pub(super) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Makes it last.
    pub(super) async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(inner) => inner.commit().await?,
            Self::Postgres(inner) => inner.commit().await?,
        }
        Ok(())
    }
}

fn rows<T>(found: Vec<T>, into: impl Fn(T) -> Row) -> Vec<Row> {
    found.into_iter().map(into).collect()
}

/// The database's own file or server says no.
fn away(what: &str, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Away(format!("{what}: {why}"))
}
