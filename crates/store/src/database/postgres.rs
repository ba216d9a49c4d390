//! PostgreSQL: a schema of our own in a database that may be shared.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};

use super::{Database, Inner, Transaction};
use crate::error::{Error, Result};
use crate::migrations;
use crate::statement::Statement;

/// Connections of one node.
const CONNECTIONS: u32 = 10;
/// How long a call waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long the first connection may take, names and TLS included.
const CONNECT: Duration = Duration::from_secs(10);

pub(super) async fn open(options: PgConnectOptions) -> Result<Database> {
    let pool = connect(options).await?;
    let inner = Inner::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?);
    let mut transaction = Transaction { inner, failed: false };
    prepare(&mut transaction).await?;
    migrations::apply(&mut transaction, migrations::POSTGRES).await?;
    transaction.commit().await?;
    Ok(Database::Postgres(pool))
}

/// Connects, and changes nothing.
pub(super) async fn connect(options: PgConnectOptions) -> Result<PgPool> {
    let options = options
        .application_name("tollgate")
        .options([
            ("search_path", "tollgate"),
            // An acknowledged change is on disk, whatever the server's default is.
            ("synchronous_commit", "on"),
            // A node that hangs in the middle of a change must not hold up the others for ever.
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "30s"),
            ("statement_timeout", "60s"),
            // A caller who hangs up leaves a change that is taken back twice, which is nobody's news.
            ("client_min_messages", "error"),
        ])
        .disable_statement_logging();
    // One connection by hand first: a pool would only say that none became free.
    let place = format!(
        "{}:{}/{}",
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap_or(options.get_username())
    );
    let away = |why: String| Error::Unavailable(format!("{place}: {why}"));
    match tokio::time::timeout(CONNECT, options.connect()).await {
        Err(_) => return Err(away("no answer within 10 s".to_owned())),
        Ok(Err(error)) => return Err(away(error.to_string())),
        Ok(Ok(connection)) => drop(connection),
    }
    Ok(PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE).connect_lazy_with(options))
}

/// Takes the lock of migrations and makes the schema.
async fn prepare(transaction: &mut Transaction) -> Result<()> {
    // Two nodes that start together come one after the other here; the number is ours by choice alone. Not within the
    // bound of other locks, because the first of them may have much to do.
    let lock = "SET LOCAL lock_timeout = '10min'; SET LOCAL statement_timeout = '10min'; \
                SELECT pg_advisory_xact_lock(8387236895);";
    transaction.script(lock).await?;
    let schema = Statement::new("SELECT count(*) FROM pg_namespace WHERE nspname = 'tollgate'");
    // Asked first, because `IF NOT EXISTS` demands the right to create even where nothing is to be created.
    if transaction.one::<i64>(schema).await? == Some(0) {
        transaction.script("CREATE SCHEMA tollgate").await?;
    }
    let foreign = Statement::new(
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'tollgate' AND \
         NOT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'tollgate' AND tablename = 'migrations')",
    );
    if transaction.one::<i64>(foreign).await? != Some(0) {
        return Err(Error::NotOurs("its schema `tollgate` has tables of something else".to_owned()));
    }
    Ok(())
}
