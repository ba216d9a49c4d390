//! Configurations: what models are trained by.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use ulid::Ulid;

use super::Dialect;
use super::answer::{self, Answer};
use super::app::App;
use super::artifacts;
use super::body::Payload;
use super::ids::Id;
use super::listing::{self, Page};
use super::problem::Problem;
use super::validate::{Check, below, body};
use crate::store::{self, Config};

/// A configuration as callers see it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    id: String,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<[&'static str; 0]>,
    name: String,
    data: Box<RawValue>,
}

/// A configuration as callers send it.
struct Sent {
    id: Option<Ulid>,
    name: String,
    data: String,
}

impl Shown {
    pub(crate) fn new(config: Config, dialect: Dialect) -> Self {
        Self {
            id: config.id.to_string(),
            created_at: answer::plain_time(config.created_at),
            updated_at: answer::plain_time(config.updated_at),
            tags: dialect.is_new().then_some([]),
            name: config.name,
            data: RawValue::from_string(config.data).unwrap_or_default(),
        }
    }
}

fn read(dialect: Dialect, payload: &Payload) -> Result<Sent, Problem> {
    let mut check = Check::new(dialect, payload.bytes.len());
    let at = body();
    let found = check.object(&at, &payload.value).and_then(|object| {
        let id = object.get("id").filter(|id| !id.is_null()).map(|id| check.id(&below(&at, "id"), id));
        let name = check.member(&at, object, "name").and_then(|name| check.text(&below(&at, "name"), name));
        let data = check.member(&at, object, "data").and_then(|data| check.object(&below(&at, "data"), data));
        // An id that is none was told of; one that is absent is made.
        let id = match id {
            Some(id) => Some(id?),
            None => None,
        };
        Some(Sent { id, name: name?.to_owned(), data: with_defaults(dialect, data?) })
    });
    check.end(found)
}

/// The data as text; the newer dialect adds what its clients expect to find.
fn with_defaults(dialect: Dialect, data: &Map<String, Value>) -> String {
    if !dialect.is_new() {
        return serde_json::to_string(data).unwrap_or_default();
    }
    let mut all = Map::new();
    all.insert("prediction_periods".to_owned(), 3.into());
    all.insert("additional_continuous_covariates".to_owned(), json!([]));
    all.extend(data.iter().map(|(name, value)| (name.clone(), value.clone())));
    serde_json::to_string(&all).unwrap_or_default()
}

/// `POST /api/v1/configs`: makes one; in the older dialect, or writes over the one with its id.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: Uri,
    payload: Payload,
) -> Answer {
    let dialect = app.settings.dialect;
    let sent = read(dialect, &payload)?;
    let id = sent.id.unwrap_or_else(|| app.ids.next());
    let made = app.store.put_config((id, &sent.name, &sent.data), !dialect.is_new(), store::now()).await?;
    let made = made.ok_or_else(|| Problem::conflict(format!("Entity with id {id} already exists")))?;
    let path = format!("/api/v1/configs/{id}");
    Ok(answer::created(&answer::base(&app, &headers, &uri), &path, &Shown::new(made, dialect)))
}

/// `GET /api/v1/configs`: all, or a page of them.
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let dialect = app.settings.dialect;
    if let Some(page) = Page::of(&app, &uri)? {
        let configs = app.store.configs(page.slice()).await?;
        let shown: Vec<_> = configs.into_iter().map(|config| Shown::new(config, dialect)).collect();
        return Ok(page.answer(&shown, app.store.count_configs().await?));
    }
    listing::whole(app, 200, move |app: Arc<App>, slice| async move {
        let configs = app.store.configs(slice).await?;
        Ok(configs.into_iter().map(|config| Shown::new(config, dialect)).collect())
    })
    .await
}

