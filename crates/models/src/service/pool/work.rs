//! What a job does: from the body of its request to an artifact, or to a sentence that says why there is none.

use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use ulid::Ulid;

use super::Active;
use crate::learn::{self, BadColumn, Learner, PredictError, TrainError};
use crate::service::answer;
use crate::service::app::App;
use crate::service::body;
use crate::service::frames::Shown;
use crate::service::loaded::{Loaded, NoModel};
use crate::service::ml::{Asked as _, PredictRequest, TrainRequest};
use crate::service::problem::Problem;
use crate::service::table::sentence;
use crate::store::{self, JobKind, Kind, NewArtifact, Outcome};

/// The largest model and the largest table of predictions that are kept, in bytes.
const ARTIFACT_MAX: usize = 256 * 1024 * 1024;

/// Does a job. How a job fails is said in words that begin as the original's do: with the kind of error.
pub(super) fn run(app: &App, runtime: &Handle, active: &Active, request: &[u8]) -> Outcome {
    let job = match runtime.block_on(app.store.job(active.id())) {
        Ok(Some(job)) => job,
        // It was removed: nobody is left to be told.
        Ok(None) => return Outcome::Canceled,
        Err(_) => return Outcome::Failed("RuntimeError: the database was not available".to_owned()),
    };
    let done = match job.kind {
        JobKind::Train => train(app, runtime, active, request, job.artifact_id),
        JobKind::Predict => predict(app, runtime, request, job.artifact_id),
    };
    match done {
        Ok((artifact, config)) => {
            let bytes = artifact.content.as_ref().map_or(artifact.data.len(), Vec::len);
            if bytes > ARTIFACT_MAX {
                let why =
                    format!("ValueError: the result has {bytes} bytes, at most {ARTIFACT_MAX} are kept");
                return Outcome::Failed(why);
            }
            Outcome::Completed(artifact, config)
        }
        Err(End::Failed(why)) => Outcome::Failed(why),
        // Who stops the service has not called the job off.
        Err(End::Canceled) if app.queue.is_stopping() => Outcome::Failed("interrupted".to_owned()),
        Err(End::Canceled) => Outcome::Canceled,
    }
}

/// Why there is no artifact.
enum End {
    Failed(String),
    Canceled,
}

type Done = Result<(NewArtifact, Option<Ulid>), End>;

