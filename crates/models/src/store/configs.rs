//! Configurations, and the artifacts that were made of them.

use jiff::Timestamp;
use ulid::Ulid;

use super::database::{Row, sql};
use super::error::Result;
use super::{Artifact, Slice, Store};

/// What a model is trained by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    pub(crate) id: Ulid,
    pub(crate) name: String,
    /// A JSON object, as text.
    pub(crate) data: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Config {
    fn read(row: &Row) -> Result<Self> {
        let (id, name, data) = (row.id(0)?, row.text(1)?, row.text(2)?);
        Ok(Self { id, name, data, created_at: row.time(3)?, updated_at: row.time(4)? })
    }
}

impl Store {
    /// Writes a new configuration, or over the one with its id where that is asked for; absent where it was not.
    pub(crate) async fn put_config(
        &self,
        (id, name, data): (Ulid, &str, &str),
        over: bool,
        now: Timestamp,
    ) -> Result<Option<Config>> {
        let mut transaction = self.database.write().await?;
        let insert =
            sql("INSERT INTO configs (id, name, data, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) \
             ON CONFLICT (id) DO NOTHING");
        let made = transaction.execute(insert.bind(id).bind(name).bind(data).bind(now)).await?;
        if made == 0 {
            if !over {
                return Ok(None);
            }
            let update = sql("UPDATE configs SET name = $2, data = $3, updated_at = $4 WHERE id = $1");
            transaction.execute(update.bind(id).bind(name).bind(data).bind(now)).await?;
        }
        let found = sql("SELECT id, name, data, created_at, updated_at FROM configs WHERE id = $1").bind(id);
        let config = transaction.one(found).await?.as_ref().map(Config::read).transpose()?;
        transaction.commit().await?;
        Ok(config)
    }

    /// Replaces name and data of a configuration that is there.
    pub(crate) async fn replace_config(
        &self,
        id: Ulid,
        name: &str,
        data: &str,
        now: Timestamp,
    ) -> Result<Option<Config>> {
        let update = sql("UPDATE configs SET name = $2, data = $3, updated_at = $4 WHERE id = $1");
        self.database.execute(update.bind(id).bind(name).bind(data).bind(now)).await?;
        self.config(id).await
    }

    pub(crate) async fn config(&self, id: Ulid) -> Result<Option<Config>> {
        let found = sql("SELECT id, name, data, created_at, updated_at FROM configs WHERE id = $1").bind(id);
        self.database.one(found).await?.as_ref().map(Config::read).transpose()
    }

    /// Configurations in the order in which they were made.
    pub(crate) async fn configs(&self, slice: Slice) -> Result<Vec<Config>> {
        let found = sql("SELECT id, name, data, created_at, updated_at FROM configs \
             ORDER BY seq LIMIT $1 OFFSET $2");
        let rows = self.database.all(found.bind(slice.take).bind(slice.skip)).await?;
        rows.iter().map(Config::read).collect()
    }

    pub(crate) async fn count_configs(&self) -> Result<i64> {
        let row = self.database.one(sql("SELECT count(*) FROM configs")).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// Removes a configuration, with what was made of it where that is asked for; says whether it was there.
    pub(crate) async fn remove_config(&self, id: Ulid, with_artifacts: bool) -> Result<bool> {
        let mut transaction = self.database.write().await?;
        if with_artifacts {
            let linked = sql("DELETE FROM artifacts WHERE id IN \
                 (SELECT artifact_id FROM links WHERE config_id = $1)");
            transaction.execute(linked.bind(id)).await?;
        }
        let removed = transaction.execute(sql("DELETE FROM configs WHERE id = $1").bind(id)).await?;
        transaction.commit().await?;
        Ok(removed > 0)
    }

    /// Says that an artifact was made of a configuration, and of no other.
    pub(crate) async fn link(&self, config: Ulid, artifact: Ulid) -> Result<()> {
        let link = sql("INSERT INTO links (artifact_id, config_id) VALUES ($1, $2) \
             ON CONFLICT (artifact_id) DO UPDATE SET config_id = excluded.config_id");
        self.database.execute(link.bind(artifact).bind(config)).await.map(|_| ())
    }

    pub(crate) async fn unlink(&self, config: Ulid, artifact: Ulid) -> Result<()> {
        let link = sql("DELETE FROM links WHERE artifact_id = $1 AND config_id = $2");
        self.database.execute(link.bind(artifact).bind(config)).await.map(|_| ())
    }

    /// The artifacts that were made of a configuration.
    pub(crate) async fn linked(&self, config: Ulid) -> Result<Vec<Artifact>> {
        let found =
            sql("SELECT a.id, a.parent_id, a.level, a.kind, a.data, a.sha256, a.created_at, a.updated_at, \
             CAST(length(a.content) AS BIGINT) FROM artifacts a JOIN links l ON l.artifact_id = a.id \
             WHERE l.config_id = $1 ORDER BY a.seq");
        self.database.all(found.bind(config)).await?.iter().map(Artifact::read).collect()
    }

    /// The configuration that an artifact was made of.
    pub(crate) async fn config_of(&self, artifact: Ulid) -> Result<Option<Config>> {
        let found = sql("SELECT c.id, c.name, c.data, c.created_at, c.updated_at \
             FROM configs c JOIN links l ON l.config_id = c.id WHERE l.artifact_id = $1");
        self.database.one(found.bind(artifact)).await?.as_ref().map(Config::read).transpose()
    }
}
