use std::num::NonZeroUsize;

use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tollgate_models::service::Settings;

use crate::harness::{
    CONFIG, Client, Ground, NOTHING, last_column, on_each, request, rows, same, serve, table, with,
};

/// A table that takes long to learn from: until somebody calls it off, as far as a test is concerned.
async fn long(client: &Client) -> Value {
    let data = json!({
        "model": "random_forest", "target": "y", "features": ["a", "b", "c"],
        "parameters": { "n_estimators": 1000 },
    });
    client.config(data).await;
    let rows: Vec<Value> = (0..4000_i64)
        .map(|row| json!([row * 7919 % 1009, row * 104_729 % 997, row * 31 % 89, row * 1_299_709 % 9973]))
        .collect();
    let data = json!({ "columns": ["a", "b", "c", "y"], "data": rows });
    let reply = client.post("/api/v1/ml/$train", json!({ "config_id": CONFIG, "data": data })).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    reply.json()
}

fn path(accepted: &Value) -> String {
    format!("/api/v1/jobs/{}", accepted["job_id"].as_str().unwrap())
}

#[test]
fn a_job_has_the_members_of_the_code_and_of_the_guide() {
    on_each(async |client| {
        client.config(json!({})).await;
        let reply = client
            .post("/api/v1/ml/$train", json!({ "config_id": CONFIG, "data": table(), "geo": null }))
            .await;
        let accepted = reply.json();
        let id = accepted["job_id"].as_str().unwrap();
        assert_eq!(accepted["status"], "pending");
        assert_eq!(accepted["message"], format!("Training job submitted. Job ID: {id}"));
        let job = client.ended(&accepted).await;
        assert_eq!((&job["status"], &job["error"]), (&json!("completed"), &json!(null)));
        assert_eq!(job["artifact_id"], accepted["model_artifact_id"]);
        assert_eq!(job["result"], "Training completed successfully");
        assert_eq!((&job["created_at"], &job["updated_at"]), (&job["submitted_at"], &job["finished_at"]));
        let time = job["finished_at"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.len() == "2025-10-12T16:00:00.123456Z".len(), "{time}");
        let reply =
            client.post("/api/v1/ml/%24predict", request(job["artifact_id"].as_str().unwrap(), rows())).await;
        let predicted = client.ended(&reply.json()).await;
        assert_eq!(predicted["artifact_id"], reply.json()["prediction_artifact_id"]);
        // Newest first.
        let all = client.get("/api/v1/jobs").await.json();
        assert_eq!((&all[0]["id"], &all[1]["id"]), (&predicted["id"], &job["id"]));
        let failed = client.get("/api/v1/jobs?status_filter=failed").await;
        assert_eq!(failed.json(), json!([]));
        let wrong = client.get("/api/v1/jobs?status_filter=x").await;
        assert_eq!((wrong.status.as_u16(), wrong.json()["detail"][0]["type"].as_str()), (422, Some("enum")));
        assert_eq!(client.delete(&path(&accepted)).await.status, 204);
        let gone = client.get(&path(&accepted)).await;
        assert_eq!((gone.status.as_u16(), gone.json()), (404, json!({ "detail": "Job not found" })));
    });
}

#[test]
fn a_stream_tells_of_a_job_until_it_has_ended() {
    serve(async |client| {
        client.config(json!({})).await;
        let reply = client.post("/api/v1/ml/$train", json!({ "config_id": CONFIG, "data": table() })).await;
        let events = client.get(&format!("{}/$stream?poll_interval=0.1", path(&reply.json()))).await;
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-cache"),
            ("connection", "keep-alive"),
            ("x-accel-buffering", "no"),
        ] {
            assert_eq!(events.header(name), value);
        }
        let text = events.text();
        let last = text.trim_end().rsplit("\n\n").next().unwrap().strip_prefix("data: ").unwrap();
        let last: Value = serde_json::from_str(last).unwrap();
        assert_eq!((&last["status"], &last["progress"]), (&json!("completed"), &json!(1.0)));
        let bad = client.get("/api/v1/jobs/nope/$stream").await;
        assert_eq!((bad.status.as_u16(), bad.json()), (400, json!({ "detail": "Invalid job ID format" })));
        assert_eq!(client.get(&format!("/api/v1/jobs/{NOTHING}/$stream")).await.status, 404);
        for wrong in ["0", "-1", "61", "x", "NaN"] {
            let stream = format!("{}/$stream?poll_interval={wrong}", path(&reply.json()));
            assert_eq!(client.get(&stream).await.status, 422, "{wrong}");
        }
    });
}

