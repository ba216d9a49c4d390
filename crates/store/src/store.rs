//! The handle of a store.

use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::RwLock;

use crate::change::{Actor, Change};
use crate::database::{Database, Place};
use crate::error::{Error, Result};
use crate::events::Pace;
use crate::sealing::SealingKeys;

/// One store, whichever database it is in. Copies share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) database: Arc<Database>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) sealing: Arc<RwLock<Option<Arc<SealingKeys>>>>,
}

impl Store {
    /// Opens `sqlite:PATH` or `postgres://…` and brings its tables up to date; makes the file, or the schema, where
    /// there is none.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a URL of neither kind, [`Error::Unavailable`] where nobody answers, [`Error::NotOurs`]
    /// and [`Error::Newer`] for databases that this program must not touch.
    pub async fn open(url: &str) -> Result<Self> {
        let database = Database::open(Place::parse(url)?).await?;
        Ok(Self { database: Arc::new(database), pace: Arc::default(), sealing: Arc::default() })
    }

    /// Begins a change of accounts, consumers or credentials. Whoever began one waits for the one before.
    ///
    /// # Errors
    /// [`Error::Locked`] where another one takes too long, and what the database says.
    pub async fn change(&self, actor: &Actor, now: Timestamp) -> Result<Change<'_>> {
        Change::begin(self, actor.clone(), now).await
    }

    /// The keys that seal secrets.
    ///
    /// # Errors
    /// [`Error::Sealing`] before [`Store::open_sealing_keys`].
    pub(crate) fn sealing_keys(&self) -> Result<Arc<SealingKeys>> {
        self.sealing.read().clone().ok_or_else(|| Error::Sealing("no sealing key file is open".to_owned()))
    }

    /// Ends every connection, after what they are doing. Copies of the handle find the store away from then on.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
