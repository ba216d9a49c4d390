//! Training and predicting, as jobs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde_json::{Value, json};
use ulid::Ulid;

use super::Dialect;
use super::answer::{self, Answer};
use super::app::App;
use super::around::Caller;
use super::body::Payload;
use super::counters::Counters;
use super::pool::Full;
use super::problem::{Flaw, Problem};
use super::validate::{Check, ECHO_MAX, Rows, below, body};
use crate::store::{self, JobKind, NewJob};

/// What a model shall be trained by and on.
#[derive(Debug)]
pub(crate) struct TrainRequest {
    pub(crate) config: Ulid,
    pub(crate) data: Rows,
}

/// Which model shall predict, and from what.
#[derive(Debug)]
pub(crate) struct PredictRequest {
    pub(crate) model: Ulid,
    pub(crate) future: Rows,
}

impl TrainRequest {
    /// Checks a body that came in so many bytes.
    pub(crate) fn read(dialect: Dialect, mut value: Value, bytes: usize) -> Result<Self, Problem> {
        let mut check = Check::new(dialect, bytes);
        let (at, data) = (body(), part(&mut value, "data", bytes));
        let found = check.object(&at, &value).and_then(|object| {
            let config = check.member(&at, object, "config_id");
            let config = config.and_then(|id| check.id(&below(&at, "config_id"), id));
            let data = match data {
                Some(data) => check.rows(&below(&at, "data"), data),
                None => check.member(&at, object, "data").and(None),
            };
            check.geo(&below(&at, "geo"), object.get("geo"));
            Some(Self { config: config?, data: data? })
        });
        check.end(found)
    }
}

impl PredictRequest {
    /// Checks a body that came in so many bytes. A model may be named as either dialect names it.
    pub(crate) fn read(dialect: Dialect, mut value: Value, bytes: usize) -> Result<Self, Problem> {
        let mut check = Check::new(dialect, bytes);
        let at = body();
        let (historic, future) = (part(&mut value, "historic", bytes), part(&mut value, "future", bytes));
        let found = check.object(&at, &value).and_then(|object| {
            let names = match dialect {
                Dialect::Chapkit => ["model_artifact_id", "artifact_id"],
                Dialect::Servicekit => ["artifact_id", "model_artifact_id"],
            };
            let name = names.into_iter().find(|name| object.contains_key(*name)).unwrap_or(names[0]);
            let model = check.member(&at, object, name);
            let model = model.and_then(|id| check.id(&below(&at, name), id));
            let mut table = |name: &str, table: Option<Value>| match table {
                Some(table) => check.rows(&below(&at, name), table),
                None => check.member(&at, object, name).and(None),
            };
            let (historic, future) = (table("historic", historic), table("future", future));
            check.geo(&below(&at, "geo"), object.get("geo"));
            historic?;
            Some(Self { model: model?, future: future? })
        });
        check.end(found)
    }
}

/// A member. One of a large body is taken out and not copied; flaws repeat nothing of such a body.
fn part(value: &mut Value, name: &str, bytes: usize) -> Option<Value> {
    match bytes <= ECHO_MAX {
        true => value.get(name).cloned(),
        false => value.as_object_mut()?.remove(name),
    }
}

/// `POST /api/v1/ml/$train`: 202, and a job.
pub(crate) async fn train(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    payload: Payload,
) -> Answer {
    let Payload { value, bytes, room: _room } = payload;
    let dialect = app.settings.dialect;
    app.apart(bytes.len(), || TrainRequest::read(dialect, value, bytes.len())).await?;
    Counters::add(&app.counters.train_jobs);
    submit(&app, JobKind::Train, caller, bytes).await
}

/// `POST /api/v1/ml/$predict`: 202, and a job.
pub(crate) async fn predict(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    payload: Payload,
) -> Answer {
    let Payload { value, bytes, room: _room } = payload;
    let dialect = app.settings.dialect;
    app.apart(bytes.len(), || PredictRequest::read(dialect, value, bytes.len())).await?;
    Counters::add(&app.counters.predict_jobs);
    submit(&app, JobKind::Predict, caller, bytes).await
}

