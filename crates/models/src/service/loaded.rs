//! Models that were used lately, ready to predict.

use std::sync::Arc;

use quick_cache::sync::{Cache as Map, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Weighter};
use serde_json::{Value, json};
use ulid::Ulid;

use super::app::App;
use super::problem::Problem;
#[cfg(feature = "onnx")]
use crate::learn::onnx::OnnxModel;
use crate::learn::{Column, Frame, Model, PREDICTION, Task};
use crate::store::Kind;

/// Bytes of models that are kept ready, by the size of their files.
const BYTES: u64 = 256 * 1024 * 1024;
/// A model takes more than its file.
const LEAST: u64 = 4 * 1024;
/// How many models the cache expects; only its first allocation depends on it.
const EXPECTED: usize = 1024;

/// A model in memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) held: Held,
    bytes: u64,
}

/// What kind of model it is.
#[derive(Debug)]
pub(crate) enum Held {
    /// One that this program has trained.
    Own(Box<Model>),
    /// One that another program has trained.
    #[cfg(feature = "onnx")]
    Onnx(Box<OnnxModel>),
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
        Self(Map::with(EXPECTED, BYTES, Size, DefaultHashBuilder::default(), DefaultLifecycle::default()))
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
        if !matches!(artifact.kind, Kind::Model | Kind::Onnx) {
            return Err(NoModel::Another);
        }
        let content = self.store.content(id).await.map_err(refused)?.ok_or(NoModel::Another)?;
        let bytes = content.len();
        let held = self.apart(bytes, || Held::read(artifact.kind, &content)).await;
        let held = held.map_err(|error| {
            tracing::error!(event = "database.error", artifact = %id, error, "a stored model cannot be read");
            NoModel::Broken(format!("the model of artifact {id} cannot be read: {error}"))
        })?;
        Ok(Arc::new(Loaded { held, bytes: bytes as u64 }))
    }
}

impl Held {
    fn read(kind: Kind, content: &[u8]) -> Result<Self, String> {
        match kind {
            #[cfg(feature = "onnx")]
            Kind::Onnx => {
                let model = OnnxModel::from_bytes(content).map_err(|error| error.to_string())?;
                Ok(Self::Onnx(Box::new(model)))
            }
            #[cfg(not(feature = "onnx"))]
            Kind::Onnx => Err("this program was built without ONNX".to_owned()),
            Kind::Model | Kind::Prediction | Kind::Plain => {
                let model = Model::from_bytes(content).map_err(|error| error.to_string())?;
                Ok(Self::Own(Box::new(model)))
            }
        }
    }
}

impl Loaded {
    /// The table with the predictions beside its columns.
    ///
    /// # Errors
    /// A sentence for whoever sent the table.
    pub(crate) fn predict(&self, frame: &Frame) -> Result<Frame, String> {
        match &self.held {
            Held::Own(model) => model.predict(frame).map_err(|error| super::pool::predict_error(&error)),
            #[cfg(feature = "onnx")]
            Held::Onnx(model) => {
                let answer = model.answer(frame).map_err(|error| format!("ValueError: {error}"))?;
                finite(answer.columns())?;
                let with = |frame: Frame, column: &Column| frame.with(column.clone());
                let predicted = answer.columns().iter().try_fold(frame.clone(), with);
                predicted.map_err(|error| format!("ValueError: {error}"))
            }
        }
    }

    /// The predictions alone, column by column.
    ///
    /// # Errors
    /// A sentence for whoever sent the table.
    pub(crate) fn answer(&self, frame: &Frame) -> Result<Vec<Column>, String> {
        let answer = match &self.held {
            Held::Own(model) => model.answer(frame).map_err(|error| super::pool::predict_error(&error))?,
            #[cfg(feature = "onnx")]
            Held::Onnx(model) => {
                let answer = model.answer(frame).map_err(|error| format!("ValueError: {error}"))?;
                finite(answer.columns())?;
                answer
            }
        };
        Ok(answer.columns().to_vec())
    }

    /// What rows without names are taken for.
    pub(crate) fn features(&self) -> Vec<String> {
        match &self.held {
            Held::Own(model) => model.features().to_vec(),
            #[cfg(feature = "onnx")]
            Held::Onnx(model) => match model.inputs() {
                [only] => match only.shape.as_slice() {
                    [_, Some(width)] => (0..*width).map(|at| format!("x{at}")).collect(),
                    _ => vec![only.name.clone()],
                },
                several => several.iter().map(|port| port.name.clone()).collect(),
            },
        }
    }

    /// What the model is.
    pub(crate) fn description(&self) -> Value {
        match &self.held {
            Held::Own(model) => model.description(),
            #[cfg(feature = "onnx")]
            Held::Onnx(model) => model.description(),
        }
    }

    /// The tensors that it reads and gives, as the open inference protocol describes them.
    pub(crate) fn tensors(&self) -> (Value, Value) {
        let tensor =
            |name: &str, datatype: &str| json!({ "name": name, "datatype": datatype, "shape": [-1] });
        match &self.held {
            Held::Own(model) => {
                let inputs = model.features().iter().map(|name| tensor(name, "FP64")).collect();
                let datatype = match model.task() {
                    Task::Regression => "FP64",
                    Task::Classification => match &model.description()["classes"][0] {
                        Value::String(_) => "BYTES",
                        Value::Bool(_) => "BOOL",
                        Value::Number(number) if number.is_i64() => "INT64",
                        _ => "FP64",
                    },
                };
                let outputs = std::iter::once(tensor(PREDICTION, datatype));
                let probabilities = model.outputs().into_iter().skip(1);
                (inputs, outputs.chain(probabilities.map(|name| tensor(&name, "FP64"))).collect())
            }
            #[cfg(feature = "onnx")]
            Held::Onnx(model) => {
                let mut description = model.description();
                (description["inputs"].take(), description["outputs"].take())
            }
        }
    }
}

/// Refuses predictions that JSON could not write.
#[cfg(feature = "onnx")]
fn finite(columns: &[Column]) -> Result<(), String> {
    let beyond = columns.iter().find_map(|column| Some((&column.name, column.values.beyond()?)));
    beyond.map_or(Ok(()), |(name, row)| {
        Err(format!("ValueError: the model's output `{name}` is no finite number in row {}", row + 1))
    })
}