fn train(app: &App, runtime: &Handle, active: &Active, request: &[u8], artifact: Ulid) -> Done {
    let started = store::now();
    let text = body::text(request).map_err(|problem| failed(problem.text()))?;
    let asked = TrainRequest::read(app.settings.dialect, &text).map_err(|problem| failed(problem.text()))?;
    let _room = runtime.block_on(app.room.wait(request.len().saturating_add(asked.weight())));
    let config = runtime.block_on(app.store.config(asked.config)).map_err(away)?;
    let config = config.ok_or_else(|| failed(format!("ValueError: Config {} not found", asked.config)))?;
    let data: Map<String, Value> = serde_json::from_str(&config.data).unwrap_or_default();
    let learner = Learner::from_json(&data).map_err(|error| failed(format!("ValueError: {error}")))?;
    let frame = asked.data.frame().map_err(|error| failed(sentence(error)))?;
    let model = learn::train(&learner, &frame, &mut |part| {
        active.advance(part);
        if active.is_canceled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let model = model.map_err(|error| match error {
        TrainError::Cancelled(_) => End::Canceled,
        error => failed(train_error(&error)),
    })?;
    let content = model.to_bytes();
    let description = described(model.description());
    let class = class_of(&description).to_owned();
    let mut data = base("trained_model", config.id, started);
    data.insert("model".to_owned(), description);
    data.insert("model_type".to_owned(), class.into());
    data.insert("model_size_bytes".to_owned(), content.len().into());
    let trained_at = data.get("completed_at").cloned().unwrap_or_default();
    data.insert("trained_at".to_owned(), trained_at);
    let artifact = NewArtifact {
        id: artifact,
        parent_id: None,
        kind: Kind::Model,
        data: Value::Object(data).to_string(),
        content: Some(content),
    };
    Ok((artifact, Some(config.id)))
}

fn predict(app: &App, runtime: &Handle, request: &[u8], artifact: Ulid) -> Done {
    let started = store::now();
    let text = body::text(request).map_err(|problem| failed(problem.text()))?;
    let asked =
        PredictRequest::read(app.settings.dialect, &text).map_err(|problem| failed(problem.text()))?;
    let _room = runtime.block_on(app.room.wait(request.len().saturating_add(asked.weight())));
    let parent = asked.model;
    let loaded: Arc<Loaded> =
        runtime.block_on(app.model(parent)).map_err(|why| no_model(app, parent, why))?;
    let config = runtime.block_on(app.store.config_of(parent)).map_err(away)?;
    let frame = asked.future.frame().map_err(|error| failed(sentence(error)))?;
    if frame.rows() == 0 {
        return Err(failed(
            "ValueError: Found array with 0 sample(s): `future` has no rows to predict".to_owned(),
        ));
    }
    let predicted = loaded.predict(&frame).map_err(End::Failed)?;
    let mut data = match config {
        Some(config) => base("prediction", config.id, started),
        None => base("prediction", Value::Null, started),
    };
    data.insert("model_artifact_id".to_owned(), parent.to_string().into());
    let data = Prediction { base: data, predictions: Shown(&predicted) };
    let data = serde_json::to_string(&data)
        .map_err(|error| failed(format!("RuntimeError: the predictions cannot be written: {error}")))?;
    let artifact =
        NewArtifact { id: artifact, parent_id: Some(parent), kind: Kind::Prediction, data, content: None };
    Ok((artifact, None))
}

/// The data of an artifact of predictions.
#[derive(Serialize)]
struct Prediction<'a> {
    #[serde(flatten)]
    base: Map<String, Value>,
    predictions: Shown<'a>,
}

/// What the data of every artifact of a job begins with.
fn base(kind: &str, config: impl Into<Config>, started: Timestamp) -> Map<String, Value> {
    let completed = store::now();
    let micros = completed.as_microsecond() - started.as_microsecond();
    let seconds = (micros as f64 / 1e4).round() / 100.0;
    let mut data = Map::new();
    data.insert("ml_type".to_owned(), kind.into());
    data.insert("config_id".to_owned(), config.into().0);
    data.insert("started_at".to_owned(), answer::data_time(started).into());
    data.insert("completed_at".to_owned(), answer::data_time(completed).into());
    data.insert("duration_seconds".to_owned(), seconds.into());
    data
}

/// The configuration of an artifact, as JSON.
struct Config(Value);

impl From<Ulid> for Config {
    fn from(id: Ulid) -> Self {
        Self(id.to_string().into())
    }
}

impl From<Value> for Config {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

/// What a model is, with the members by which clients of the original know one.
fn described(mut description: Value) -> Value {
    let class = class_of(&description);
    let (module, name) = class.rsplit_once('.').unwrap_or(("", class));
    let more = json!({ "_type": name, "_module": module, "_repr": format!("{name}()") });
    if let (Value::Object(description), Value::Object(mut more)) = (&mut description, more) {
        more.append(description);
        *description = more;
    }
    description
}

/// The class that does the same in the library of the original.
fn class_of(description: &Value) -> &'static str {
    let classifies = description["task"] == "classification";
    match (description["model"].as_str().unwrap_or_default(), classifies) {
        ("ols", _) => "sklearn.linear_model._base.LinearRegression",
        ("ridge", _) => "sklearn.linear_model._ridge.Ridge",
        ("logistic", _) => "sklearn.linear_model._logistic.LogisticRegression",
        ("decision_tree", false) => "sklearn.tree._classes.DecisionTreeRegressor",
        ("decision_tree", true) => "sklearn.tree._classes.DecisionTreeClassifier",
        ("random_forest", false) => "sklearn.ensemble._forest.RandomForestRegressor",
        ("random_forest", true) => "sklearn.ensemble._forest.RandomForestClassifier",
        ("gradient_boosting", false) => "sklearn.ensemble._gb.GradientBoostingRegressor",
        ("gradient_boosting", true) => "sklearn.ensemble._gb.GradientBoostingClassifier",
        _ => "tollgate.Model",
    }
}

fn no_model(app: &App, id: Ulid, why: NoModel) -> End {
    let new = app.settings.dialect.is_new();
    failed(match why {
        NoModel::Unknown if new => format!("ValueError: Training artifact {id} not found"),
        NoModel::Unknown => format!("ValueError: Model artifact {id} not found"),
        NoModel::Another if new => format!("ValueError: Artifact {id} is not a training artifact"),
        NoModel::Another => format!("ValueError: Artifact {id} is not a trained model"),
        NoModel::Broken(why) => format!("RuntimeError: {why}"),
        NoModel::Refused(problem) => format!("RuntimeError: {}", problem.text()),
    })
}

fn train_error(error: &TrainError) -> String {
    match error {
        TrainError::Column(column) => column_error(column),
        TrainError::NoRows => format!("ValueError: Found array with 0 sample(s): {error}"),
        error => format!("ValueError: {error}"),
    }
}

/// Why a model cannot predict from a table.
pub(crate) fn predict_error(error: &PredictError) -> String {
    match error {
        PredictError::Column(column) => column_error(column),
        error @ PredictError::Overflow { .. } => format!("ValueError: {error}"),
    }
}

/// A column that is not what it must be, beginning as the original's errors do.
fn column_error(error: &BadColumn) -> String {
    match error {
        BadColumn::Unknown { .. } => format!("KeyError: {error}"),
        BadColumn::Text { text, .. } => {
            format!("ValueError: could not convert string to float: '{text}'; {error}")
        }
        BadColumn::Missing { .. } => format!("ValueError: Input X contains NaN: {error}"),
        BadColumn::Infinite { .. } => format!("ValueError: Input X contains infinity: {error}"),
    }
}

fn failed(why: String) -> End {
    End::Failed(why)
}

fn away(error: store::StoreError) -> End {
    failed(format!("RuntimeError: {}", Problem::from(error).text()))
}