/// Stores a job and puts it into the line; what was answered with 202 survives a crash.
async fn submit(app: &App, kind: JobKind, caller: Caller, request: Vec<u8>) -> Answer {
    let ticket = app.queue.ticket(&caller.name, request.len() as u64).map_err(|full| match full {
        Full::All => Problem::busy("too many jobs wait"),
        Full::Consumer => Problem::busy("too many jobs of yours wait"),
        Full::Bytes => Problem::busy("the jobs that wait are too large"),
    })?;
    let (id, artifact_id) = app.ids.pair();
    let new = NewJob { id, kind, consumer: caller.name, artifact_id, request };
    app.store.add_job(new, store::now()).await?;
    ticket.enter(id);
    let (what, member) = match kind {
        JobKind::Train => ("Training", "model_artifact_id"),
        JobKind::Predict => ("Prediction", "prediction_artifact_id"),
    };
    let message = format!("{what} job submitted. Job ID: {id}");
    let artifact = artifact_id.to_string();
    let accepted = match app.settings.dialect {
        Dialect::Chapkit => json!({
            "job_id": id.to_string(), member: artifact, "message": message, "status": "pending", "artifact_id": artifact,
        }),
        Dialect::Servicekit => json!({
            "job_id": id.to_string(), "artifact_id": artifact, "message": message, "status": "pending", member: artifact,
        }),
    };
    Ok(answer::json(StatusCode::ACCEPTED, &accepted))
}

/// `POST /api/v1/ml/$validate`: whether a request would be taken, and what would become of it.
pub(crate) async fn validate(State(app): State<Arc<App>>, payload: Payload) -> Answer {
    let Payload { mut value, bytes, room: _room } = payload;
    let dialect = app.settings.dialect;
    let kind = part(&mut value, "type", bytes.len());
    let (rows, diagnostics) = match kind.as_ref().and_then(Value::as_str) {
        Some("train") => {
            let asked = TrainRequest::read(dialect, value, bytes.len())?;
            let known = app.store.config(asked.config).await?.is_some();
            (asked.data, (!known).then(|| format!("Config {} not found", asked.config)))
        }
        Some("predict") => {
            let asked = PredictRequest::read(dialect, value, bytes.len())?;
            let known = app.store.artifact(asked.model).await?.is_some();
            (asked.future, (!known).then(|| format!("Artifact {} not found", asked.model)))
        }
        _ => {
            return Err(Problem::invalid(vec![Flaw {
                kind: "union_tag_not_found",
                at: body(),
                message: "Unable to extract tag using discriminator 'type'".to_owned(),
                input: Value::Null,
                context: Some(json!({ "discriminator": "'type'" })),
            }]));
        }
    };
    let ragged = app.apart(bytes.len(), || rows.into_frame()).await.err();
    let diagnostics: Vec<Value> = diagnostics
        .into_iter()
        .chain(ragged)
        .map(|message| json!({ "severity": "error", "code": "invalid", "message": message }))
        .collect();
    Ok(answer::json(StatusCode::OK, &json!({ "valid": diagnostics.is_empty(), "diagnostics": diagnostics })))
}

/// `GET /api/v1/ml/$generate-sample-data`: the guide's table.
pub(crate) async fn sample() -> Json<Value> {
    Json(json!({ "data": example() }))
}

/// The table of the guide, which a configuration without `data` learns from.
pub(crate) fn example() -> Value {
    json!({
        "columns": ["rainfall", "mean_temperature", "disease_cases"],
        "data": [
            [100.5, 25.3, 12.0], [85.2, 27.1, 8.0], [120.8, 24.5, 15.0], [95.3, 26.2, 10.0],
            [110.0, 26.0, 13.0], [75.5, 28.0, 6.0], [130.2, 23.8, 18.0], [88.9, 27.5, 9.0],
        ],
    })
}
