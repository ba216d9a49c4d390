//! Many calls at once: none is lost, and memory stays bounded.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{CONFIG, Client, Ground, last_column, request, rows, same, serve, table, with};

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

#[test]
fn a_small_text_that_makes_a_large_value_is_refused_before_it_is_one() {
    let ground = Ground::sqlite();
    let mut settings = ground.settings();
    // One body may take half of it.
    settings.memory = 64 * 1024 * 1024;
    settings.body_max = 32 * 1024 * 1024;
    with(settings, async |client| {
        let model = client.model().await;
        // Three bytes a row; a hundred times that in memory.
        let rows = "[],".repeat(1_500_000) + "[]";
        let infer = format!(r#"{{"inputs":[{{"name":"a","shape":[1],"datatype":"FP64","data":[{rows}]}}]}}"#);
        // The first cell makes a column of values of all kinds.
        let cells = format!(r#"[{{}}]{}"#, ",[1]".repeat(1_250_000));
        let train = format!(r#"{{"config_id":"{CONFIG}","data":{{"columns":["a"],"data":[{cells}]}}}}"#);
        let invoke = format!(r#"{{"inputs":[{{}},{rows}]}}"#);
        let before = resident();
        let check = async |path: &str, body: &str| {
            let reply = client.raw("POST", path, "application/json", body.to_owned()).await;
            assert_eq!(reply.status, 413, "{path}");
            assert!(reply.text().contains("bytes of memory"), "{reply:?}");
        };
        check("/api/v1/ml/$train", &train).await;
        check(&format!("/v2/models/{model}/infer"), &infer).await;
        check("/invocations", &invoke).await;
        // As a table, rows without cells take nothing.
        let train = format!(r#"{{"config_id":"{CONFIG}","data":{{"columns":["a"],"data":[{rows}]}}}}"#);
        let reply = client.raw("POST", "/api/v1/ml/$train", "application/json", train).await;
        let job = client.ended(&reply.json()).await;
        assert_eq!(job["error"], "ValueError: 1 columns passed, passed data had 0 columns");
        let grown = resident().saturating_sub(before);
        assert!(grown < 48 * 1024 * 1024, "{grown} bytes");
    });
}

#[test]
fn a_table_of_many_short_rows_is_learned_from_in_little_memory() {
    let ground = Ground::sqlite();
    let mut settings = ground.settings();
    // One body may take half of it.
    settings.memory = 128 * 1024 * 1024;
    settings.body_max = 64 * 1024 * 1024;
    with(settings, async |client| {
        client.config(json!({ "target": "y", "features": ["x"] })).await;
        let rows = "[1,3],[2,5],[4,9],".repeat(333_333) + "[0,1]";
        let train = format!(r#"{{"config_id":"{CONFIG}","data":{{"columns":["x","y"],"data":[{rows}]}}}}"#);
        let reply = client.raw("POST", "/api/v1/ml/$train", "application/json", train).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        let model = reply.json()["artifact_id"].as_str().unwrap().to_owned();
        assert_eq!(client.ended(&reply.json()).await["status"], "completed");
        let split = format!(r#"{{"dataframe_split":{{"columns":["x","y"],"data":[{rows}]}}}}"#);
        let path = format!("/invocations?model={model}");
        let reply = client.raw("POST", &path, "application/json", split).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json()["predictions"].as_array().unwrap().len(), 1_000_000);
    });
}

#[test]
fn jobs_that_wait_and_artifacts_that_are_kept_have_bounds_in_bytes() {
    let ground = Ground::sqlite();
    let mut settings = ground.settings();
    settings.queue_bytes = 100;
    with(settings, async |client| {
        client.config(json!({})).await;
        let reply = client.post("/api/v1/ml/$train", json!({ "config_id": CONFIG, "data": table() })).await;
        assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (503, "1"));
    });
    for ground in [Ground::sqlite(), Ground::postgres()] {
        let mut settings = ground.settings();
        settings.artifacts_bytes = 3000;
        with(settings, async |client| {
            let kept = client.post("/api/v1/artifacts", json!({ "data": "x".repeat(2500) })).await;
            assert_eq!(kept.status, 201);
            let more = json!({ "data": "x".repeat(1000) });
            let reply = client.post("/api/v1/artifacts", more.clone()).await;
            assert_eq!(reply.status, 507);
            assert!(reply.json()["detail"].as_str().unwrap().contains("more than 3000 bytes"), "{reply:?}");
            client.config(json!({})).await;
            let job = client.trained_on(table()).await;
            assert!(
                job["error"].as_str().unwrap().starts_with("RuntimeError: the artifacts would take"),
                "{job}"
            );
            // What is removed makes room.
            client.delete(&format!("/api/v1/artifacts/{}", kept.json()["id"].as_str().unwrap())).await;
            assert_eq!(client.post("/api/v1/artifacts", more).await.status, 201);
        });
    }
}
