//! `/health`, `/ready` and `/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::metrics;

/// The routes of probes.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(ready)).routes(routes!(metrics_text))
}

/// That the process lives.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: &'static str,
}

/// Whether routes can be served.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// `ready`, `draining`, or `failing` where calls are refused because what they use cannot be recorded.
    pub status: &'static str,
    /// What is away: `journal`, `store`, `sink`, `shared`, `upstream:NAME`.
    pub degraded: Vec<String>,
}

/// Is the process alive?
#[utoipa::path(get, path = "/health", tag = "probes",
    responses((status = 200, description = "It is", body = Health)), security(()))]
async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Can routes be served?
///
/// Also where something is away; `degraded` names it.
#[utoipa::path(get, path = "/ready", tag = "probes",
    responses((status = 200, description = "They can", body = Ready),
        (status = 503, description = "The gate is about to stop, or its journal fails", body = Ready)),
    security(()))]
async fn ready(State(control): State<Arc<Control>>) -> (StatusCode, Json<Ready>) {
    if control.gate.drain.is_cancelled() {
        let draining = Ready { status: "draining", degraded: Vec::new() };
        return (StatusCode::SERVICE_UNAVAILABLE, Json(draining));
    }
    let live = control.gate.live();
    let unhealthy = live
        .upstreams
        .iter()
        .filter(|(_, state)| !state.targets.iter().any(|target| target.is_healthy()))
        .map(|(name, _)| format!("upstream:{name}"));
    let store = control.gate.directory.is_away().then(|| "store".to_owned());
    let sink = control.gate.ledger.counters().filter(|shipped| shipped.is_away()).map(|_| "sink".to_owned());
    let shared = control.gate.shared.as_ref().filter(|shared| !shared.is_up()).map(|_| "shared".to_owned());
    let records = control.gate.ledger.is_healthy();
    let journal = (!records).then(|| "journal".to_owned());
    let mut degraded: Vec<String> = unhealthy.chain(journal).chain(store).chain(sink).chain(shared).collect();
    degraded.sort_unstable();
    match records {
        true => (StatusCode::OK, Json(Ready { status: "ready", degraded })),
        false => (StatusCode::SERVICE_UNAVAILABLE, Json(Ready { status: "failing", degraded })),
    }
}

/// Counters and gauges
///
/// In the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "probes",
    responses((status = 200, description = "All of them", body = String, content_type = "text/plain")),
    security(()))]
async fn metrics_text(State(control): State<Arc<Control>>) -> Response {
    let text = metrics::text(&control);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
