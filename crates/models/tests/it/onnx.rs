//! Models of other programs: uploaded, described, asked by every way.

use serde_json::{Value, json};

use crate::harness::{Client, Reply, serve};

async fn upload(client: &Client, file: &str, query: &str) -> Reply {
    let path = format!("{}/tests/onnx/{file}.onnx", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).unwrap();
    client.raw("POST", &format!("/api/v1/artifacts/$upload{query}"), "application/octet-stream", bytes).await
}

fn expected(file: &str) -> Value {
    let path = format!("{}/tests/onnx/expected.json", env!("CARGO_MANIFEST_DIR"));
    let mut all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    all[file].take()
}

#[track_caller]
fn near(found: &Value, expected: &Value) {
    let numbers = |list: &Value| -> Vec<f64> {
        // A column may come as rows of one.
        let number = |one: &Value| one.as_f64().unwrap_or_else(|| one[0].as_f64().unwrap());
        list.as_array().unwrap_or_else(|| panic!("{list}")).iter().map(number).collect()
    };
    let (found, expected) = (numbers(found), numbers(expected));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        // The file computes with half of the digits.
        assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
    }
}

#[test]
fn an_uploaded_model_answers_every_way() {
    serve(async |client| {
        let reply = upload(&client, "line", "?name=line").await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let made = reply.json();
        let id = made["id"].as_str().unwrap();
        assert_eq!(reply.header("location"), format!("http://models.test/api/v1/artifacts/{id}"));
        assert_eq!((&made["level"], &made["parent_id"]), (&json!(0), &json!(null)));
        let metadata = client.get(&format!("/api/v1/artifacts/{id}/$metadata")).await.json();
        assert_eq!(metadata["inputs"][0]["shape"], json!([-1, 2]), "{metadata}");
        let model = client.get("/v2/models/line").await.json();
        assert_eq!(model["inputs"], metadata["inputs"]);
        let expected = expected("line");
        let rows = &expected["rows"];
        let count = rows.as_array().unwrap().len();
        let input = &model["inputs"][0];
        let tensor = json!({ "name": input["name"], "datatype": input["datatype"], "shape": [count, 2], "data": rows });
        let answer = client.post("/v2/models/line/infer", json!({ "inputs": [tensor] })).await.json();
        near(&answer["outputs"][0]["data"], &expected["sample_0"]);
        let invoked = client.post("/invocations", json!({ "instances": rows })).await.json();
        near(&invoked["predictions"], &expected["sample_0"]);
        let future = json!({ "columns": ["rainfall", "mean_temperature"], "data": rows });
        let job = client.predicted(id, future).await;
        let artifact =
            client.get(&format!("/api/v1/artifacts/{}", job["artifact_id"].as_str().unwrap())).await.json();
        let table = &artifact["data"]["predictions"];
        let last: Vec<&Value> = table["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row.as_array().unwrap().last().unwrap())
            .collect();
        near(&json!(last), &expected["sample_0"]);
        assert_eq!(artifact["parent_id"], *id);
        let file = client.get(&format!("/api/v1/artifacts/{id}/$download")).await;
        assert_eq!(file.header("content-type"), "application/onnx");
        assert_eq!(file.header("content-disposition"), format!("attachment; filename=artifact_{id}.onnx"));
    });
}

#[test]
fn what_does_not_fit_is_told() {
    serve(async |client| {
        upload(&client, "line", "?name=line").await;
        let tensor = |name: &str, shape: Value, data: Value| json!({ "inputs": [{ "name": name, "datatype": "FP32", "shape": shape, "data": data }] });
        let name =
            client.get("/v2/models/line").await.json()["inputs"][0]["name"].as_str().unwrap().to_owned();
        for (body, why) in [
            (tensor(&name, json!([1, 3]), json!([1, 2, 3])), "shape"),
            (tensor("other", json!([1, 2]), json!([1, 2])), "other"),
            (tensor(&name, json!([1, 2]), json!([1, null])), "missing"),
            (tensor(&name, json!([2, 2]), json!([1, 2])), "2 elements"),
        ] {
            let reply = client.post("/v2/models/line/infer", body.clone()).await;
            assert_eq!(reply.status, 400, "{body}: {reply:?}");
            assert!(reply.text().contains(why), "{body}: {}", reply.text());
        }
        let zipmap = upload(&client, "zipmap", "").await;
        assert_eq!(zipmap.status, 422);
        assert!(zipmap.text().contains("zipmap=False"), "{}", zipmap.text());
        let junk = client.raw("POST", "/api/v1/artifacts/$upload", "", "no model").await;
        assert_eq!((junk.status.as_u16(), junk.json()), (422, json!({ "detail": "this is no ONNX file" })));
        assert_eq!(upload(&client, "line", "?name=a/b").await.status, 400);
    });
}
