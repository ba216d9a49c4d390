//! The store of the process itself as a sink.

use jiff::Timestamp;
use tollgate_store::{Error, Store};

use super::{Batch, SinkError};

#[derive(Debug)]
pub(super) struct StoreSink {
    store: Store,
}

impl StoreSink {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    pub(super) async fn deliver(&self, batch: &Batch) -> Result<u64, SinkError> {
        let booked = self.store.book(&batch.events, &batch.seals, Timestamp::now()).await.map_err(refused)?;
        for alarm in &booked.alarms {
            tracing::error!(kind = alarm.kind.as_str(), "{alarm}");
        }
        Ok(booked.alarms.len() as u64)
    }
}

/// What a store's refusal is to whoever delivers.
fn refused(error: Error) -> SinkError {
    match &error {
        Error::Unavailable(_) | Error::Locked(_) | Error::Full(_) => SinkError::away(error),
        Error::Newer { .. } | Error::NotOurs(_) => SinkError::setup(error),
        Error::NotFound(_)
        | Error::Conflict(_)
        | Error::Reserved(_)
        | Error::Invalid { .. }
        | Error::Corrupt(_)
        | Error::Sealing(_) => SinkError::batch(error),
    }
}
