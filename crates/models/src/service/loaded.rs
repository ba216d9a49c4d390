//! Models that were used lately, ready to predict.

use std::sync::Arc;

use quick_cache::sync::Cache as Map;
use quick_cache::{DefaultHashBuilder, Weighter};
use ulid::Ulid;

use super::app::App;
use super::problem::Problem;
use crate::learn::Model;
use crate::store::Kind;

/// Bytes of models that are kept ready, by the size of their files.
const BYTES: u64 = 256 * 1024 * 1024;
/// A model takes more than its file.
const LEAST: u64 = 4 * 1024;

/// A model in memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) model: Model,
    bytes: u64,
}

/// The models, by the artifact that they are.
#[derive(Debug)]
pub(crate) struct Cache(Map<Ulid, Arc<Loaded>, Size>);

#[derive(Debug, Clone)]
struct Size;

impl Weighter<Ulid, Arc<Loaded>> for Size {
    fn weight(&self, _: &Ulid, loaded: &Arc<Loaded>) -> u64 {
        loaded.bytes.max(LEAST)
    }
}

impl Cache {
    pub(crate) fn new() -> Self {
        let entries = usize::try_from(BYTES / LEAST).unwrap_or(usize::MAX) / 16;
        Self(Map::with(
            entries,
            BYTES,
            Size,
            DefaultHashBuilder::default(),
            quick_cache::sync::DefaultLifecycle::default(),
        ))
    }

    /// Forgets a model that is no more.
    pub(crate) fn forget(&self, id: Ulid) {
        self.0.remove(&id);
    }
}

/// Why a model cannot be used.
#[derive(Debug)]
pub(crate) enum NoModel {
    /// There is no such artifact.
    Unknown,
    /// It is an artifact of another kind.
    Another,
    /// It cannot be had; the text is for the caller.
    Broken(String),
    /// The store refuses.
    Refused(Problem),
}

impl App {
    /// The model that an artifact is, from memory or from the store.
    pub(crate) async fn model(&self, id: Ulid) -> Result<Arc<Loaded>, NoModel> {
        if let Some(loaded) = self.models.0.get(&id) {
            return Ok(loaded);
        }
        self.models.0.get_or_insert_async(&id, self.load(id)).await
    }

    async fn load(&self, id: Ulid) -> Result<Arc<Loaded>, NoModel> {
        let refused = |error| NoModel::Refused(Problem::from(error));
        let artifact = self.store.artifact(id).await.map_err(refused)?.ok_or(NoModel::Unknown)?;
        match artifact.kind {
            Kind::Model => {}
            Kind::Onnx | Kind::Prediction | Kind::Plain => return Err(NoModel::Another),
        }
        let content = self.store.content(id).await.map_err(refused)?.ok_or(NoModel::Another)?;
        let bytes = content.len();
        let model = self.apart(bytes, || Model::from_bytes(&content)).await;
        let model = model.map_err(|error| {
            tracing::error!(event = "database.error", artifact = %id, %error, "a stored model cannot be read");
            NoModel::Broken(format!("the model of artifact {id} cannot be read: {error}"))
        })?;
        Ok(Arc::new(Loaded { model, bytes: bytes as u64 }))
    }
}

impl Loaded {
    /// The table with the predictions beside its columns.
    ///
    /// # Errors
    /// A sentence for whoever sent the table.
    pub(crate) fn predict(&self, frame: &crate::learn::Frame) -> Result<crate::learn::Frame, String> {
        self.model.predict(frame).map_err(|error| super::pool::predict_error(&error))
    }
}