/// `GET /api/v1/configs/{id}`.
pub(crate) async fn show(State(app): State<Arc<App>>, Id(id): Id) -> Answer {
    let config = app.store.config(id).await?.ok_or_else(|| Problem::no_entity(id))?;
    Ok(answer::json(StatusCode::OK, &Shown::new(config, app.settings.dialect)))
}

/// `PUT /api/v1/configs/{id}`: name and data anew.
pub(crate) async fn replace(State(app): State<Arc<App>>, Id(id): Id, payload: Payload) -> Answer {
    let sent = read(app.settings.dialect, &payload)?;
    let config = app.store.replace_config(id, &sent.name, &sent.data, store::now()).await?;
    let config = config.ok_or_else(|| Problem::no_entity(id))?;
    Ok(answer::json(StatusCode::OK, &Shown::new(config, app.settings.dialect)))
}

/// `DELETE /api/v1/configs/{id}`: in the newer dialect with the models that were made of it.
pub(crate) async fn remove(State(app): State<Arc<App>>, Id(id): Id) -> Answer {
    let with_artifacts = app.settings.dialect.is_new();
    let linked = if with_artifacts { app.store.linked(id).await? } else { Vec::new() };
    if !app.store.remove_config(id, with_artifacts).await? {
        return Err(Problem::no_entity(id));
    }
    for artifact in linked {
        app.models.forget(artifact.id);
    }
    app.names.write().clear();
    Ok(answer::empty())
}

/// `GET /api/v1/configs/$stats`.
pub(crate) async fn stats(State(app): State<Arc<App>>) -> Answer {
    Ok(answer::json(StatusCode::OK, &json!({ "total": app.store.count_configs().await? })))
}

/// `GET /api/v1/configs/$schema`: of a whole configuration in the older dialect, of its data in the newer one.
pub(crate) async fn schema(State(app): State<Arc<App>>) -> Answer {
    Ok(answer::json(StatusCode::OK, &super::docs::schemas::config(app.settings.dialect)))
}

/// `GET /api/v1/configs/{id}/$artifacts`: what was made of it; nothing where it is not there.
pub(crate) async fn artifacts(State(app): State<Arc<App>>, Id(id): Id) -> Answer {
    let linked = app.store.linked(id).await?;
    let shown: Vec<_> =
        linked.into_iter().map(|artifact| artifacts::Shown::new(artifact, app.settings.dialect)).collect();
    Ok(answer::json(StatusCode::OK, &shown))
}

/// `POST /api/v1/configs/{id}/$link-artifact`: says that an artifact without a parent was made of it.
pub(crate) async fn link(State(app): State<Arc<App>>, Id(id): Id, payload: Payload) -> Answer {
    let artifact = artifact_id(&app, &payload)?;
    if app.store.config(id).await?.is_none() {
        return Err(Problem::bad_request(format!("Config {id} not found")));
    }
    let found = app.store.artifact(artifact).await?;
    let found = found.ok_or_else(|| Problem::bad_request(format!("Artifact {artifact} not found")))?;
    if let Some(parent) = found.parent_id {
        let detail = format!("Artifact {artifact} is not a root artifact (parent_id={parent})");
        return Err(Problem::bad_request(detail));
    }
    app.store.link(id, artifact).await?;
    Ok(answer::empty())
}

/// `POST /api/v1/configs/{id}/$unlink-artifact`: says the opposite.
pub(crate) async fn unlink(State(app): State<Arc<App>>, Id(id): Id, payload: Payload) -> Answer {
    let artifact = artifact_id(&app, &payload)?;
    app.store.unlink(id, artifact).await?;
    Ok(answer::empty())
}

fn artifact_id(app: &App, payload: &Payload) -> Result<Ulid, Problem> {
    let mut check = Check::new(app.settings.dialect, payload.bytes.len());
    let at = body();
    let found = check.object(&at, &payload.value).and_then(|object| {
        let id = check.member(&at, object, "artifact_id")?;
        check.id(&below(&at, "artifact_id"), id)
    });
    check.end(found)
}
