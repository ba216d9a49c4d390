//! PostgreSQL: a schema of our own in a database that may be shared.

use std::time::Duration;

use parking_lot::Mutex;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, PgConnection};

use super::sql::{self, Row, sql};
use super::{Database, Transaction, away};
use crate::store::error::{Result, StoreError};
use crate::store::migrations;

const CONNECTIONS: u32 = 8;
/// How long a call waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(30);
/// How long the first connection may take, names and TLS included.
const CONNECT: Duration = Duration::from_secs(10);

pub(super) async fn open(url: &str) -> Result<Database> {
    // What the parser says of a URL could show a part of its password.
    let options: PgConnectOptions = url.parse().map_err(|_| {
        StoreError::NotOurs(
            "`store` is no URL of PostgreSQL: `postgres://USER:PASSWORD@HOST/DATABASE`".to_owned(),
        )
    })?;
    let options = options
        .application_name("tollgate models")
        .options([
            ("search_path", "tollgate_models"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "30s"),
            ("client_min_messages", "warning"),
        ])
        .disable_statement_logging();
    let place = format!("{}:{}", options.get_host(), options.get_port());
    let lock = match tokio::time::timeout(CONNECT, options.connect()).await {
        Err(_) => return Err(away(&place, &"no answer within 10 s")),
        Ok(Err(why)) => return Err(away(&place, &why)),
        Ok(Ok(connection)) => claim(connection).await?,
    };
    let pool =
        PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE).connect_lazy_with(options);
    let mut transaction = Transaction::Postgres(pool.begin().await?);
    transaction.script("CREATE SCHEMA IF NOT EXISTS tollgate_models").await?;
    migrations::apply(&mut transaction).await?;
    transaction.commit().await?;
    Ok(Database::Postgres { pool, lock: Mutex::new(Some(Box::new(lock))) })
}

/// Takes the lock that one service has, for as long as the connection lives: a second one would take the jobs of the
/// first for ones that a crash has left.
async fn claim(mut connection: PgConnection) -> Result<PgConnection> {
    // The number is ours by choice alone; `release` has it too.
    let asked = sql("SELECT CAST(pg_try_advisory_lock(8387236897) AS INTEGER)::BIGINT");
    let row = sql::run!(asked, &mut connection, fetch_one).map(Row::Postgres)?;
    match row.int(0)? {
        1 => Ok(connection),
        _ => Err(StoreError::NotOurs("another process serves from this database".to_owned())),
    }
}

/// Gives the lock back and ends its connection. A server sees the end of a connection only after a while; that it has
/// taken the lock back it answers, so whoever starts next finds it free.
pub(super) async fn release(mut connection: PgConnection) {
    let asked = sql("SELECT CAST(pg_advisory_unlock(8387236897) AS INTEGER)::BIGINT");
    // Where the server is away, it ends the connection itself, and the lock with it.
    let _released = sql::run!(asked, &mut connection, fetch_one);
    let _ended = connection.close().await;
}
