//! Names that stand for models, so that callers need not know the id of the newest one.

use ulid::Ulid;

use super::Store;
use super::database::sql;
use super::error::Result;

impl Store {
    /// Gives a model a name, taking it from another one where that has it.
    pub(crate) async fn name_model(&self, name: &str, artifact: Ulid) -> Result<()> {
        let put = sql("INSERT INTO names (name, artifact_id) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET artifact_id = excluded.artifact_id");
        self.database.execute(put.bind(name).bind(artifact)).await.map(|_| ())
    }

    /// Takes a name away; the model stays. Says whether it was there.
    pub(crate) async fn unname_model(&self, name: &str) -> Result<bool> {
        Ok(self.database.execute(sql("DELETE FROM names WHERE name = $1").bind(name)).await? > 0)
    }

    pub(crate) async fn named_model(&self, name: &str) -> Result<Option<Ulid>> {
        let found =
            self.database.one(sql("SELECT artifact_id FROM names WHERE name = $1").bind(name)).await?;
        found.map(|row| row.id(0)).transpose()
    }

    /// All names with their models.
    pub(crate) async fn names(&self) -> Result<Vec<(String, Ulid)>> {
        let rows = self.database.all(sql("SELECT name, artifact_id FROM names ORDER BY name")).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.id(1)?))).collect()
    }

    /// The model that is meant where none is said: the only one with a name, else the only one. Absent where there are
    /// several, or none.
    pub(crate) async fn only_model(&self) -> Result<Option<Ulid>> {
        let named = sql("SELECT artifact_id FROM names GROUP BY artifact_id LIMIT 2");
        let models = sql("SELECT id FROM artifacts WHERE kind IN ('model', 'onnx') LIMIT 2");
        for asked in [named, models] {
            match self.database.all(asked).await?.as_slice() {
                [] => {}
                [only] => return only.id(0).map(Some),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}
