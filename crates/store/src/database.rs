//! The two databases behind one door: open, read, write.
//!
//! Everything above this module is written once; what differs between SQLite and PostgreSQL is here, in the migrations
//! and in [`backup`](crate::backup).
//!
//! What speaks to sqlx gives boxed futures. The code of an `async fn` is made where somebody waits for it, and so that of
//! both drivers would be made once more in each crate that uses a store.

mod bulk;
mod postgres;
mod sqlite;

use std::path::PathBuf;

pub(crate) use bulk::Hold;
use futures_util::future::BoxFuture;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Sqlite, SqlitePool};

use crate::error::{Error, Result};
use crate::row::{Read, Row};
use crate::statement::{Statement, Value};
use crate::tables::Table;

/// Where a database is, as its URL says it.
#[derive(Debug)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<sqlx::postgres::PgConnectOptions>),
}

/// An open database.
#[derive(Debug)]
pub(crate) enum Database {
    /// One connection writes, because SQLite has one writer at a time, and a queue here is fair where its own lock is
    /// not; several others read, each from the last commit.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// A transaction; dropped without [`commit`](Transaction::commit), nothing of it happened.
pub(crate) struct Transaction {
    inner: Inner,
    /// Whether a statement failed, or nobody waited for its end. What came before it must not be committed alone.
    failed: bool,
}

enum Inner {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// Runs a statement by a method of sqlx; the two databases have the same words and other types.
macro_rules! run {
    ($statement:expr, $executor:expr, $method:ident) => {{
        let Statement { text, values, kept } = $statement;
        let mut query = sqlx::query(AssertSqlSafe(text)).persistent(kept);
        for value in values {
            query = match value {
                Value::Int(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            };
        }
        query.$method($executor).await
    }};
}

impl Place {
    /// Reads `sqlite:PATH` or `postgres://…`.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
            if path.is_empty() || path.starts_with(":memory:") {
                return Err(Error::invalid("store", "needs a file: `sqlite:PATH`"));
            }
            return Ok(Self::Sqlite(path.into()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            // What the parser says of a URL could show a part of its password.
            let options = url.parse().map_err(|_| {
                Error::invalid("store", "is no URL of PostgreSQL: `postgres://USER:PASSWORD@HOST/DATABASE`")
            })?;
            return Ok(Self::Postgres(Box::new(options)));
        }
        Err(Error::invalid("store", "is neither `sqlite:PATH` nor `postgres://…`"))
    }
}

impl Database {
    /// Opens the database and brings its tables up to date.
    pub(crate) fn open(place: Place) -> BoxFuture<'static, Result<Self>> {
        Box::pin(async move {
            match place {
                Place::Sqlite(path) => sqlite::open(path).await,
                Place::Postgres(options) => postgres::open(*options).await,
            }
        })
    }

    /// Opens a database as it is, and changes nothing; absent where there is none yet.
    pub(crate) fn look(place: Place) -> BoxFuture<'static, Result<Option<Self>>> {
        Box::pin(async move {
            match place {
                Place::Sqlite(path) => sqlite::look(&path).await,
                Place::Postgres(options) => Ok(Some(Self::Postgres(postgres::connect(*options).await?))),
            }
        })
    }

