//! Where an artifact stands among others.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use ulid::Ulid;

use super::Shown;
use crate::service::Dialect;
use crate::service::answer::{self, Answer};
use crate::service::app::App;
use crate::service::configs;
use crate::service::ids::Id;
use crate::service::problem::Problem;
use crate::store::Artifact;

/// The most artifacts of one tree.
pub(super) const NODES: i64 = 10_000;
/// What the levels are called, as the service of the guide has it.
const HIERARCHY: &str = "secure_ml_pipeline";

/// An artifact with its place.
#[derive(Debug, Serialize)]
struct Node {
    #[serde(flatten)]
    shown: Shown,
    level_label: Option<&'static str>,
    hierarchy: &'static str,
    children: Option<Vec<Node>>,
    /// The older dialect's: what the root was made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Option<configs::Shown>>,
}

impl Node {
    fn new(artifact: Artifact, dialect: Dialect, children: Option<Vec<Self>>) -> Self {
        let level_label = match artifact.level {
            0 => Some("trained_model"),
            1 => Some("predictions"),
            _ => None,
        };
        let config = (!dialect.is_new()).then_some(None);
        Self { shown: Shown::listed(artifact, dialect), level_label, hierarchy: HIERARCHY, children, config }
    }

    async fn with_config(mut self, app: &App, id: Ulid) -> Result<Self, Problem> {
        if let Some(config) = &mut self.config {
            let found = app.store.config_of(id).await?;
            *config = found.map(|found| configs::Shown::new(found, app.settings.dialect));
        }
        Ok(self)
    }
}

/// `GET /api/v1/artifacts/{id}/$tree`: the artifact and all below it.
pub(crate) async fn tree(State(app): State<Arc<App>>, Id(id): Id) -> Answer {
    let all = app.store.descendants(id, NODES + 1).await?;
    if i64::try_from(all.len()).unwrap_or(i64::MAX) > NODES {
        let detail =
            format!("more than {NODES} artifacts lie below artifact {id}; ask for a part of the tree");
        return Err(Problem::bad_request(detail));
    }
    let root = build(all, id, app.settings.dialect).ok_or_else(|| missing(id))?;
    Ok(answer::json(StatusCode::OK, &root.with_config(&app, id).await?))
}

/// Puts artifacts below their parents. Without recursion: how deep they lie is the callers' choice.
fn build(all: Vec<Artifact>, root: Ulid, dialect: Dialect) -> Option<Node> {
    let mut children: HashMap<Ulid, Vec<Node>> = HashMap::new();
    // Parents come before children, so from the end every child is whole when its parent needs it.
    for artifact in all.into_iter().rev() {
        let (id, parent) = (artifact.id, artifact.parent_id);
        let mut own = children.remove(&id).unwrap_or_default();
        own.reverse();
        let node = Node::new(artifact, dialect, Some(own));
        if id == root {
            return Some(node);
        }
        children.entry(parent?).or_default().push(node);
    }
    None
}

/// `GET /api/v1/artifacts/{id}/$expand`: the artifact with its place and nothing below it.
pub(crate) async fn expand(State(app): State<Arc<App>>, Id(id): Id) -> Answer {
    let artifact = app.store.artifact(id).await?.ok_or_else(|| missing(id))?;
    let node = Node::new(artifact, app.settings.dialect, None);
    Ok(answer::json(StatusCode::OK, &node.with_config(&app, id).await?))
}

/// `GET /api/v1/artifacts/{id}/$config`: what the artifact, or the one at the root above it, was made of.
pub(crate) async fn config(State(app): State<Arc<App>>, Id(id): Id) -> Answer {
    let mut root = id;
    for _ in 0..NODES {
        match app.store.artifact(root).await?.and_then(|artifact| artifact.parent_id) {
            Some(parent) => root = parent,
            None => break,
        }
    }
    let found = app.store.config_of(root).await?;
    let found = found.ok_or_else(|| Problem::missing(format!("No config linked to artifact {id}")))?;
    Ok(answer::json(StatusCode::OK, &configs::Shown::new(found, app.settings.dialect)))
}

fn missing(id: Ulid) -> Problem {
    Problem::missing_detail(format!("Artifact with id {id} not found"))
}
