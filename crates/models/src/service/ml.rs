//! Training and predicting, as jobs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use ulid::Ulid;

use super::Dialect;
use super::answer::{self, Answer};
use super::app::App;
use super::around::Caller;
use super::body::{Read, Sent};
use super::counters::Counters;
use super::pool::Full;
use super::problem::{Flaw, Problem};
use super::table::{self, Table, bad_text, members};
use super::validate::{Check, below, body};
use crate::store::{self, JobKind, NewJob};

/// What a model shall be trained by and on.
#[derive(Debug)]
pub(crate) struct TrainRequest<'a> {
    pub(crate) config: Ulid,
    pub(crate) data: Table<'a>,
}

/// Which model shall predict, and from what.
#[derive(Debug)]
pub(crate) struct PredictRequest<'a> {
    pub(crate) model: Ulid,
    pub(crate) future: Table<'a>,
}

/// A request of either kind.
pub(crate) trait Asked<'a>: Sized {
    /// Checks a body, and looks its tables through.
    fn read(dialect: Dialect, text: &'a str) -> Result<Self, Problem>;

    /// The table that the job is about.
    fn table(&self) -> &Table<'a>;

    /// How many bytes the job takes beside its request: its table, and as much again for what is computed of it.
    fn weight(&self) -> usize {
        self.table().weight().saturating_mul(2)
    }
}

impl<'a> Asked<'a> for TrainRequest<'a> {
    fn read(dialect: Dialect, text: &'a str) -> Result<Self, Problem> {
        let mut check = Check::of_text(dialect, text);
        let at = body();
        let Some([config, data, geo]) = members(text, ["config_id", "data", "geo"]).map_err(bad_text)? else {
            return Err(not_an_object(check, text));
        };
        let config = id(&mut check, &at, "config_id", config)?;
        let data = table(&mut check, &at, "data", data)?;
        geo_of(&mut check, &at, geo)?;
        check.end(config.zip(data).map(|(config, data)| Self { config, data }))
    }

    fn table(&self) -> &Table<'a> {
        &self.data
    }
}

impl<'a> Asked<'a> for PredictRequest<'a> {
    /// A model may be named as either dialect names it.
    fn read(dialect: Dialect, text: &'a str) -> Result<Self, Problem> {
        let mut check = Check::of_text(dialect, text);
        let at = body();
        let names = match dialect {
            Dialect::Chapkit => ["model_artifact_id", "artifact_id"],
            Dialect::Servicekit => ["artifact_id", "model_artifact_id"],
        };
        let wanted = [names[0], names[1], "historic", "future", "geo"];
        let Some([model, other, historic, future, geo]) = members(text, wanted).map_err(bad_text)? else {
            return Err(not_an_object(check, text));
        };
        let name = if model.is_none() && other.is_some() { names[1] } else { names[0] };
        let model = id(&mut check, &at, name, model.or(other))?;
        let historic = table(&mut check, &at, "historic", historic)?;
        let future = table(&mut check, &at, "future", future)?;
        geo_of(&mut check, &at, geo)?;
        let found = historic.and(model.zip(future));
        check.end(found.map(|(model, future)| Self { model, future }))
    }

    fn table(&self) -> &Table<'a> {
        &self.future
    }
}

type Member<'a> = Option<&'a RawValue>;

fn not_an_object(mut check: Check<'_>, text: &str) -> Problem {
    let outline = serde_json::from_str(text).ok().and_then(|raw| table::outline(raw).ok());
    check.object(&body(), &outline.unwrap_or_default());
    check.refusal()
}

fn id(check: &mut Check<'_>, at: &[Value], name: &str, id: Member<'_>) -> Result<Option<Ulid>, Problem> {
    let Some(id) = id else {
        check.missing(at, &Map::new(), name);
        return Ok(None);
    };
    Ok(check.id(&below(at, name), &table::outline(id)?))
}

fn table<'a>(
    check: &mut Check<'_>,
    at: &[Value],
    name: &str,
    table: Member<'a>,
) -> Result<Option<Table<'a>>, Problem> {
    match table {
        Some(table) => Table::look(check, &below(at, name), table),
        None => {
            check.missing(at, &Map::new(), name);
            Ok(None)
        }
    }
}

