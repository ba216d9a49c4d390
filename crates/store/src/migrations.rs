//! Numbered migrations, one folder for each database, applied once and in order.

use tollgate_core::credential::Digest;

use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::statement::Statement;

/// One step of the tables' history. It is never changed once it is released; what is wrong is mended by the next one.
pub(crate) struct Migration {
    number: i64,
    name: &'static str,
    text: &'static str,
}

impl Migration {
    /// Its number.
    pub(crate) fn number(&self) -> i64 {
        self.number
    }
}

macro_rules! migrations {
    ($folder:literal: $($number:literal $name:literal),*) => {
        &[$(Migration {
            number: $number,
            name: $name,
            text: include_str!(concat!("migrations/", $folder, "/", $name, ".sql")),
        }),*]
    };
}

pub(crate) const SQLITE: &[Migration] = migrations!("sqlite": 1 "0001_initial", 2 "0002_file_use", 3 "0003_usage", 4 "0004_feeds", 5 "0005_waiting", 6 "0006_posting_keys", 7 "0007_models", 8 "0008_holes");
pub(crate) const POSTGRES: &[Migration] = migrations!("postgres": 1 "0001_initial", 2 "0002_file_use", 3 "0003_usage", 4 "0004_feeds", 5 "0005_waiting", 6 "0006_posting_keys", 7 "0007_models", 8 "0008_holes");

/// Applies what is missing, in the caller's transaction, which holds a lock that lets one program in at a time.
///
/// # Errors
/// [`Error::Newer`] where the database knows a migration that this program does not, [`Error::Corrupt`] where one was
/// applied with another text.
pub(crate) async fn apply(transaction: &mut Transaction, migrations: &[Migration]) -> Result<()> {
    let bytes = if transaction.is_postgres() { "BYTEA" } else { "BLOB" };
    let table = Statement::new("CREATE TABLE IF NOT EXISTS migrations (")
        .push("number BIGINT PRIMARY KEY, name TEXT NOT NULL, digest ")
        .push(bytes)
        .push(" NOT NULL)");
    transaction.execute(table).await?;
    let applied: Vec<(i64, Vec<u8>)> =
        transaction.all(Statement::new("SELECT number, digest FROM migrations ORDER BY number")).await?;
    let known = migrations.last().map_or(0, |last| last.number);
    if let Some((found, _)) = applied.last().filter(|(found, _)| *found > known) {
        return Err(Error::Newer { found: *found, known });
    }
    for migration in migrations {
        let digest = Digest::of(migration.text.as_bytes()).0;
        match applied.iter().find(|(number, _)| *number == migration.number) {
            Some((_, found)) if *found == digest => {}
            Some(_) => {
                let name = migration.name;
                return Err(Error::Corrupt(format!("migration {name} was applied with another text")));
            }
            None => {
                transaction.script(migration.text).await?;
                let row = Statement::new("INSERT INTO migrations (number, name, digest) VALUES ").list([
                    migration.number.into(),
                    migration.name.into(),
                    digest.into(),
                ]);
                transaction.execute(row).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
