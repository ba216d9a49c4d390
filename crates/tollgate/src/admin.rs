//! The admin listener: is the gate alive, can it serve?

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::state::Gate;

/// Serves until the process ends; health must be visible while the data plane drains.
pub async fn serve(socket: TcpListener, gate: Arc<Gate>) {
    let router = Router::new().route("/health", get(health)).route("/ready", get(ready)).with_state(gate);
    if let Err(error) = axum::serve(socket, router).await {
        tracing::error!(%error, "the admin listener ended");
    }
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// 200 where routes can be served; `degraded` names a store that is away and upstreams without a healthy target.
async fn ready(State(gate): State<Arc<Gate>>) -> (StatusCode, Json<Value>) {
    if gate.drain.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "draining" })));
    }
    let live = gate.live();
    let mut degraded: Vec<String> = live
        .upstreams
        .iter()
        .filter(|(_, state)| !state.targets.iter().any(|target| target.is_healthy()))
        .map(|(name, _)| format!("upstream:{name}"))
        .collect();
    degraded.sort_unstable();
    if gate.directory.is_away() {
        degraded.insert(0, "store".to_owned());
    }
    (StatusCode::OK, Json(json!({ "status": "ready", "degraded": degraded })))
}
