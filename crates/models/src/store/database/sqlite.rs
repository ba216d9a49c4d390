//! SQLite: one file in a folder that one process uses at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::future::ready;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};

use super::{Database, Transaction, away};
use crate::store::error::{Result, StoreError};
use crate::store::migrations;

/// The database's name in the folder.
const FILE: &str = "models.db";
/// Who has a lock on this file uses the folder.
const LOCK: &str = "lock";
/// Readers; more would only share the same few cores.
const READERS: u32 = 4;
/// How long a call waits for a connection of its own process.
const ACQUIRE: Duration = Duration::from_secs(30);

pub(super) async fn open(folder: &Path) -> Result<Database> {
    let name = |file: &Path| format!("`{}`", file.display());
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|why| away(&name(folder), &why))?;
    let lock = lock(&folder.join(LOCK))?;
    let path = folder.join(FILE);
    // Made by hand first, so that nobody else can read it.
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    made.map_err(|why| away(&name(&path), &why))?;
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        // The log is whole after a kill at any moment; a loss of power may take the last commits back, all of each.
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("trusted_schema", "OFF")
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging();
    // Where the disk is full or fails, SQLite takes a transaction back by itself; the driver, whose own rollback finds
    // none then, is in it for ever.
    let is_free = |connection: &mut SqliteConnection| !connection.is_in_transaction();
    let pool = || {
        let options = SqlitePoolOptions::new().acquire_timeout(ACQUIRE).idle_timeout(None).max_lifetime(None);
        options.before_acquire(move |connection, _| Box::pin(ready(Ok(is_free(connection)))))
    };
    let writer = pool().max_connections(1).connect_with(options.clone()).await?;
    let mut transaction = Transaction::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?);
    migrations::apply(&mut transaction).await?;
    transaction.commit().await?;
    let readers = pool().max_connections(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
    Ok(Database::Sqlite { writer, readers, _lock: lock })
}

fn lock(path: &Path) -> Result<File> {
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = open.map_err(|why| away(&format!("`{}`", path.display()), &why))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::NotOurs(format!(
            "`{}` is locked: another process serves from this folder",
            path.display()
        ))),
        Err(std::fs::TryLockError::Error(why)) => Err(away(&format!("`{}`", path.display()), &why)),
    }
}
