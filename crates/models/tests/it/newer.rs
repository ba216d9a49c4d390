//! The newer dialect, where it differs.

use serde_json::{Value, json};

use crate::harness::{CONFIG, NOTHING, last_column, rows, same, serve_newer, table};

#[test]
fn refusals_are_problems() {
    serve_newer(async |client| {
        let reply = client.post("/api/v1/configs", json!({ "name": 5, "data": {} })).await;
        let problem = reply.json();
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (422, "application/problem+json"));
        assert_eq!(problem["type"], "urn:servicekit:error:validation-failed");
        assert_eq!(
            (&problem["instance"], &problem["trace_id"]),
            (&json!("http://models.test/api/v1/configs"), &json!(reply.header("x-request-id")))
        );
        assert_eq!(problem["errors"][0]["loc"], json!(["body", "name"]));
        client.config(json!({ "own": 1 })).await;
        let again = client.post("/api/v1/configs", json!({ "id": CONFIG, "name": "", "data": {} })).await;
        assert_eq!(
            (again.status.as_u16(), again.json()["detail"].clone()),
            (409, json!(format!("Entity with id {CONFIG} already exists")))
        );
        let job = client.get("/api/v1/jobs/nope").await;
        assert_eq!(
            (job.status.as_u16(), job.json()["detail"].as_str()),
            (400, Some("Invalid job ID format: nope"))
        );
        let job = client.get(&format!("/api/v1/jobs/{NOTHING}")).await.json();
        assert_eq!(job["detail"], format!("Job with id {NOTHING} not found"));
        let tree = client.get(&format!("/api/v1/artifacts/{NOTHING}/$tree")).await.json();
        assert_eq!(tree["instance"], format!("/api/v1/artifacts/{NOTHING}"));
        for wrong in ["page=1&size=101", "page=0&size=1"] {
            assert_eq!(client.get(&format!("/api/v1/configs?{wrong}")).await.status, 422);
        }
        // Small letters are an identifier here.
        let small = client.get(&format!("/api/v1/configs/{}", CONFIG.to_lowercase())).await.json();
        assert_eq!((&small["id"], &small["tags"]), (&json!(CONFIG), &json!([])));
        assert_eq!(
            small["data"],
            json!({ "prediction_periods": 3, "additional_continuous_covariates": [], "own": 1 })
        );
        assert_eq!(client.get("/api/v1/configs/").await.status, 404);
    });
}

#[test]
fn artifacts_have_metadata_and_content() {
    serve_newer(async |client| {
        client.config(json!({})).await;
        let body = json!({ "config_id": CONFIG, "data": table() });
        let accepted = client.post("/api/v1/ml/$train", body).await.json();
        let model = accepted["artifact_id"].as_str().unwrap();
        client.ended(&accepted).await;
        let asked =
            json!({ "artifact_id": model, "historic": { "columns": [], "data": [] }, "future": rows() });
        let accepted = client.post("/api/v1/ml/$predict", asked).await.json();
        client.ended(&accepted).await;
        let shown = client
            .get(&format!("/api/v1/artifacts/{}", accepted["artifact_id"].as_str().unwrap()))
            .await
            .json();
        let data = &shown["data"];
        assert_eq!(
            (&data["type"], &data["metadata"]["status"]),
            (&json!("ml_prediction"), &json!("success"))
        );
        assert_eq!(data["metadata"]["config_id"], CONFIG);
        same(&last_column(&data["content"]));
        let listed = client.get("/api/v1/artifacts").await.json();
        assert_eq!(
            (&listed[0]["data"]["type"], listed[0]["data"].get("content")),
            (&json!("ml_training_workspace"), None)
        );
        let tree = client.get(&format!("/api/v1/artifacts/{model}/$tree")).await.json();
        assert_eq!((tree.get("config"), tree["children"][0]["data"].get("content")), (None, None));
        // A configuration takes its models along.
        assert_eq!(client.delete(&format!("/api/v1/configs/{CONFIG}")).await.status, 204);
        assert_eq!(client.get(&format!("/api/v1/artifacts/{model}")).await.status, 404);
        assert_eq!(client.get(&format!("/v2/models/{model}/ready")).await.status, 404);
    });
}

#[test]
fn a_job_that_is_being_called_off_has_a_status_of_its_own() {
    serve_newer(async |client| {
        let found = client.get("/api/v1/jobs?status_filter=canceling").await;
        assert_eq!((found.status.as_u16(), found.json()), (200, json!([])));
        let schema = client.get("/api/v1/jobs/$schema").await.json();
        let statuses = &schema["$defs"]["JobRecord"]["properties"]["status"]["enum"];
        assert!(statuses.as_array().unwrap().contains(&json!("canceling")), "{statuses}");
        assert_eq!(client.get("/api/v1/system/apps/$schema").await.json()["type"], "array");
    });
    crate::harness::serve(async |client| {
        assert_eq!(client.get("/api/v1/jobs?status_filter=canceling").await.status, 422);
    });
}

#[test]
fn a_request_is_judged_without_a_job() {
    serve_newer(async |client| {
        client.config(json!({})).await;
        let check = async |body: Value, status: u16, expected: Value| {
            let reply = client.post("/api/v1/ml/$validate", body.clone()).await;
            let shown = reply.json();
            let found = match status {
                200 => shown["diagnostics"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one["message"].clone())
                    .collect(),
                _ => vec![shown["errors"][0]["type"].clone()],
            };
            assert_eq!((reply.status.as_u16(), json!(found)), (status, expected), "{body}");
        };
        let train = |id: &str, data: Value| json!({ "type": "train", "config_id": id, "data": data });
        let ragged = json!({ "columns": ["a", "b"], "data": [[1, 2], [1]] });
        check(train(CONFIG, crate::harness::table()), 200, json!([])).await;
        let why = "ValueError: 2 columns passed, passed data had 1 columns";
        check(train(CONFIG, ragged.clone()), 200, json!([why])).await;
        let unknown = format!("Config {NOTHING} not found");
        check(train(NOTHING, ragged), 200, json!([unknown, why])).await;
        let mut predict = crate::harness::request(NOTHING, crate::harness::rows());
        predict["type"] = "predict".into();
        check(predict, 200, json!([format!("Artifact {NOTHING} not found")])).await;
        check(train(CONFIG, json!(1)), 422, json!(["model_attributes_type"])).await;
        check(json!({ "type": [1] }), 422, json!(["union_tag_not_found"])).await;
        check(json!([]), 422, json!(["union_tag_not_found"])).await;
    });
}