/// Places on the globe are checked for their form alone.
fn geo_of(check: &mut Check<'_>, at: &[Value], geo: Member<'_>) -> Result<(), Problem> {
    const NAMES: [&str; 2] = ["type", "features"];
    let Some(geo) = geo else { return Ok(()) };
    let mut outline = table::outline(geo)?;
    if let (Some(found), Value::Object(outline)) =
        (members(geo.get(), NAMES).map_err(bad_text)?, &mut outline)
    {
        for (name, member) in NAMES.into_iter().zip(found) {
            if let Some(member) = member {
                outline.insert(name.to_owned(), table::outline(member)?);
            }
        }
    }
    check.geo(&below(at, "geo"), Some(&outline));
    Ok(())
}

/// Whether a body is a request, and its job may be done within the room for one.
async fn check(app: &App, kind: JobKind, read: &mut Read) -> Result<(), Problem> {
    let (dialect, bytes) = (app.settings.dialect, read.bytes.len());
    app.apart(bytes, || {
        // A text that only Python writes is copied.
        app.room.take(&mut read.room, bytes)?;
        let text = super::body::text(&read.bytes)?;
        let weight = match kind {
            JobKind::Train => TrainRequest::read(dialect, &text)?.weight(),
            JobKind::Predict => PredictRequest::read(dialect, &text)?.weight(),
        };
        app.room.fits(weight.saturating_add(bytes))
    })
    .await
}

/// `POST /api/v1/ml/$train`: 202, and a job.
pub(crate) async fn train(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Sent(mut read): Sent,
) -> Answer {
    check(&app, JobKind::Train, &mut read).await?;
    Counters::add(&app.counters.train_jobs);
    submit(&app, JobKind::Train, caller, read).await
}

/// `POST /api/v1/ml/$predict`: 202, and a job.
pub(crate) async fn predict(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Sent(mut read): Sent,
) -> Answer {
    check(&app, JobKind::Predict, &mut read).await?;
    Counters::add(&app.counters.predict_jobs);
    submit(&app, JobKind::Predict, caller, read).await
}

/// Stores a job and puts it into the line; what was answered with 202 survives a crash.
async fn submit(app: &App, kind: JobKind, caller: Caller, read: Read) -> Answer {
    // The room is held until the store has the request.
    let Read { bytes: request, room: _room } = read;
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
pub(crate) async fn validate(State(app): State<Arc<App>>, Sent(mut read): Sent) -> Answer {
    let (dialect, bytes) = (app.settings.dialect, read.bytes.len());
    let looked = app.apart(bytes, || {
        app.room.take(&mut read.room, bytes)?;
        let text = super::body::text(&read.bytes)?;
        let kind = members(&text, ["type"]).map_err(bad_text)?.and_then(|[kind]| kind);
        match kind.map(table::outline).transpose()?.as_ref().and_then(Value::as_str) {
            Some("train") => {
                let asked = TrainRequest::read(dialect, &text)?;
                Ok((JobKind::Train, asked.config, asked.data.flaw()))
            }
            Some("predict") => {
                let asked = PredictRequest::read(dialect, &text)?;
                Ok((JobKind::Predict, asked.model, asked.future.flaw()))
            }
            _ => Err(no_type()),
        }
    });
    let (kind, id, flaw) = looked.await?;
    let unknown = match kind {
        JobKind::Train => app.store.config(id).await?.is_none().then(|| format!("Config {id} not found")),
        JobKind::Predict => {
            app.store.artifact(id).await?.is_none().then(|| format!("Artifact {id} not found"))
        }
    };
    let diagnostics: Vec<Value> = unknown
        .into_iter()
        .chain(flaw)
        .map(|message| json!({ "severity": "error", "code": "invalid", "message": message }))
        .collect();
    Ok(answer::json(StatusCode::OK, &json!({ "valid": diagnostics.is_empty(), "diagnostics": diagnostics })))
}

fn no_type() -> Problem {
    Problem::invalid(vec![Flaw {
        kind: "union_tag_not_found",
        at: body(),
        message: "Unable to extract tag using discriminator 'type'".to_owned(),
        input: Value::Null,
        context: Some(json!({ "discriminator": "'type'" })),
    }])
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