#[test]
fn a_running_job_is_called_off() {
    serve(async |client| {
        let accepted = long(&client).await;
        // The first event comes at once, the next ones as the job goes on.
        let stream = format!("{}/$stream?poll_interval=60", path(&accepted));
        let mut body = client.send("GET", &stream, "", Body::empty()).await.into_body();
        loop {
            let event = body.frame().await.unwrap().unwrap().into_data().unwrap();
            if String::from_utf8_lossy(&event).contains("\"running\"") {
                break;
            }
        }
        let job = client.raw("POST", &format!("{}/$cancel", path(&accepted)), "", "").await.json();
        assert_eq!(job["status"], "canceled");
        let rest = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert!(rest.contains("\"canceled\""), "{rest}");
        let artifact = accepted["model_artifact_id"].as_str().unwrap();
        assert_eq!(client.get(&format!("/api/v1/artifacts/{artifact}")).await.status, 404);
    });
}

#[test]
fn a_deleted_job_is_called_off_and_its_stream_says_so() {
    serve(async |client| {
        let accepted = long(&client).await;
        let stream = format!("{}/$stream?poll_interval=0.05", path(&accepted));
        let mut body = client.send("GET", &stream, "", Body::empty()).await.into_body();
        body.frame().await.unwrap().unwrap();
        assert_eq!(client.delete(&path(&accepted)).await.status, 204);
        let rest = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert!(rest.ends_with("data: {\"status\":\"deleted\"}\n\n"), "{rest}");
        assert_eq!(client.get("/api/v1/jobs").await.json(), json!([]));
    });
}

/// Waits until a thread has taken the job up.
async fn running(client: &Client, accepted: &Value) {
    while client.get(&path(accepted)).await.json()["status"] != "running" {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_stop_interrupts_what_runs_and_keeps_what_waits() {
    for ground in [Ground::sqlite(), Ground::postgres()] {
        let settings = || Settings { workers: NonZeroUsize::MIN, ..ground.settings() };
        let (mut first, mut second) = (Value::Null, Value::Null);
        with(settings(), async |client| {
            let model = client.model().await;
            first = long(&client).await;
            running(&client, &first).await;
            second = client.post("/api/v1/ml/$predict", request(&model, rows())).await.json();
        });
        with(settings(), async |client| {
            let (first, second) = (client.ended(&first).await, client.ended(&second).await);
            assert_eq!((&first["status"], &first["error"]), (&json!("failed"), &json!("interrupted")));
            assert_eq!(second["status"], "completed", "{second}");
            let artifact = format!("/api/v1/artifacts/{}", second["artifact_id"].as_str().unwrap());
            same(&last_column(&client.get(&artifact).await.json()["data"]["predictions"]));
        });
    }
}

#[test]
fn jobs_that_ended_long_ago_are_forgotten_and_what_they_made_stays() {
    for ground in [Ground::sqlite(), Ground::postgres()] {
        let settings = |jobs_kept| Settings { jobs_kept, workers: NonZeroUsize::MIN, ..ground.settings() };
        let count = async |client: &Client| client.get("/api/v1/jobs").await.json().as_array().unwrap().len();
        let mut last = Value::Null;
        with(settings(3), async |client| {
            let model = client.model().await;
            for _ in 0..5 {
                last = client.predicted(&model, rows()).await;
            }
            assert_eq!(count(&client).await, 3);
            assert_eq!(client.get("/api/v1/artifacts").await.json().as_array().unwrap().len(), 6);
            assert_eq!(client.get("/api/v1/jobs").await.json()[0]["id"], last["id"]);
        });
        // Fewer, from the next start on.
        with(settings(1), async |client| {
            assert_eq!(client.get("/api/v1/jobs").await.json(), json!([last]));
        });
    }
}

#[test]
fn a_full_queue_is_told_and_consumers_take_turns() {
    let ground = Ground::sqlite();
    let settings = Settings { workers: NonZeroUsize::MIN, queue: 10, ..ground.settings() };
    with(settings, async |client| {
        let first = long(&client).await;
        // One thread, and it is busy: from here on everything waits.
        running(&client, &first).await;
        let submit = async |consumer: &str| {
            let client = client.with("x-consumer-username", consumer);
            client.post("/api/v1/ml/$predict", request(NOTHING, rows())).await
        };
        let mut accepted = Vec::new();
        for _ in 0..5 {
            accepted.push(("greedy", submit("greedy").await.json()));
        }
        // Half of the queue is the most for one.
        let full = submit("greedy").await;
        assert_eq!((full.status.as_u16(), full.header("retry-after")), (503, "1"));
        assert_eq!(full.json()["detail"], "too many jobs of yours wait; try again later");
        for consumer in ["b", "b", "c", "d", "d"] {
            accepted.push((consumer, submit(consumer).await.json()));
        }
        assert_eq!(submit("e").await.json()["detail"], "too many jobs wait; try again later");
        assert_eq!(client.raw("POST", &format!("{}/$cancel", path(&first)), "", "").await.status, 200);
        let mut ended = Vec::new();
        for (consumer, accepted) in &accepted {
            let job = client.ended(accepted).await;
            ended.push((job["started_at"].as_str().unwrap().to_owned(), *consumer));
        }
        ended.sort();
        let order: Vec<&str> = ended.iter().map(|(_, consumer)| *consumer).collect();
        assert_eq!(order, ["greedy", "b", "c", "d", "greedy", "b", "d", "greedy", "greedy", "greedy"]);
    });
}
