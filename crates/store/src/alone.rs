//! Whether gates use a store that several can share.
//!
//! A gate or worker on PostgreSQL holds an advisory lock together with all others, on the connection on which it hears of changes.
//! Whoever wants the store for itself asks for the same lock alone.

use sqlx::postgres::PgListener;

use crate::database::{Database, Transaction};
use crate::error::{Error, Result};
use crate::statement::Statement;
use crate::store::Store;

/// Takes the lock as a gate or worker does, shared, where nobody has it alone. The number is ours by choice alone.
///
/// # Errors
/// [`Error::Locked`] where somebody has the store alone, and what the database says.
pub(crate) async fn share(listener: &mut PgListener) -> Result<()> {
    let shared =
        sqlx::query_scalar("SELECT pg_try_advisory_lock_shared(8387236896)").fetch_one(listener).await?;
    if shared {
        return Ok(());
    }
    Err(Error::Locked("`store copy` or `store reseal` has the store for itself".to_owned()))
}

/// Until this is dropped no gate or worker begins to use the store. A file of SQLite has one user anyway, by the lock of its directory.
pub struct Alone {
    _lock: Option<Transaction>,
}

impl std::fmt::Debug for Alone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alone").finish_non_exhaustive()
    }
}

impl Store {
    /// Keeps gates and workers out; absent where one uses the store now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn alone(&self) -> Result<Option<Alone>> {
        if let Database::Sqlite { .. } = &*self.database {
            return Ok(Some(Alone { _lock: None }));
        }
        let mut lock = self.database.write().await?;
        // It is held for as long as the work takes, and meanwhile nothing is said on its connection.
        lock.script("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
        let taken = Statement::new("SELECT pg_try_advisory_xact_lock(8387236896)::int::bigint");
        let taken = lock.one::<i64>(taken).await? == Some(1);
        Ok(taken.then_some(Alone { _lock: Some(lock) }))
    }
}
