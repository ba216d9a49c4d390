//! Numbered migrations, applied once and in order.

use super::database::{Transaction, sql};
use super::error::{Result, StoreError};

/// One step of the tables' history, in the words of each database. It is never changed once it is released.
struct Migration {
    number: i64,
    sqlite: &'static str,
    postgres: &'static str,
}

const ALL: &[Migration] = &[Migration {
    number: 1,
    sqlite: include_str!("migrations/0001_sqlite.sql"),
    postgres: include_str!("migrations/0001_postgres.sql"),
}];

/// Applies what is missing, in the caller's transaction, which lets one program in at a time.
///
/// # Errors
/// [`StoreError::NotOurs`] where the database knows a migration that this program does not.
pub(super) async fn apply(transaction: &mut Transaction) -> Result<()> {
    transaction.execute(sql("CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY)")).await?;
    let rows = transaction.all(sql("SELECT number FROM migrations")).await?;
    let mut applied = Vec::new();
    for row in &rows {
        applied.push(row.int(0)?);
    }
    let known = ALL.last().map_or(0, |last| last.number);
    if let Some(found) = applied.iter().find(|number| **number > known) {
        let text = format!("the database is at migration {found}, and this program knows {known}");
        return Err(StoreError::NotOurs(format!("{text}; run the newer program")));
    }
    for migration in ALL.iter().filter(|migration| !applied.contains(&migration.number)) {
        let text = if transaction.is_postgres() { migration.postgres } else { migration.sqlite };
        transaction.script(text).await?;
        transaction
            .execute(sql("INSERT INTO migrations (number) VALUES ($1)").bind(migration.number))
            .await?;
    }
    Ok(())
}
