//! What is sent wrongly: the documented status, or a job that ends with one readable sentence.

use serde_json::{Value, json};

use crate::harness::{CONFIG, Client, NOTHING, request, rows, serve, table};

/// A sentence for callers: one line, nothing of the machine it was made on.
#[track_caller]
fn readable(job: &Value, beginning: &str) {
    assert_eq!(job["status"], "failed", "{job}");
    let error = job["error"].as_str().unwrap();
    assert!(error.starts_with(beginning), "{error}");
    assert_eq!(job["error_traceback"], json!(null));
    for wrong in ["\n", "/src/", ".rs", "SELECT", "INSERT", "panicked"] {
        assert!(!error.contains(wrong), "{error}");
    }
}

async fn trained(client: &Client, data: Value, beginning: &str) {
    readable(&client.trained_on(data).await, beginning);
}

#[test]
fn tables_that_no_model_can_learn_from_fail_their_job() {
    serve(async |client| {
        client.config(json!({})).await;
        let columns = json!(["rainfall", "mean_temperature", "disease_cases"]);
        let table = |data: Value| json!({ "columns": columns, "data": data });
        trained(&client, json!({ "columns": ["a"], "data": [[1]] }), "KeyError: ").await;
        trained(
            &client,
            table(json!([[1, 2, 3, 4]])),
            "ValueError: 3 columns passed, passed data had 4 columns",
        )
        .await;
        trained(&client, table(json!([])), "ValueError: Found array with 0 sample(s)").await;
        let text = "ValueError: could not convert string to float: 'a'";
        trained(&client, table(json!([["a", 2, 3]])), text).await;
        trained(&client, table(json!([[null, 2, 3]])), "ValueError: Input X contains NaN").await;
        let same = json!({ "columns": ["rainfall", "rainfall", "disease_cases"], "data": [[1, 2, 3]] });
        trained(&client, same, "ValueError: ").await;
        // What only Python writes is no number either.
        let body = format!(
            r#"{{"config_id":"{CONFIG}","data":{{"columns":{columns},"data":[[NaN,2,3],[1,-Infinity,3]]}}}}"#
        );
        let reply = client.raw("POST", "/api/v1/ml/$train", "application/json", body.clone()).await;
        readable(&client.ended(&reply.json()).await, "ValueError: Input X contains NaN");
        // Nor is it nothing, as a missing number to predict would be.
        let body = body.replace("[NaN,2,3],[1,-Infinity,3]", "[1,2,3],[1,2,Infinity]");
        let reply = client.raw("POST", "/api/v1/ml/$train", "application/json", body.clone()).await;
        readable(&client.ended(&reply.json()).await, "ValueError: Input X contains infinity");
    });
}

#[test]
fn a_configuration_that_makes_no_sense_fails_the_job() {
    serve(async |client| {
        let check = async |data: Value| {
            client.config(data).await;
            trained(&client, table(), "ValueError: ").await;
        };
        check(json!({ "model": "magic" })).await;
        check(json!({ "model": 7 })).await;
        check(json!({ "features": [] })).await;
        check(json!({ "features": ["disease_cases"] })).await;
        check(json!({ "parameters": { "nonsense": 1 } })).await;
    });
}

#[test]
fn what_no_model_can_predict_from_fails_its_job() {
    serve(async |client| {
        let model = client.model().await;
        let prediction = client.predicted(&model, rows()).await["artifact_id"].as_str().unwrap().to_owned();
        let check = async |model: &str, future: Value, beginning: &str| {
            let job = client.predicted(model, future).await;
            readable(&job, beginning);
            assert_eq!((&job["artifact_id"], &job["result"]), (&json!(null), &json!(null)));
        };
        check(NOTHING, rows(), &format!("ValueError: Model artifact {NOTHING} not found")).await;
        check(&prediction, rows(), &format!("ValueError: Artifact {prediction} is not a trained model"))
            .await;
        check(&model, json!({ "columns": ["x"], "data": [[1]] }), "KeyError: ").await;
        let none = json!({ "columns": ["rainfall", "mean_temperature"], "data": [] });
        check(&model, none, "ValueError: Found array with 0 sample(s)").await;
        let ragged = json!({ "columns": ["rainfall", "mean_temperature"], "data": [[1]] });
        check(&model, ragged, "ValueError: 2 columns passed, passed data had 1 columns").await;
        // An unknown configuration is found out by the job too.
        let reply = client.post("/api/v1/ml/$train", json!({ "config_id": NOTHING, "data": table() })).await;
        readable(&client.ended(&reply.json()).await, &format!("ValueError: Config {NOTHING} not found"));
    });
}

