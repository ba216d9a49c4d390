//! What a database is, without changing it.

use jiff::Timestamp;

use crate::audit::AuditHead;
use crate::database::{Database, Place};
use crate::error::{Error, Result};
use crate::migrations;
use crate::statement::Statement;

/// What stands in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspection {
    /// The last migration that was applied; 0 where there is no store yet.
    pub migration: i64,
    /// The last migration that this program knows.
    pub known: i64,
    /// The end of the audit, where there is a store.
    pub audit: Option<AuditHead>,
    /// The database's own time, where it has one: SQLite asks the machine.
    pub clock: Option<Timestamp>,
    /// Whether secrets are sealed in it, so that their key file is needed.
    pub sealed: bool,
}

/// Looks at the database of a URL, as [`Store::open`](crate::Store::open) takes it. Nothing is made and nothing is
/// migrated.
///
/// # Errors
/// As [`Store::open`](crate::Store::open), but for a database that is newer than the program: that is told.
pub async fn inspect(url: &str) -> Result<Inspection> {
    let nothing = Inspection { migration: 0, known: 0, audit: None, clock: None, sealed: false };
    let Some(database) = Database::look(Place::parse(url)?).await? else {
        return Ok(Inspection { known: known(migrations::SQLITE), ..nothing });
    };
    let (known, tables, clock) = match &database {
        Database::Sqlite { .. } => {
            let tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'migrations'";
            (known(migrations::SQLITE), tables, None)
        }
        Database::Postgres(_) => {
            let tables =
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'tollgate' AND tablename = 'migrations'";
            let clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
            let micros: Option<i64> = database.one(Statement::new(clock)).await?;
            let clock = micros.and_then(|micros| Timestamp::from_microsecond(micros).ok());
            (known(migrations::POSTGRES), tables, clock)
        }
    };
    let found = Inspection { known, clock, ..nothing };
    let found = match database.one::<i64>(Statement::new(tables)).await? {
        Some(1..) => contents(&database, found).await,
        _ => Ok(found),
    };
    database.close().await;
    found
}

async fn contents(database: &Database, found: Inspection) -> Result<Inspection> {
    let applied = Statement::new("SELECT number FROM migrations ORDER BY number DESC LIMIT 1");
    let migration = database.one::<i64>(applied).await?.unwrap_or_default();
    if migration == 0 {
        return Ok(found);
    }
    let head = Statement::new("SELECT audit_seq, audit_hash FROM head WHERE id = 1");
    let audit: Option<AuditHead> = database.one(head).await?;
    if audit.is_none() {
        return Err(Error::Corrupt("the head row is missing".to_owned()));
    }
    let sealed = Statement::new("SELECT id FROM credentials WHERE sealing_key IS NOT NULL LIMIT 1");
    let sealed = database.one::<String>(sealed).await?.is_some();
    Ok(Inspection { migration, audit, sealed, ..found })
}

fn known(migrations: &[migrations::Migration]) -> i64 {
    migrations.last().map_or(0, migrations::Migration::number)
}
