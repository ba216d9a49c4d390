//! Artifacts: models, predictions, and whatever callers keep beside them.

mod content;
mod shown;
mod tree;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{MethodRouter, get, post};
use serde_json::{Value, json};
use ulid::Ulid;

use super::answer::{self, Answer};
use super::app::App;
use super::body::Payload;
use super::ids::Id;
use super::listing::{self, Page};
use super::problem::Problem;
use super::validate::{Check, below, body};
use crate::store::{self, Kind, NewArtifact};
pub(crate) use shown::Shown;

/// The paths below `/api/v1/artifacts`.
pub(super) fn table() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/api/v1/artifacts", get(list).post(create)),
        ("/api/v1/artifacts/$schema", get(schema)),
        ("/api/v1/artifacts/$stats", get(stats)),
        ("/api/v1/artifacts/$upload", post(content::upload)),
        ("/api/v1/artifacts/{id}", get(show).put(replace).delete(remove)),
        ("/api/v1/artifacts/{id}/$tree", get(tree::tree)),
        ("/api/v1/artifacts/{id}/$expand", get(tree::expand)),
        ("/api/v1/artifacts/{id}/$config", get(tree::config)),
        ("/api/v1/artifacts/{id}/$metadata", get(content::metadata)),
        ("/api/v1/artifacts/{id}/$download", get(content::download)),
    ]
}

/// An artifact as callers send it. A level is computed, whatever is sent.
struct Sent {
    data: String,
    parent: Option<Ulid>,
}

fn read(app: &App, payload: Payload) -> Result<Sent, Problem> {
    let mut check = Check::new(app.settings.dialect, payload.bytes.len());
    let at = body();
    let found = check.object(&at, &payload.value).and_then(|object| {
        let data = check.member(&at, object, "data").map(Value::to_string);
        let parent = object.get("parent_id").filter(|id| !id.is_null());
        let parent = parent.map(|id| check.id(&below(&at, "parent_id"), id));
        Some(Sent { data: data?, parent: parent.flatten() })
    });
    check.end(found)
}

/// `POST /api/v1/artifacts`: keeps any JSON.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: Uri,
    payload: Payload,
) -> Answer {
    let sent = read(&app, payload)?;
    let new = NewArtifact {
        id: app.ids.next(),
        parent_id: sent.parent,
        kind: Kind::Plain,
        data: sent.data,
        content: None,
    };
    let made = app.store.add_artifact(new, store::now()).await?.ok_or_else(Problem::no_parent)?;
    let path = format!("/api/v1/artifacts/{}", made.id);
    Ok(answer::created(&answer::base(&app, &headers, &uri), &path, &Shown::new(made, app.settings.dialect)))
}

/// `GET /api/v1/artifacts`: all, or a page of them.
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let dialect = app.settings.dialect;
    if let Some(page) = Page::of(&app, &uri)? {
        let artifacts = app.store.artifacts(page.slice()).await?;
        let shown: Vec<_> = artifacts.into_iter().map(|artifact| Shown::listed(artifact, dialect)).collect();
        return Ok(page.answer(&shown, app.store.count_artifacts().await?));
    }
    listing::whole(app, 16, move |app: Arc<App>, slice| async move {
        let artifacts = app.store.artifacts(slice).await?;
        Ok(artifacts.into_iter().map(|artifact| Shown::listed(artifact, dialect)).collect())
    })
    .await
}

/// `GET /api/v1/artifacts/{id}`.
pub(crate) async fn show(State(app): State<Arc<App>>, Id(id): Id) -> Answer {
    let artifact = app.store.artifact(id).await?.ok_or_else(|| Problem::no_entity(id))?;
    let bytes = artifact.data.len();
    let dialect = app.settings.dialect;
    Ok(app.apart(bytes, || answer::json(StatusCode::OK, &Shown::new(artifact, dialect))).await)
}

/// `PUT /api/v1/artifacts/{id}`: its data anew. A model stays the model that it is.
pub(crate) async fn replace(State(app): State<Arc<App>>, Id(id): Id, payload: Payload) -> Answer {
    let sent = read(&app, payload)?;
    if let Some(parent) = sent.parent {
        // One that lies below it would make a circle.
        let below = app.store.descendants(id, tree::NODES).await?;
        if below.iter().any(|artifact| artifact.id == parent) {
            return Err(Problem::bad_request(format!("Artifact {parent} is or lies below artifact {id}")));
        }
    }
    let artifact = app.store.replace_artifact(id, &sent.data, sent.parent, store::now()).await?;
    let artifact = artifact.ok_or_else(|| Problem::no_entity(id))?;
    Ok(answer::json(StatusCode::OK, &Shown::new(artifact, app.settings.dialect)))
}

/// `DELETE /api/v1/artifacts/{id}`: what lies below it stays.
pub(crate) async fn remove(State(app): State<Arc<App>>, Id(id): Id) -> Answer {
    if !app.store.remove_artifact(id).await? {
        return Err(Problem::no_entity(id));
    }
    app.models.forget(id);
    app.names.write().clear();
    Ok(answer::empty())
}

/// `GET /api/v1/artifacts/$stats`.
pub(crate) async fn stats(State(app): State<Arc<App>>) -> Answer {
    Ok(answer::json(StatusCode::OK, &json!({ "total": app.store.count_artifacts().await? })))
}

/// `GET /api/v1/artifacts/$schema`.
pub(crate) async fn schema(State(app): State<Arc<App>>) -> Answer {
    Ok(answer::json(StatusCode::OK, &super::docs::schemas::artifact(app.settings.dialect)))
}
