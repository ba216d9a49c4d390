//! SQLite: one file, one writer, several readers.

use std::fs::{File, OpenOptions};
use std::future::ready;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, Sqlite, SqliteConnection, SqlitePool, Transaction};

use super::Database;
use crate::error::{Error, Result};
use crate::migrations;

/// Readers; more would only share the same few cores.
const READERS: u32 = 4;
/// How long a writer waits for another process before it says [`Error::Locked`].
const BUSY: Duration = Duration::from_secs(5);
/// How long it takes another process, more or less, to make a new file keep a log.
const SWITCH: Duration = Duration::from_millis(10);
/// How long a call waits for a connection of its own process.
const ACQUIRE: Duration = Duration::from_secs(10);
/// `PRAGMA application_id` of our files: "tolg" in ASCII.
const APPLICATION: u32 = 1_953_459_303;

pub(super) async fn open(path: PathBuf) -> Result<Database> {
    let ours = recognise(&path)?;
    let database = connect(&path).await?;
    let mut transaction = database.write().await?;
    if !ours {
        // In the transaction of the first migration: a file is ours and has tables, or neither.
        transaction.script("PRAGMA application_id = 1953459303").await?;
    }
    migrations::apply(&mut transaction, migrations::SQLITE).await?;
    transaction.commit().await?;
    Ok(database)
}

/// Opens a file that is there, for reading alone; absent where there is none.
pub(super) async fn look(path: &Path) -> Result<Option<Database>> {
    let away = |error: std::io::Error| Error::Unavailable(format!("`{}`: {error}", path.display()));
    if !path.try_exists().map_err(away)? {
        return Ok(None);
    }
    // One that is not recognised may have everything in its log, as long as somebody uses it.
    recognise(path)?;
    let options = options(path).pragma("query_only", "ON");
    let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE).max_connections(1);
    let (writer, readers) = (pool().connect_lazy_with(options.clone()), pool().connect_lazy_with(options));
    Ok(Some(Database::Sqlite { writer, readers }))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL syncs the log at each commit: what was acknowledged survives the loss of power, too.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        // A text is never a table or column name by chance of its quotes, and nothing in a schema runs functions.
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("journal_size_limit", "67108864")
        .pragma("cache_size", "-8192")
        .disable_statement_logging()
}

async fn connect(path: &Path) -> Result<Database> {
    let options = options(path);
    // Where the disk is full or fails, SQLite takes a transaction back by itself; the driver, whose own rollback finds
    // none then, is in it for ever.
    let is_free = |connection: &mut SqliteConnection| !connection.is_in_transaction();
    let pool = || {
        let options = SqlitePoolOptions::new().acquire_timeout(ACQUIRE).idle_timeout(None).max_lifetime(None);
        options.before_acquire(move |connection, _| Box::pin(ready(Ok(is_free(connection)))))
    };
    let writer = pool().max_connections(1);
    let mut attempts = BUSY.as_millis() / SWITCH.as_millis();
    let writer = loop {
        match writer.clone().connect_with(options.clone()).await.map_err(Error::from) {
            // Of those that open a new file together one makes it keep a log, for which SQLite lets nobody wait.
            Err(Error::Locked(_)) if attempts > 0 => tokio::time::sleep(SWITCH).await,
            connected => break connected?,
        }
        attempts -= 1;
    };
    let readers = pool().max_connections(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
    Ok(Database::Sqlite { writer, readers })
}

/// Begins the one transaction that writes.
pub(super) async fn begin(writer: &SqlitePool) -> Result<Transaction<'static, Sqlite>> {
    match writer.begin_with("BEGIN IMMEDIATE").await {
        Err(sqlx::Error::PoolTimedOut) => Err(Error::Locked("this process writes for too long".to_owned())),
        begun => Ok(begun?),
    }
}

/// Whether the file is a store already; makes an empty one, readable by its owner alone, where there is none.
fn recognise(path: &Path) -> Result<bool> {
    let away = |error: std::io::Error| Error::Unavailable(format!("`{}`: {error}", path.display()));
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(away(error)),
    }
    // The header of an SQLite file (https://sqlite.org/fileformat.html, section 1.3); the application's id is at 68.
    let mut header = Vec::with_capacity(100);
    File::open(path).map_err(away)?.take(100).read_to_end(&mut header).map_err(away)?;
    if header.is_empty() {
        return Ok(false);
    }
    let not_ours = |why: &str| Error::NotOurs(format!("`{}` {why}", path.display()));
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        return Err(not_ours("is no SQLite database"));
    }
    let number = |at: usize| header[at..at + 4].iter().fold(0, |high, byte| high << 8 | u32::from(*byte));
    let (pages, application) = (number(28), number(68));
    match application {
        APPLICATION => Ok(true),
        // A first start that was killed leaves a file without an owner, and all else in its log or nowhere. One page
        // has no room for a table of anybody else.
        0 if pages <= 1 => Ok(false),
        _ => Err(not_ours("belongs to another application")),
    }
}
