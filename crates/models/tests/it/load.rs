//! Many calls at once: none is lost, and memory stays bounded.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Client, last_column, request, rows, same, serve};

const CALLS: usize = 1000;

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn a_thousand_predictions_at_once_are_all_answered() {
    serve(async |client| {
        let model = client.model().await;
        let before = resident();
        let client = Arc::new(client);
        let mut calls = JoinSet::new();
        for _ in 0..CALLS {
            calls.spawn(predicted(Arc::clone(&client), model.clone()));
        }
        let artifacts = calls.join_all().await;
        assert_eq!(artifacts.len(), CALLS);
        let jobs = client.get("/api/v1/jobs?status_filter=completed").await.json();
        assert_eq!(jobs.as_array().unwrap().len(), CALLS + 1);
        let grown = resident().saturating_sub(before);
        assert!(grown < 200 * 1024 * 1024, "{grown} bytes for {CALLS} calls");
    });
}

async fn predicted(client: Arc<Client>, model: String) {
    let reply = client.post("/api/v1/ml/$predict", request(&model, rows())).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let job = client.ended(&reply.json()).await;
    assert_eq!(job["status"], "completed", "{job}");
    let artifact =
        client.get(&format!("/api/v1/artifacts/{}", job["artifact_id"].as_str().unwrap())).await.json();
    same(&last_column(&artifact["data"]["predictions"]));
    let invoked = client.post("/invocations", json!({ "inputs": [[110.0, 26.0]] })).await;
    assert_eq!(invoked.status, 200);
}
