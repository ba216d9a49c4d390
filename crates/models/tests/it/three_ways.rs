//! One model, asked by a job, by the open inference protocol, by MLflow's, and by name: the same numbers.

use serde_json::{Value, json};

use crate::harness::{Client, NOTHING, PREDICTIONS, last_column, rows, same, serve};

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap_or_else(|| panic!("{list}")).iter().map(|one| one.as_f64().unwrap()).collect()
}

const RAINFALL: [f64; 4] = [110.0, 90.0, 125.0, 80.0];
const TEMPERATURE: [f64; 4] = [26.0, 28.0, 24.0, 29.0];

#[test]
fn every_way_gives_the_same_numbers() {
    serve(async |client| {
        let model = client.model().await;
        let named = client.put("/api/v1/models/disease", json!({ "artifact_id": model })).await;
        assert_eq!(named.status, 200);
        let job = client.predicted(&model, rows()).await;
        let artifact =
            client.get(&format!("/api/v1/artifacts/{}", job["artifact_id"].as_str().unwrap())).await.json();
        same(&last_column(&artifact["data"]["predictions"]));
        infer(&client, &model).await;
        infer(&client, "disease").await;
        invoke(&client).await;
        let inputs =
            json!({ "inputs": { "rainfall": RAINFALL, "mean_temperature": TEMPERATURE }, "options": {} });
        let reply = client.post("/api/v1/models/disease/predict", inputs).await.json();
        same(&numbers(&reply["predictions"]["prediction"]));
        let one = json!({ "inputs": { "rainfall": 110.0, "mean_temperature": 26.0 } });
        let reply = client.post("/api/v1/models/disease/predict", one).await.json();
        assert!((reply["predictions"]["prediction"].as_f64().unwrap() - PREDICTIONS[0]).abs() < 1e-9);
        assert_eq!(
            (&reply["model_id"], &reply["metadata"]["api_version"]),
            (&json!("disease"), &json!("1.0"))
        );
    });
}

async fn infer(client: &Client, name: &str) {
    let column =
        |name: &str, data: [f64; 4]| json!({ "name": name, "shape": [4], "datatype": "FP64", "data": data });
    let inputs = json!([column("mean_temperature", TEMPERATURE), column("rainfall", RAINFALL)]);
    let nested: Vec<_> = RAINFALL.iter().zip(TEMPERATURE).map(|(a, b)| [*a, b]).collect();
    let flat: Vec<f64> = nested.iter().flatten().copied().collect();
    let whole = |data: Value| json!([{ "name": "input", "shape": [4, 2], "datatype": "FP32", "data": data }]);
    for inputs in [inputs, whole(json!(flat)), whole(json!(nested))] {
        let reply =
            client.post(&format!("/v2/models/{name}/infer"), json!({ "id": "7", "inputs": inputs })).await;
        let answer = reply.json();
        assert_eq!((&answer["model_name"], &answer["id"]), (&json!(name), &json!("7")), "{answer}");
        let output = &answer["outputs"][0];
        assert_eq!((&output["name"], &output["datatype"]), (&json!("sample_0"), &json!("FP64")));
        assert_eq!(output["shape"], json!([4]));
        same(&numbers(&output["data"]));
    }
}

async fn invoke(client: &Client) {
    let records: Vec<Value> = RAINFALL
        .iter()
        .zip(TEMPERATURE)
        .map(|(rainfall, temperature)| json!({ "rainfall": rainfall, "mean_temperature": temperature, "more": "x" }))
        .collect();
    let columns = json!({ "rainfall": RAINFALL, "mean_temperature": TEMPERATURE });
    let list: Vec<_> = RAINFALL.iter().zip(TEMPERATURE).map(|(a, b)| [*a, b]).collect();
    for body in [
        json!({ "dataframe_split": { "index": [0, 1, 2, 3], "columns": ["rainfall", "mean_temperature"], "data": list } }),
        json!({ "dataframe_records": records }),
        json!({ "instances": list }),
        json!({ "instances": records }),
        json!({ "inputs": list }),
        json!({ "inputs": columns }),
    ] {
        let reply = client.post("/invocations", body.clone()).await;
        assert_eq!(reply.status, 200, "{body}: {reply:?}");
        same(&numbers(&reply.json()["predictions"]));
    }
    let csv = "mean_temperature,\"rainfall\"\r\n26.0,110.0\r\n28,90\n24.0,125.0\n29.0,80.0\n";
    let reply = client.raw("POST", "/invocations?model=disease", "text/csv; charset=utf-8", csv).await;
    same(&numbers(&reply.json()["predictions"]));
}

