//! What the model service keeps: configurations, artifacts, jobs and names, in SQLite or PostgreSQL.
//!
//! All that belongs together is one transaction: a job is completed if and only if its artifact is there.

mod artifacts;
mod capacity;
mod configs;
mod database;
mod error;
mod jobs;
mod migrations;
mod names;

use std::path::PathBuf;

use jiff::Timestamp;

pub(crate) use artifacts::{Artifact, Kind, NewArtifact};
pub(crate) use configs::Config;
pub(crate) use error::Result;
pub use error::StoreError;
pub(crate) use jobs::{Job, JobKind, NewJob, Outcome, Status};

use capacity::Capacity;
use database::Database;

/// Where a service keeps its state.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder for the SQLite file; it is made where it is missing, and one process uses it at a time.
    Folder(PathBuf),
    /// `postgres://USER:PASSWORD@HOST/DATABASE`; the tables lie in a schema of their own.
    Postgres(String),
}

/// An open store.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
    capacity: Capacity,
}

impl Store {
    /// Opens the store, whose artifacts may take so many bytes, and brings its tables up to date.
    pub(crate) async fn open(place: &Place, artifacts_bytes: u64) -> Result<Self> {
        let database = Database::open(place).await?;
        Ok(Self { database, capacity: Capacity::new(artifacts_bytes) })
    }

    /// Whether it answers.
    pub(crate) async fn check(&self) -> Result<()> {
        self.database.one(database::sql("SELECT 1")).await.map(|_| ())
    }

    /// Ends every connection, after what they are doing.
    pub(crate) async fn close(&self) {
        self.database.close().await;
    }
}

/// What part of a list is asked for: how many rows to leave out, how many to give at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) skip: i64,
    pub(crate) take: i64,
}

/// Now, as rows have it: whole microseconds.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
