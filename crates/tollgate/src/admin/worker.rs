//! The probes of the role `worker`: health, readiness and metrics of a process without a gate.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::metrics::Text;
use super::probes::{Health, Ready};
use crate::role::worker::Status;

/// The router of a worker's probes.
pub fn worker_probes(status: &Arc<Status>) -> Router {
    let routes = OpenApiRouter::new().routes(routes!(health)).routes(routes!(ready)).routes(routes!(metrics));
    routes.split_for_parts().0.with_state(status.clone())
}

/// Is the process alive?
#[utoipa::path(get, path = "/health", responses((status = 200, description = "It is", body = Health)))]
async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Can it book?
#[utoipa::path(get, path = "/ready",
    responses((status = 200, description = "It can", body = Ready),
        (status = 503, description = "The store was not reached yet, or it stops", body = Ready)))]
async fn ready(State(status): State<Arc<Status>>) -> (StatusCode, Json<Ready>) {
    let answer = |code, status, degraded| (code, Json(Ready { status, degraded }));
    if status.is_stopping() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "draining", Vec::new());
    }
    match status.counters() {
        Some(_) => answer(StatusCode::OK, "ready", Vec::new()),
        None => answer(StatusCode::SERVICE_UNAVAILABLE, "failing", vec!["store".to_owned()]),
    }
}

/// Counters and gauges
#[utoipa::path(get, path = "/metrics",
    responses((status = 200, description = "All of them", body = String, content_type = "text/plain")))]
async fn metrics(State(status): State<Arc<Status>>) -> Response {
    let worked = status.counters().map(|counters| counters.read()).unwrap_or_default();
    let mut text = Text::default();
    let families = [
        ("events_total", "counter", "Usage events that were booked.", worked.events),
        ("duplicates_total", "counter", "Usage events that had been booked before.", worked.duplicates),
        ("strays_total", "counter", "Messages that are no events, and were put aside.", worked.strays),
        ("alarms_total", "counter", "Alarms that were raised.", worked.alarms),
        ("failures_total", "counter", "Times that the feed or the store failed.", worked.failures),
        ("dropped_total", "counter", "Messages that the feed dropped before they were read.", worked.dropped),
        ("parts", "gauge", "Parts of the feed that this worker reads.", worked.parts),
        ("behind", "gauge", "Messages that are not read yet; Kinesis does not tell.", worked.behind),
    ];
    for (name, kind, help, value) in families {
        text.family(&format!("tollgate_worker_{name}"), kind, help);
        text.sample(&[], value);
    }
    text.family("tollgate_worker_store_up", "gauge", "Whether the store was reached.");
    text.sample(&[], u8::from(status.counters().is_some()));
    text.family("tollgate_build_info", "gauge", "Which program this is.");
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.out).into_response()
}