    /// A transaction that writes. On SQLite it is the only one from here on; on PostgreSQL each statement of it sees
    /// what others committed before that statement.
    pub(crate) fn write(&self) -> BoxFuture<'_, Result<Transaction>> {
        Box::pin(async move {
            let inner = match self {
                Self::Sqlite { writer, .. } => Inner::Sqlite(sqlite::begin(writer).await?),
                Self::Postgres(pool) => {
                    Inner::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?)
                }
            };
            Ok(Transaction { inner, failed: false })
        })
    }

    /// A transaction that sees one state of the database, whatever others write meanwhile.
    pub(crate) fn snapshot(&self) -> BoxFuture<'_, Result<Transaction>> {
        Box::pin(async move {
            let inner = match self {
                Self::Sqlite { readers, .. } => Inner::Sqlite(readers.begin_with("BEGIN DEFERRED").await?),
                Self::Postgres(pool) => {
                    Inner::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
                }
            };
            Ok(Transaction { inner, failed: false })
        })
    }

    /// All rows of one reading statement.
    pub(crate) async fn all<T: Read>(&self, statement: Statement) -> Result<Vec<T>> {
        read_all(&self.rows(statement).await?)
    }

    /// The first row of one reading statement.
    pub(crate) async fn one<T: Read>(&self, statement: Statement) -> Result<Option<T>> {
        self.row(statement).await?.map(|row| row.read()).transpose()
    }

    fn rows(&self, statement: Statement) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            Ok(match self {
                Self::Sqlite { readers, .. } => run!(statement.without_names(), readers, fetch_all)?
                    .into_iter()
                    .map(Row::Sqlite)
                    .collect(),
                Self::Postgres(pool) => {
                    run!(statement, pool, fetch_all)?.into_iter().map(Row::Postgres).collect()
                }
            })
        })
    }

    fn row(&self, statement: Statement) -> BoxFuture<'_, Result<Option<Row>>> {
        Box::pin(async move {
            Ok(match self {
                Self::Sqlite { readers, .. } => {
                    run!(statement.without_names(), readers, fetch_optional)?.map(Row::Sqlite)
                }
                Self::Postgres(pool) => run!(statement, pool, fetch_optional)?.map(Row::Postgres),
            })
        })
    }

    /// Ends every connection, after what they are doing.
    pub(crate) fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match self {
                Self::Sqlite { writer, readers, .. } => {
                    readers.close().await;
                    // The last connection to close folds the write-ahead log into the file.
                    writer.close().await;
                }
                Self::Postgres(pool) => pool.close().await,
            }
        })
    }
}

impl Transaction {
    /// Runs a statement and counts the rows that it changed.
    pub(crate) fn execute(&mut self, statement: Statement) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async move {
            self.mind(async |inner| match inner {
                Inner::Sqlite(inner) => {
                    run!(statement.without_names(), &mut **inner, execute).map(|done| done.rows_affected())
                }
                Inner::Postgres(inner) => {
                    run!(statement, &mut **inner, execute).map(|done| done.rows_affected())
                }
            })
            .await
        })
    }

    /// Writes new rows, in as few statements as is quick.
    pub(crate) async fn insert(&mut self, table: &Table, rows: Vec<Vec<Value>>) -> Result<()> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let some = rows.by_ref().take(Statement::rows_at_once(table));
            self.execute(Statement::insert(table, some)).await?;
        }
        Ok(())
    }

    /// Runs several statements without values.
    pub(crate) fn script(&mut self, text: &'static str) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.mind(async |inner| match inner {
                Inner::Sqlite(inner) => sqlx::raw_sql(text).execute(&mut **inner).await.map(|_| ()),
                Inner::Postgres(inner) => sqlx::raw_sql(text).execute(&mut **inner).await.map(|_| ()),
            })
            .await
        })
    }

    pub(crate) fn rows(&mut self, statement: Statement) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            self.mind(async |inner| match inner {
                Inner::Sqlite(inner) => Ok(run!(statement.without_names(), &mut **inner, fetch_all)?
                    .into_iter()
                    .map(Row::Sqlite)
                    .collect()),
                Inner::Postgres(inner) => {
                    Ok(run!(statement, &mut **inner, fetch_all)?.into_iter().map(Row::Postgres).collect())
                }
            })
            .await
        })
    }

    pub(crate) async fn all<T: Read>(&mut self, statement: Statement) -> Result<Vec<T>> {
        read_all(&self.rows(statement).await?)
    }

    pub(crate) async fn one<T: Read>(&mut self, statement: Statement) -> Result<Option<T>> {
        self.rows(statement).await?.first().map(Row::read).transpose()
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.inner, Inner::Postgres(_))
    }

    /// Makes it last. When this returns, the database has it on disk.
    pub(crate) fn commit(self) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            if self.failed {
                return Err(Error::Unavailable("an earlier step of the change failed".to_owned()));
            }
            match self.inner {
                Inner::Sqlite(inner) => inner.commit().await?,
                Inner::Postgres(inner) => inner.commit().await?,
            }
            Ok(())
        })
    }

    /// Runs a step, and remembers whether it came to its end: whoever stops waiting stops here.
    async fn mind<T>(
        &mut self,
        step: impl AsyncFnOnce(&mut Inner) -> std::result::Result<T, sqlx::Error>,
    ) -> Result<T> {
        let failed = std::mem::replace(&mut self.failed, true);
        let done = step(&mut self.inner).await?;
        self.failed = failed;
        Ok(done)
    }
}

fn read_all<T: Read>(rows: &[Row]) -> Result<Vec<T>> {
    rows.iter().map(Row::read).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