#[test]
fn classes_come_with_their_probabilities() {
    serve(async |client| {
        client.config(json!({ "model": "logistic", "target": "kind", "features": ["x"] })).await;
        let data: Vec<Value> = (0..20).map(|x| json!([x, if x < 10 { "low" } else { "high" }])).collect();
        let job = client.trained_on(json!({ "columns": ["x", "kind"], "data": data })).await;
        let model = job["artifact_id"].as_str().unwrap_or_else(|| panic!("{job}"));
        let inputs = json!([{ "name": "x", "shape": [2], "datatype": "INT64", "data": [1, 18] }]);
        let answer =
            client.post(&format!("/v2/models/{model}/infer"), json!({ "inputs": inputs })).await.json();
        assert_eq!(
            (&answer["outputs"][0]["datatype"], &answer["outputs"][0]["data"]),
            (&json!("BYTES"), &json!(["low", "high"]))
        );
        assert_eq!(answer["outputs"].as_array().unwrap().len(), 3);
        let asked = json!({ "inputs": inputs, "outputs": [{ "name": "probability_high" }] });
        let answer = client.post(&format!("/v2/models/{model}/infer"), asked).await.json();
        assert!(answer["outputs"][0]["data"][1].as_f64().unwrap() > 0.5);
        let shown = client.get(&format!("/v2/models/{model}")).await.json();
        let outputs: Vec<&Value> =
            shown["outputs"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(json!(outputs), json!(["sample_0", "probability_high", "probability_low"]));
        let invoked = client.post("/invocations", json!({ "inputs": [1, 18] })).await.json();
        assert_eq!(invoked["predictions"], json!(["low", "high"]));
        let body = json!({ "inputs": { "x": 1 } });
        let predicted = client.post(&format!("/api/v1/models/{model}/predict"), body).await.json();
        assert_eq!(predicted["predictions"]["prediction"], "low");
        assert!(predicted["predictions"]["probabilities"]["low"].as_f64().unwrap() > 0.5);
    });
}

#[test]
fn servers_and_models_tell_what_they_are() {
    serve(async |client| {
        assert_eq!(client.get("/v2").await.json()["name"], "tollgate-models");
        assert_eq!(client.get("/v2/health/live").await.json(), json!({ "live": true }));
        assert_eq!(client.get("/v2/health/ready").await.json(), json!({ "ready": true }));
        assert_eq!(
            (client.get("/ping").await.status.as_u16(), client.get("/version").await.text()),
            (200, "0.1.0".to_owned())
        );
        let none = client.post("/invocations", json!({ "inputs": [1] })).await;
        assert_eq!((none.status.as_u16(), none.json()["error_code"].as_str()), (400, Some("BAD_REQUEST")));
        let model = client.model().await;
        client.put("/api/v1/models/m", json!({ "artifact_id": model })).await;
        let shown = client.get("/v2/models/m").await.json();
        assert_eq!(shown["inputs"][0], json!({ "name": "rainfall", "datatype": "FP64", "shape": [-1] }));
        assert_eq!(client.get("/v2/models/m/ready").await.json(), json!({ "name": "m", "ready": true }));
        assert_eq!(client.get("/api/v1/models").await.json(), json!([{ "name": "m", "artifact_id": model }]));
        let info = client.get("/api/v1/models/m/info").await.json();
        assert_eq!((&info["is_available"], &info["type"]), (&json!(true), &json!("ols")));
        assert_eq!(client.get("/api/v1/models/m/health").await.json()["status"], "healthy");
        let unknown = client.get("/api/v1/models/x/health").await;
        assert_eq!((unknown.status.as_u16(), unknown.json()["status"].as_str()), (200, Some("unhealthy")));
        // A name goes with its model, at once.
        assert_eq!(client.delete(&format!("/api/v1/artifacts/{model}")).await.status, 204);
        let gone = client.get("/v2/models/m/ready").await;
        assert_eq!((gone.status.as_u16(), gone.json()), (404, json!({ "error": "Model m not found" })));
        assert_eq!(client.get(&format!("/v2/models/{model}/ready")).await.status, 404);
    });
}

#[test]
fn wrong_questions_are_told_so() {
    serve(async |client| {
        let model = client.model().await;
        let check = async |path: &str, body: Value, status: u16, why: &str| {
            let reply = client.post(path, body.clone()).await;
            assert_eq!(reply.status, status, "{body}: {reply:?}");
            assert!(reply.text().contains(why), "{body}: {}", reply.text());
        };
        let infer = format!("/v2/models/{model}/infer");
        let tensor = |shape: Value, datatype: &str, data: Value| json!({ "inputs": [{ "name": "input", "shape": shape, "datatype": datatype, "data": data }] });
        check(&infer, json!({}), 400, "inputs").await;
        check(&infer, json!({ "inputs": [] }), 400, "there are no inputs").await;
        check(&infer, tensor(json!([1, 3]), "FP64", json!([1, 2, 3])), 400, "[1, 3]").await;
        check(&infer, tensor(json!([2, 2]), "FP64", json!([1, 2, 3])), 400, "3 elements").await;
        check(&infer, tensor(json!([1, 2]), "FP64", json!([1, "a"])), 400, "element 1").await;
        check(&infer, tensor(json!([1, 2]), "FP7", json!([1, 2])), 400, "FP7").await;
        check(&infer, tensor(json!([1, 2]), "FP64", json!([1, null])), 400, "no value").await;
        check(&infer, tensor(json!([u64::MAX, u64::MAX]), "FP64", json!([1])), 400, "").await;
        check(&format!("/v2/models/{NOTHING}/infer"), json!({}), 404, "not found").await;
        for form in ["instances", "inputs", "dataframe_records"] {
            check("/invocations", json!({ form: [] }), 200, r#"{"predictions":[]}"#).await;
        }
        let broken = client.raw("POST", "/invocations", "application/json", "{bad").await;
        assert!(broken.text().contains("JSON decode error at byte 1: key must be a string"), "{broken:?}");
        check("/invocations", json!({ "inputs": [[1]] }), 400, "2 features").await;
        check("/invocations", json!({ "inputs": [[1, 2]], "instances": [] }), 400, "exactly one of").await;
        check(
            "/invocations",
            json!({ "dataframe_split": { "columns": ["a"] } }),
            400,
            "`dataframe_split.data`: Field required",
        )
        .await;
        check("/invocations?model=x", json!({ "inputs": [[1, 2]] }), 404, "RESOURCE_DOES_NOT_EXIST").await;
        check(
            &format!("/api/v1/models/{model}/predict"),
            json!({ "inputs": { "rainfall": 1 } }),
            400,
            "no column",
        )
        .await;
        check("/api/v1/models/x/predict", json!({ "inputs": {} }), 404, "Model x not found").await;
        let name = format!("/api/v1/models/{NOTHING}");
        assert_eq!(client.put(&name, json!({ "artifact_id": model })).await.status, 400);
        let reply = client.raw("POST", "/invocations", "application/xml", "<a/>").await;
        assert_eq!(reply.status, 415);
    });
}

#[test]
fn a_prediction_that_overflows_is_told_in_every_way() {
    serve(async |client| {
        client.config(json!({ "target": "y", "features": ["x"] })).await;
        let data = json!({ "columns": ["x", "y"], "data": [[0, 0], [1, 1e10], [2, 2e10]] });
        let job = client.trained_on(data).await;
        let model = job["artifact_id"].as_str().unwrap_or_else(|| panic!("{job}"));
        let why = "the numbers of row 2 are too large to compute with";
        let job = client.predicted(model, json!({ "columns": ["x"], "data": [[1], [1e300]] })).await;
        assert_eq!(job["status"], "failed");
        assert!(job["error"].as_str().unwrap().contains(why), "{job}");
        let check = async |path: &str, body: Value| {
            let reply = client.post(path, body).await;
            assert_eq!(reply.status, 400, "{path}");
            assert!(reply.text().contains(why), "{path}: {reply:?}");
        };
        let inputs = json!([{ "name": "x", "shape": [2], "datatype": "FP64", "data": [1, 1e300] }]);
        check(&format!("/v2/models/{model}/infer"), json!({ "inputs": inputs })).await;
        check(&format!("/api/v1/models/{model}/predict"), json!({ "inputs": { "x": [1, 1e300] } })).await;
        check("/invocations", json!({ "inputs": [1, 1e300] })).await;
    });
}

#[test]
fn a_prediction_by_name_says_who_asked_and_how() {
    serve(async |client| {
        let model = client.model().await;
        let path = format!("/api/v1/models/{model}/predict");
        let ask = async |client: &Client, options: Value| {
            let inputs = json!({ "rainfall": 110.0, "mean_temperature": 26.0 });
            client.post(&path, json!({ "inputs": inputs, "options": options })).await
        };
        for options in [json!({}), json!(null), json!({ "inference_method": "local", "more": 1 })] {
            assert_eq!(ask(&client, options.clone()).await.status, 200, "{options}");
        }
        let refused = ask(&client, json!({ "inference_method": "api" })).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains("Unknown inference method"), "{refused:?}");
        assert_eq!(ask(&client, json!(7)).await.status, 422);
        let gate =
            client.with("x-consumer-username", "shop").with("x-credential-identifier", "shop.api_key.1");
        for (client, user, key) in
            [(&client, json!(null), json!(null)), (&gate, json!("shop"), json!("shop.api_key.1"))]
        {
            let metadata = ask(client, json!({})).await.json()["metadata"].clone();
            assert_eq!((&metadata["user_id"], &metadata["api_key_id"]), (&user, &key));
        }
    });
}

#[test]
fn a_model_has_one_version() {
    serve(async |client| {
        let model = client.model().await;
        let path = format!("/v2/models/{model}");
        assert_eq!(client.get(&format!("{path}/versions/1")).await.json(), client.get(&path).await.json());
        assert_eq!(client.get(&format!("{path}/versions/1/ready")).await.status, 200);
        let inputs = json!([{ "name": "i", "shape": [1, 2], "datatype": "FP64", "data": [110.0, 26.0] }]);
        let body = json!({ "inputs": inputs });
        assert_eq!(client.post(&format!("{path}/versions/1/infer"), body.clone()).await.status, 200);
        let other = client.post(&format!("{path}/versions/2/infer"), body).await;
        assert_eq!(other.status, 404);
        assert!(other.json()["error"].as_str().unwrap().contains("no version 2"), "{other:?}");
    });
}
