//! Being told that something changed, sooner than the next look.

use futures_util::future::BoxFuture;
use sqlx::postgres::PgListener;

use crate::alone::share;
use crate::database::Database;
use crate::error::Result;
use crate::store::Store;

/// Tells when a change was committed, by this node or another. It only says 'look now': what is missed while the
/// connection is away, the look of every second finds.
#[derive(Debug)]
pub struct Watch(PgListener);

impl Store {
    /// Begins to listen, and shows that somebody uses the store ([`Store::alone`]); absent on SQLite, which has nobody else to
    /// listen to.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) where somebody has the store alone, and what the database says.
    pub fn watch(&self) -> BoxFuture<'_, Result<Option<Watch>>> {
        Box::pin(async move {
            match &*self.database {
                Database::Sqlite { .. } => Ok(None),
                Database::Postgres(pool) => {
                    let mut listener = PgListener::connect_with(pool).await?;
                    listener.listen("tollgate_changes").await?;
                    share(&mut listener).await?;
                    Ok(Some(Watch(listener)))
                }
            }
        })
    }
}

impl Watch {
    /// Waits until something changed, or the connection was lost and is there again, which may mean the same.
    ///
    /// # Errors
    /// What the database says where the connection does not come back; as [`Store::watch`] where it does.
    pub fn changed(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if self.0.try_recv().await?.is_none() {
                // The lock went with the connection.
                share(&mut self.0).await?;
            }
            Ok(())
        })
    }
}
