//! Models by name, asked at once: no job, no artifact.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use ulid::Ulid;

use super::answer::{self, Answer};
use super::app::App;
use super::around::Caller;
use super::body::Payload;
use super::counters::Counters;
use super::ids;
use super::loaded::{Loaded, NoModel};
use super::problem::Problem;
use super::validate::{Check, below, body};
use crate::learn::{Column, Frame, PREDICTION, Values};
use crate::store::Kind;

/// The most rows that are predicted at once; more are for a job.
pub(crate) const ROWS_MAX: usize = 1_000_000;
/// How models are asked: by this service itself.
const LOCAL: &str = "local";
/// The longest name.
const NAME_MAX: usize = 128;

/// What a model says of rows, column by column.
pub(crate) struct Predicted(pub(crate) Vec<Column>);

impl App {
    /// The model that a name or an identifier means.
    pub(crate) async fn model_named(&self, name: &str) -> Result<(Ulid, Arc<Loaded>), Problem> {
        let unknown = || Problem::plain(StatusCode::NOT_FOUND, format!("Model {name} not found"));
        let id = self.resolve(name).await?.ok_or_else(unknown)?;
        let loaded = self.model(id).await.map_err(|why| match why {
            NoModel::Unknown => unknown(),
            NoModel::Another => {
                Problem::plain(StatusCode::BAD_REQUEST, format!("Artifact {id} is not a trained model"))
            }
            NoModel::Broken(why) => Problem::plain(StatusCode::INTERNAL_SERVER_ERROR, why),
            NoModel::Refused(problem) => problem,
        })?;
        Ok((id, loaded))
    }

    async fn resolve(&self, name: &str) -> Result<Option<Ulid>, Problem> {
        // A name first: one that looks like an identifier is refused when it is given.
        if let Some(id) = ids::parse(name, self.settings.dialect) {
            return Ok(Some(id));
        }
        if let Some(id) = self.names.read().get(name) {
            return Ok(Some(*id));
        }
        let found = self.store.named_model(name).await?;
        if let Some(id) = found {
            self.names.write().insert(name.to_owned(), id);
        }
        Ok(found)
    }

    /// Asks a model at once; a large table is computed where it holds up nobody.
    pub(crate) async fn ask(&self, loaded: &Loaded, frame: Frame) -> Result<Predicted, Problem> {
        let rows = frame.rows();
        if rows > ROWS_MAX {
            let detail =
                format!("{rows} rows are too many to answer at once; at most {ROWS_MAX}, or submit a job");
            return Err(Problem::plain(StatusCode::BAD_REQUEST, detail));
        }
        Counters::add(&self.counters.inferences);
        let cells = rows.saturating_mul(frame.columns().len().max(1)).saturating_mul(8);
        let predicted = self.apart(cells, || loaded.answer(&frame)).await;
        predicted.map(Predicted).map_err(|why| Problem::plain(StatusCode::BAD_REQUEST, why))
    }
}

impl Predicted {
    /// The predictions themselves, a value a row.
    pub(crate) fn values(&self) -> Vec<Value> {
        // A model of several columns says the first one.
        let named = self.0.iter().find(|column| column.name == PREDICTION);
        let column = named.or(self.0.first());
        column.map_or_else(Vec::new, |column| all(&column.values))
    }

    /// The probabilities of the classes, by their names.
    fn probabilities(&self) -> Map<String, Value> {
        let named =
            self.0.iter().filter_map(|column| Some((column.name.strip_prefix("probability_")?, column)));
        named.map(|(class, column)| (class.to_owned(), all(&column.values).into())).collect()
    }
}

fn all(values: &Values) -> Vec<Value> {
    (0..values.len()).map(|row| values.json(row)).collect()
}

/// `GET /api/v1/models`: the names, and which artifact each means.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Answer {
    let names = app.store.names().await?;
    let shown: Vec<Value> =
        names.iter().map(|(name, id)| json!({ "name": name, "artifact_id": id.to_string() })).collect();
    Ok(answer::json(StatusCode::OK, &shown))
}

/// `PUT /api/v1/models/{name}`: gives a model a name, or gives the name to another model.
pub(crate) async fn name(State(app): State<Arc<App>>, Path(name): Path<String>, payload: Payload) -> Answer {
    let mut check = Check::new(app.settings.dialect, payload.bytes.len());
    let at = body();
    let id = check.object(&at, &payload.value).and_then(|object| {
        let id = check.member(&at, object, "artifact_id")?;
        check.id(&below(&at, "artifact_id"), id)
    });
    let id = check.end(id)?;
    check_name(&name)?;
    let artifact = app.store.artifact(id).await?.ok_or_else(|| Problem::no_entity(id))?;
    if !matches!(artifact.kind, Kind::Model | Kind::Onnx) {
        return Err(Problem::plain(StatusCode::BAD_REQUEST, format!("Artifact {id} is not a trained model")));
    }
    app.store.name_model(&name, id).await?;
    app.names.write().remove(&name);
    Ok(answer::json(StatusCode::OK, &json!({ "name": name, "artifact_id": id.to_string() })))
}