#[test]
fn bodies_of_another_form_are_told_what_is_wrong_where() {
    serve(async |client| {
        let check = async |path: &str, media_type: &str, body: &str, expected: Value| {
            let reply = client.raw("POST", path, media_type, body.to_owned()).await;
            assert_eq!(reply.status, 422, "{body}: {reply:?}");
            assert_eq!(reply.header("content-type"), "application/json");
            let found: Vec<Value> = reply.json()["detail"]
                .as_array()
                .unwrap()
                .iter()
                .map(|flaw| json!([flaw["type"], flaw["loc"], flaw["msg"]]))
                .collect();
            assert_eq!(json!(found), expected, "{body}");
        };
        let (configs, train, predict, json) =
            ("/api/v1/configs", "/api/v1/ml/%24train", "/api/v1/ml/$predict", "application/json");
        let object = "Input should be a valid dictionary or object to extract fields from";
        check(configs, json, "", json!([["missing", ["body"], "Field required"]])).await;
        check(configs, json, "{bad", json!([["json_invalid", ["body", 1], "JSON decode error"]])).await;
        check(configs, "text/plain", "{}", json!([["model_attributes_type", ["body"], object]])).await;
        check(configs, json, "[1]", json!([["model_attributes_type", ["body"], object]])).await;
        let several = r#"{"id":"x","name":5}"#;
        check(
            configs,
            json,
            several,
            json!([
                ["ulid_format", ["body", "id"], "Unrecognized format"],
                ["string_type", ["body", "name"], "Input should be a valid string"],
                ["missing", ["body", "data"], "Field required"],
            ]),
        )
        .await;
        let body =
            format!(r#"{{"config_id":"{CONFIG}","data":{{"columns":[1],"data":3}},"geo":{{"type":"x"}}}}"#);
        check(
            train,
            json,
            &body,
            json!([
                ["string_type", ["body", "data", "columns", 0], "Input should be a valid string"],
                ["list_type", ["body", "data", "data"], "Input should be a valid list"],
                ["literal_error", ["body", "geo", "type"], "Input should be 'FeatureCollection'"],
                ["missing", ["body", "geo", "features"], "Field required"],
            ]),
        )
        .await;
        let body = format!(r#"{{"model_artifact_id":"{CONFIG}","historic":null}}"#);
        check(
            predict,
            json,
            &body,
            json!([
                ["model_attributes_type", ["body", "historic"], object],
                ["missing", ["body", "future"], "Field required"],
            ]),
        )
        .await;
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let reply = client.raw("POST", train, json, deep).await;
        assert_eq!(reply.status, 422);
        assert!(reply.body.len() < 1000);
    });
}

#[test]
fn a_refusal_repeats_what_is_wrong() {
    serve(async |client| {
        let body = json!({ "data": { "columns": [{ "a": [1] }], "data": [7, [1]] } });
        let reply = client.post("/api/v1/ml/$train", body.clone()).await.json();
        let inputs: Vec<&Value> =
            reply["detail"].as_array().unwrap().iter().map(|flaw| &flaw["input"]).collect();
        assert_eq!(json!(inputs), json!([body, { "a": [1] }, 7]));
    });
}

#[test]
fn huge_bodies_and_huge_refusals_are_bounded() {
    let ground = crate::harness::Ground::sqlite();
    let mut settings = ground.settings();
    settings.body_max = 1024 * 1024;
    crate::harness::with(settings, async |client| {
        let huge = vec![b' '; 1024 * 1024 + 1];
        let reply = client.raw("POST", "/api/v1/ml/$train", "application/json", huge).await;
        assert_eq!(reply.status, 413);
        assert_eq!(reply.json()["detail"], "the body is larger than 1048576 bytes");
        // A body of nothing but flaws.
        let flaws = json!({ "config_id": CONFIG, "data": { "columns": vec![1; 90_000], "data": [] } });
        let reply = client.post("/api/v1/ml/$train", flaws).await;
        assert_eq!(reply.status, 422);
        assert!(reply.body.len() < 100_000, "{}", reply.body.len());
        let future = request(CONFIG, json!({ "columns": [], "data": vec![1; 200_000] }));
        assert!(client.post("/api/v1/ml/$predict", future).await.body.len() < 100_000);
    });
}
