use serde_json::json;

use crate::harness::{CONFIG, NOTHING, last_column, on_each, rows, same, serve};

#[test]
fn a_model_and_its_predictions_are_a_tree() {
    on_each(async |client| {
        let model = client.model().await;
        let job = client.predicted(&model, rows()).await;
        let prediction = job["artifact_id"].as_str().unwrap();
        let shown = client.get(&format!("/api/v1/artifacts/{model}")).await.json();
        assert_eq!((&shown["level"], &shown["parent_id"]), (&json!(0), &json!(null)));
        let data = &shown["data"];
        assert_eq!((&data["ml_type"], &data["config_id"]), (&json!("trained_model"), &json!(CONFIG)));
        assert_eq!(data["model_type"], "sklearn.linear_model._base.LinearRegression");
        assert_eq!(data["trained_at"], data["completed_at"]);
        assert!(data["completed_at"].as_str().unwrap().ends_with("+00:00"));
        assert_eq!(data["model"]["features"], json!(["rainfall", "mean_temperature"]));
        let shown = client.get(&format!("/api/v1/artifacts/{prediction}")).await.json();
        assert_eq!((&shown["level"], &shown["parent_id"]), (&json!(1), &json!(model)));
        let table = &shown["data"]["predictions"];
        assert_eq!(table["columns"], json!(["rainfall", "mean_temperature", "sample_0"]));
        same(&last_column(table));
        let tree = client.get(&format!("/api/v1/artifacts/{model}/$tree")).await.json();
        assert_eq!(
            (&tree["level_label"], &tree["hierarchy"]),
            (&json!("trained_model"), &json!("secure_ml_pipeline"))
        );
        assert_eq!(tree["config"]["id"], CONFIG);
        assert_eq!(tree["children"][0]["level_label"], "predictions");
        assert_eq!(
            (&tree["children"][0]["children"], &tree["children"][0]["config"]),
            (&json!([]), &json!(null))
        );
        let expanded = client.get(&format!("/api/v1/artifacts/{model}/$expand")).await.json();
        assert_eq!((&expanded["children"], &expanded["config"]["id"]), (&json!(null), &json!(CONFIG)));
        // The predictions outlive their model, with their level.
        assert_eq!(client.delete(&format!("/api/v1/artifacts/{model}")).await.status, 204);
        let orphan = client.get(&format!("/api/v1/artifacts/{prediction}")).await.json();
        assert_eq!((&orphan["level"], &orphan["parent_id"]), (&json!(1), &json!(null)));
        let failed = client.predicted(&model, rows()).await;
        assert_eq!(failed["error"], format!("ValueError: Model artifact {model} not found"));
    });
}

#[test]
fn files_and_rows_are_downloaded() {
    serve(async |client| {
        let model = client.model().await;
        let job = client.predicted(&model, rows()).await;
        let reply = client.get(&format!("/api/v1/artifacts/{model}/$download")).await;
        assert_eq!(reply.header("content-disposition"), format!("attachment; filename=artifact_{model}.tgm"));
        tollgate_models::learn::Model::from_bytes(&reply.body).unwrap();
        let metadata = client.get(&format!("/api/v1/artifacts/{model}/$metadata")).await.json();
        assert_eq!(metadata["content_size"], reply.body.len());
        assert_eq!(metadata["sha256"].as_str().unwrap().len(), 64);
        let rows = client
            .get(&format!("/api/v1/artifacts/{}/$download", job["artifact_id"].as_str().unwrap()))
            .await;
        let numbers: Vec<f64> =
            rows.json().as_array().unwrap().iter().map(|row| row["sample_0"].as_f64().unwrap()).collect();
        same(&numbers);
    });
}

#[test]
fn callers_keep_what_they_like() {
    on_each(async |client| {
        for data in [json!({ "a": 1 }), json!([1]), json!(5), json!(null), json!("text"), json!("nul \u{0}")]
        {
            let made = client.post("/api/v1/artifacts", json!({ "data": data, "level": 9 })).await;
            assert_eq!(made.status, 201);
            let made = made.json();
            assert_eq!((&made["data"], &made["level"]), (&data, &json!(0)));
            let path = format!("/api/v1/artifacts/{}", made["id"].as_str().unwrap());
            assert_eq!(client.put(&path, json!({ "data": [data] })).await.json()["data"], json!([data]));
            // It is no model.
            let failed = client.predicted(made["id"].as_str().unwrap(), rows()).await;
            let expected =
                format!("ValueError: Artifact {} is not a trained model", made["id"].as_str().unwrap());
            assert_eq!(failed["error"], expected);
        }
    });
}

#[test]
fn a_parent_must_be_there_and_above() {
    on_each(async |client| {
        let reply = client.post("/api/v1/artifacts", json!({ "data": 1, "parent_id": NOTHING })).await;
        assert_eq!((reply.status.as_u16(), reply.json()["constraint"].as_str()), (409, Some("foreign_key")));
        let make = async |body| {
            client.post("/api/v1/artifacts", body).await.json()["id"].as_str().unwrap().to_owned()
        };
        let root = make(json!({ "data": 1 })).await;
        let child = make(json!({ "data": 2, "parent_id": root })).await;
        for parent in [&root, &child] {
            let put = client
                .put(&format!("/api/v1/artifacts/{root}"), json!({ "data": 1, "parent_id": parent }))
                .await;
            assert_eq!(put.status, 400);
        }
        let missing = client.get(&format!("/api/v1/artifacts/{NOTHING}/$tree")).await;
        let expected = json!({ "detail": format!("Artifact with id {NOTHING} not found") });
        assert_eq!((missing.status.as_u16(), missing.json()), (404, expected));
    });
}

#[test]
fn a_deep_tree_is_shown_whole() {
    serve(async |client| {
        let mut parent = json!(null);
        let mut root = String::new();
        for depth in 0..60 {
            let made =
                client.post("/api/v1/artifacts", json!({ "data": depth, "parent_id": parent })).await.json();
            parent = made["id"].clone();
            if depth == 0 {
                root = made["id"].as_str().unwrap().to_owned();
            }
        }
        let tree = client.get(&format!("/api/v1/artifacts/{root}/$tree")).await.json();
        let mut node = &tree;
        for depth in 0..60 {
            assert_eq!(node["data"], depth);
            node = &node["children"][0];
        }
    });
}