/// Whether a model can have the name.
pub(crate) fn check_name(name: &str) -> Result<(), Problem> {
    let spelt = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(spelt) {
        let detail = format!("a name has 1 to {NAME_MAX} letters, digits, `-`, `_` and `.`");
        return Err(Problem::plain(StatusCode::BAD_REQUEST, detail));
    }
    match Ulid::from_string(name) {
        Ok(_) => Err(Problem::plain(StatusCode::BAD_REQUEST, "a name must not look like an identifier")),
        Err(_) => Ok(()),
    }
}

/// `DELETE /api/v1/models/{name}`: takes the name away; the model stays.
pub(crate) async fn unname(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer {
    if !app.store.unname_model(&name).await? {
        return Err(Problem::plain(StatusCode::NOT_FOUND, format!("Model {name} not found")));
    }
    app.names.write().remove(&name);
    Ok(answer::empty())
}

/// `POST /api/v1/models/{name}/predict`: `inputs` is one row by names, or a list for each name.
pub(crate) async fn predict(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
    payload: Payload,
) -> Answer {
    let (_, loaded) = app.model_named(&name).await?;
    let mut check = Check::new(app.settings.dialect, payload.bytes.len());
    let at = body();
    let inputs = check.object(&at, &payload.value).and_then(|object| {
        let options = object.get("options").filter(|options| !options.is_null());
        let options = options.map(|options| check.object(&below(&at, "options"), options));
        let inputs = check.member(&at, object, "inputs")?;
        Some((check.object(&below(&at, "inputs"), inputs)?, options.flatten()))
    });
    let (inputs, options) = check.end(inputs)?;
    let method =
        options.and_then(|options| options.get("inference_method")).filter(|method| !method.is_null());
    if let Some(method) = method.filter(|method| **method != LOCAL) {
        let method: String = method.to_string().chars().take(NAME_MAX).collect();
        return Err(refused(format!("Unknown inference method {method}; there is `{LOCAL}` alone")));
    }
    let one = !inputs.values().any(Value::is_array);
    let frame = super::invocations::forms::named(inputs).map_err(refused)?;
    let predicted = app.ask(&loaded, frame).await?;
    let single = |mut values: Vec<Value>| match one && values.len() == 1 {
        true => values.remove(0),
        false => values.into(),
    };
    let mut predictions = Map::new();
    predictions.insert("prediction".to_owned(), single(predicted.values()));
    let probabilities = predicted.probabilities();
    if !probabilities.is_empty() {
        let shown = probabilities.into_iter().map(|(class, values)| match values {
            Value::Array(values) => (class, single(values)),
            other => (class, other),
        });
        predictions.insert("probabilities".to_owned(), shown.collect::<Map<_, _>>().into());
    }
    let body = json!({
        "model_id": name,
        "predictions": predictions,
        "metadata": { "api_version": "1.0", "inference_method": LOCAL, "user_id": caller.consumer, "api_key_id": caller.credential },
        "timestamp": answer::data_time(Timestamp::now()).trim_end_matches("+00:00"),
    });
    Ok(answer::json(StatusCode::OK, &body))
}

fn refused(why: String) -> Problem {
    Problem::plain(StatusCode::BAD_REQUEST, why)
}

/// `GET /api/v1/models/{name}/info`: what the model is.
pub(crate) async fn info(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer {
    let (id, loaded) = app.model_named(&name).await?;
    let mut info = json!({
        "model_id": name,
        "name": name,
        "type": loaded.description()["model"],
        "storage": "artifact",
        "artifact_id": id.to_string(),
        "is_available": true,
        "inference_methods": [LOCAL],
        "max_batch_size": ROWS_MAX,
    });
    info["description"] = loaded.description();
    Ok(answer::json(StatusCode::OK, &info))
}

/// `GET /api/v1/models/{name}/health`: whether it can predict; 200 for an unknown one too, as the original has it.
pub(crate) async fn health(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer {
    let health = match app.model_named(&name).await {
        Ok(_) => json!({
            "model_id": name, "status": "healthy", "is_cached": true, "storage_type": "artifact", "inference_ready": true,
        }),
        Err(problem) => json!({ "model_id": name, "status": "unhealthy", "error": problem.text() }),
    };
    Ok(answer::json(StatusCode::OK, &health).into_response())
}
