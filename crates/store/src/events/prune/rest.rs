//! What nothing refers to any more once events and roll-ups are deleted.

use tollgate_core::usage::StreamId;

use super::super::row::{int, unsigned};
use super::super::series::SeriesId;
use super::BATCH;
use crate::error::Result;
use crate::row::{Columns, Read};
use crate::statement::Statement;
use crate::store::Store;

/// Seals of one transaction.
const SEALS: i64 = 10_000;
/// That no roll-up is of a series.
const IDLE: &str =
    "NOT EXISTS (SELECT 1 FROM usage_rollups WHERE usage_rollups.series = usage_series.series)";

impl Store {
    /// Deletes the seals of deleted events but the newest of each stream, and says how many. That one tells that the
    /// stream was sealed, and the chain of what is kept goes on from the hash in the stream's own row.
    pub(super) async fn prune_seals(&self) -> Result<u64> {
        let streams = Statement::new(
            "SELECT stream, (SELECT max(seq) FROM usage_seals \
             WHERE usage_seals.stream = usage_streams.stream AND seq <= pruned) FROM usage_streams \
             WHERE pruned > 0 AND EXISTS (SELECT 1 FROM usage_seals \
             WHERE usage_seals.stream = usage_streams.stream AND seq < (SELECT max(seq) FROM usage_seals AS newest \
             WHERE newest.stream = usage_streams.stream AND newest.seq <= pruned)) ORDER BY stream",
        );
        let mut pruned = 0;
        for Newest { stream, seq } in self.database.all(streams).await? {
            while let Some(deleted) = self.prune_seals_of(stream, seq).await? {
                pruned += deleted;
            }
        }
        Ok(pruned)
    }

    /// Deletes some of a stream's seals before this one, and says how many; nothing where there are none.
    async fn prune_seals_of(&self, stream: StreamId, newest: u64) -> Result<Option<u64>> {
        let stream = stream.to_string();
        let mut transaction = self.database.write().await?;
        let end = Statement::new("SELECT max(seq) FROM (SELECT seq FROM usage_seals WHERE stream = ");
        let end = end.bind(stream.as_str()).push(" AND seq < ").bind(int(newest));
        let end = end.push(" ORDER BY seq LIMIT ").bind(SEALS).push(") AS oldest");
        let Some(end) = transaction.one::<Option<i64>>(end).await?.flatten() else { return Ok(None) };
        let delete = Statement::new("DELETE FROM usage_seals WHERE stream = ").bind(stream);
        let deleted = transaction.execute(delete.push(" AND seq <= ").bind(end)).await?;
        transaction.commit().await?;
        Ok(Some(deleted))
    }

    /// Deletes the series that no roll-up is of, and says how many: making roll-ups anew may leave some.
    pub(super) async fn prune_series(&self) -> Result<u64> {
        let mut pruned = 0;
        loop {
            // Looked for without a lock: nearly always there are none.
            let idle = Statement::new("SELECT series FROM usage_series WHERE ").push(IDLE);
            let idle: Vec<SeriesId> = self.database.all(idle.push(" LIMIT ").bind(BATCH)).await?;
            if idle.is_empty() {
                return Ok(pruned);
            }
            let mut transaction = self.database.write().await?;
            if transaction.is_postgres() {
                // Whoever adds to a series writes its roll-ups first, and nobody else sees them yet.
                transaction.script("LOCK TABLE usage_rollups, usage_series IN EXCLUSIVE MODE").await?;
            }
            let delete = Statement::new("DELETE FROM usage_series WHERE series IN ");
            let delete = delete.list(idle.into_iter().map(Into::into)).push(" AND ").push(IDLE);
            let deleted = transaction.execute(delete).await?;
            transaction.commit().await?;
            pruned += deleted;
            if deleted == 0 {
                return Ok(pruned);
            }
        }
    }

    /// Forgets the days that are holes among those of which no events are kept.
    pub(super) async fn prune_holes(&self, before: i64) -> Result<()> {
        let mut transaction = self.database.write().await?;
        transaction.execute(Statement::new("DELETE FROM usage_holes WHERE day < ").bind(before)).await?;
        transaction.commit().await
    }

    /// Forgets which names of models were told apart on days whose roll-ups cannot be made anew any more.
    pub(super) async fn prune_models(&self, before: i64) -> Result<()> {
        loop {
            let mut transaction = self.database.write().await?;
            let old = Statement::new(
                "DELETE FROM usage_models WHERE (day, credential, answered, model) IN \
                 (SELECT day, credential, answered, model FROM usage_models WHERE day < ",
            );
            let old = old.bind(before).push(" ORDER BY day LIMIT ").bind(BATCH).push(")");
            let deleted = transaction.execute(old).await?;
            transaction.commit().await?;
            if deleted == 0 {
                return Ok(());
            }
        }
    }
}

/// A stream, and the place of the newest seal among those of deleted events.
struct Newest {
    stream: StreamId,
    seq: u64,
}

impl Read for Newest {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { stream: columns.parse()?, seq: unsigned(columns)? })
    }
}
