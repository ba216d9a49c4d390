//! Artifacts: trained models, predictions, and whatever callers keep beside them. Data alone, nothing that is run.

use jiff::Timestamp;
use ulid::Ulid;

use super::database::{Row, Transaction, sql};
use super::error::{Result, StoreError};
use super::{Slice, Store};

/// What an artifact is to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A model that the service has trained.
    Model,
    /// A model in the form of ONNX.
    Onnx,
    /// What a model predicted.
    Prediction,
    /// Anything that a caller has put here.
    Plain,
}

/// An artifact without its content.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Artifact {
    pub(crate) id: Ulid,
    pub(crate) parent_id: Option<Ulid>,
    /// 0 for one without a parent when it was made, else one more than its parent's.
    pub(crate) level: i64,
    pub(crate) kind: Kind,
    /// JSON, as text.
    pub(crate) data: String,
    /// The digest of the content, or of `data` where there is none.
    pub(crate) sha256: Vec<u8>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// Bytes of the content, where there is one.
    pub(crate) content_bytes: Option<i64>,
}

/// An artifact to be made.
#[derive(Debug)]
pub(crate) struct NewArtifact {
    pub(crate) id: Ulid,
    pub(crate) parent_id: Option<Ulid>,
    pub(crate) kind: Kind,
    pub(crate) data: String,
    pub(crate) content: Option<Vec<u8>>,
}

impl NewArtifact {
    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() + self.content.as_ref().map_or(0, Vec::len)
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Onnx => "onnx",
            Self::Prediction => "prediction",
            Self::Plain => "plain",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let all = [Self::Model, Self::Onnx, Self::Prediction, Self::Plain];
        let found = all.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| StoreError::Damaged(format!("{text:?} is no kind of artifact")))
    }
}

impl Artifact {
    /// Reads the columns in the order in which every statement here names them.
    pub(super) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id(0)?,
            parent_id: row.optional_id(1)?,
            level: row.int(2)?,
            kind: Kind::parse(&row.text(3)?)?,
            data: row.text(4)?,
            sha256: row.bytes(5)?,
            created_at: row.time(6)?,
            updated_at: row.time(7)?,
            content_bytes: row.optional_int(8)?,
        })
    }
}

impl Store {
    pub(crate) async fn artifact(&self, id: Ulid) -> Result<Option<Artifact>> {
        let found = sql(
            "SELECT id, parent_id, level, kind, data, sha256, created_at, updated_at, CAST(length(content) AS BIGINT) \
             FROM artifacts WHERE id = $1",
        );
        self.database.one(found.bind(id)).await?.as_ref().map(Artifact::read).transpose()
    }

    /// What is to be loaded: the content of an artifact, whole as it was written.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where it is not the content that was written.
    pub(crate) async fn content(&self, id: Ulid) -> Result<Option<Vec<u8>>> {
        let found = sql("SELECT content, sha256 FROM artifacts WHERE id = $1").bind(id);
        let Some(row) = self.database.one(found).await? else { return Ok(None) };
        let Some(content) = row.optional_bytes(0)? else { return Ok(None) };
        if row.bytes(1)? != digest(&content) {
            return Err(StoreError::Damaged(format!("the content of artifact {id} has another SHA-256")));
        }
        Ok(Some(content))
    }

    /// Artifacts in the order in which they were made.
    pub(crate) async fn artifacts(&self, slice: Slice) -> Result<Vec<Artifact>> {
        let found = sql(
            "SELECT id, parent_id, level, kind, data, sha256, created_at, updated_at, CAST(length(content) AS BIGINT) \
             FROM artifacts ORDER BY seq LIMIT $1 OFFSET $2",
        );
        let rows = self.database.all(found.bind(slice.take).bind(slice.skip)).await?;
        rows.iter().map(Artifact::read).collect()
    }

    pub(crate) async fn count_artifacts(&self) -> Result<i64> {
        let row = self.database.one(sql("SELECT count(*) FROM artifacts")).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// An artifact and all below it, parents before children, in the order in which they were made; at most `most`.
    pub(crate) async fn descendants(&self, root: Ulid, most: i64) -> Result<Vec<Artifact>> {
        let found = sql("WITH RECURSIVE below (seq) AS ( \
                 SELECT seq FROM artifacts WHERE id = $1 \
                 UNION SELECT a.seq FROM artifacts a JOIN artifacts p ON a.parent_id = p.id \
                     JOIN below b ON b.seq = p.seq) \
             SELECT id, parent_id, level, kind, data, sha256, created_at, updated_at, CAST(length(content) AS BIGINT) \
             FROM artifacts WHERE seq IN (SELECT seq FROM below) ORDER BY level, seq LIMIT $2");
        self.database.all(found.bind(root).bind(most)).await?.iter().map(Artifact::read).collect()
    }

    /// Makes an artifact; absent where its parent is not there.
    pub(crate) async fn add_artifact(&self, new: NewArtifact, now: Timestamp) -> Result<Option<Artifact>> {
        let id = new.id;
        self.make_room(new.bytes()).await?;
        let mut transaction = self.database.write().await?;
        if !insert(&mut transaction, new, now).await? {
            return Ok(None);
        }
        transaction.commit().await?;
        self.artifact(id).await
    }

    /// Replaces the data of an artifact; where `parent` is given, its place too. Absent where one of them is not there.
    pub(crate) async fn replace_artifact(
        &self,
        id: Ulid,
        data: &str,
        parent: Option<Ulid>,
        now: Timestamp,
    ) -> Result<Option<Artifact>> {
        self.make_room(data.len()).await?;
        // A digest is of the content, where there is one, and stays.
        let update = sql("UPDATE artifacts SET data = $2, updated_at = $4, \
                 sha256 = CASE WHEN content IS NULL THEN $5 ELSE sha256 END, \
                 parent_id = COALESCE($3, parent_id), \
                 level = COALESCE((SELECT p.level + 1 FROM artifacts p WHERE p.id = $3), level) WHERE id = $1");
        let sha256 = digest(data.as_bytes());
        self.database.execute(update.bind(id).bind(data).bind(parent).bind(now).bind(sha256)).await?;
        self.artifact(id).await
    }

    /// Removes an artifact; its children lose their parent and nothing else. Says whether it was there.
    pub(crate) async fn remove_artifact(&self, id: Ulid) -> Result<bool> {
        let removed = self.database.execute(sql("DELETE FROM artifacts WHERE id = $1").bind(id)).await?;
        Ok(removed > 0)
    }
}

/// Writes an artifact in the caller's transaction; says whether its parent was there.
pub(super) async fn insert(transaction: &mut Transaction, new: NewArtifact, now: Timestamp) -> Result<bool> {
    let level = match new.parent_id {
        None => 0,
        Some(parent) => {
            let found = sql("SELECT level FROM artifacts WHERE id = $1").bind(parent);
            match transaction.one(found).await? {
                Some(row) => row.int(0)? + 1,
                None => return Ok(false),
            }
        }
    };
    let sha256 = digest(new.content.as_deref().unwrap_or(new.data.as_bytes()));
    let insert = sql(
        "INSERT INTO artifacts (id, parent_id, level, kind, data, content, sha256, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    );
    let row = insert.bind(new.id).bind(new.parent_id).bind(level).bind(new.kind.name()).bind(new.data);
    transaction.execute(row.bind(new.content).bind(sha256).bind(now)).await?;
    Ok(true)
}

/// SHA-256 (FIPS 180-4).
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    out
}
