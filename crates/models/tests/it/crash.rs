//! A service that is killed at any moment: what was answered is there, whole, and no job is left hanging.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tollgate_models::service::{Service, Settings};
use tollgate_models::store::Place;

use crate::harness::{Ground, block_on, last_column, request, rows, same, with};

const FOLDER: &str = "TOLLGATE_TEST_CHILD_MODELS";
/// What a child says of each prediction that it has seen whole, and of each job that was accepted.
const WORDS: [&str; 2] = ["completed ", "accepted "];

/// A process of its own that trains and predicts until somebody ends it.
#[test]
#[ignore = "other tests run it in a process of its own"]
fn child() {
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    with(Settings::new(Place::Folder(folder)), async |client| {
        let model = client.model().await;
        let say = |word: &str, id: &Value| {
            let mut output = std::io::stdout().lock();
            writeln!(output, "\n{word}{}", id.as_str().unwrap()).unwrap();
            output.flush().unwrap();
        };
        loop {
            let reply = client.post("/api/v1/ml/$predict", request(&model, rows())).await.json();
            say(WORDS[1], &reply["job_id"]);
            let job = client.ended(&reply).await;
            say(WORDS[0], &job["artifact_id"]);
            // This one is accepted and not waited for.
            let reply = client.post("/api/v1/ml/$predict", request(&model, rows())).await.json();
            say(WORDS[1], &reply["job_id"]);
        }
    });
}

#[test]
fn what_was_answered_survives_a_kill() {
    let ground = Ground::sqlite();
    let Place::Folder(folder) = &ground.place else { unreachable!() };
    let (mut artifacts, mut jobs) = (Vec::new(), Vec::new());
    for round in [1_usize, 4, 15, 40] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut found = 0;
        // What is still in the pipe after the kill was answered, too.
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if let Some(id) = line.strip_prefix(WORDS[0]) {
                artifacts.push(id.to_owned());
            } else if let Some(id) = line.strip_prefix(WORDS[1]) {
                jobs.push(id.to_owned());
            } else {
                continue;
            }
            found += 1;
            if found == round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(found >= round);
    }
    with(ground.settings(), async |client| {
        for id in &artifacts {
            let artifact = client.get(&format!("/api/v1/artifacts/{id}")).await.json();
            same(&last_column(&artifact["data"]["predictions"]));
        }
        for id in &jobs {
            let job = client.ended(&json!({ "job_id": id })).await;
            match job["status"].as_str().unwrap() {
                // Its state and its artifact came in one step.
                "completed" => {
                    let artifact = format!("/api/v1/artifacts/{}", job["artifact_id"].as_str().unwrap());
                    assert_eq!(client.get(&artifact).await.status, 200);
                }
                "failed" => assert_eq!(job["error"], "interrupted"),
                other => panic!("{other}"),
            }
        }
        // Every model can still be used.
        for artifact in client.get("/api/v1/artifacts").await.json().as_array().unwrap() {
            if artifact["level"] == 0 {
                let ready = format!("/v2/models/{}/ready", artifact["id"].as_str().unwrap());
                assert_eq!(client.get(&ready).await.status, 200);
            }
        }
    });
}

#[test]
fn a_restart_keeps_everything_on_both_databases() {
    for ground in [Ground::sqlite(), Ground::postgres()] {
        let mut model = String::new();
        with(ground.settings(), async |client| {
            model = client.model().await;
            client.put("/api/v1/models/kept", json!({ "artifact_id": model })).await;
        });
        with(ground.settings(), async |client| {
            let reply = client.post("/invocations?model=kept", json!({ "inputs": [[110.0, 26.0]] })).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!(client.get("/api/v1/jobs").await.json()[0]["status"], "completed");
        });
    }
}

#[test]
fn one_process_serves_from_a_place() {
    for ground in [Ground::sqlite(), Ground::postgres()] {
        with(ground.settings(), async |_| {
            let second = Service::open(ground.settings()).await.unwrap_err().to_string();
            assert!(second.contains("another process serves from this"), "{second}");
        });
        // And the next one, once the first has ended.
        block_on(async { Service::open(ground.settings()).await.unwrap().stop().await });
    }
}
