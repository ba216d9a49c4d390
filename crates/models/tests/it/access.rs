//! Who gets in, and what everybody is told.

use serde_json::json;
use tollgate_models::service::{Keys, Settings};

use crate::harness::{Client, Ground, with};

const KEY: &str = "sk_ml_train_abc123";

fn guarded(test: impl AsyncFnOnce(Client)) {
    let ground = Ground::sqlite();
    let keys = Keys::from_list(" sk_ml_train_abc123, ,sk_ml_predict_xyz789,abc,abc ").unwrap();
    assert_eq!(keys.count(), 3);
    with(Settings { keys: Some(keys), ..ground.settings() }, test);
}

#[test]
fn keys_open_everything_but_the_public_paths() {
    guarded(async |client| {
        for path in ["/health", "/health?x=1", "/docs", "/redoc", "/openapi.json", "/"] {
            let reply = client.get(path).await;
            assert_eq!(reply.status, 200, "{path}");
            assert_eq!(reply.header("x-request-id").len(), 26, "{path}");
        }
        let missing = "Missing authentication header: X-API-Key";
        let check = async |client: &Client, path: &str, detail: &str| {
            let reply = client.get(path).await;
            let instance = path.split('?').next().unwrap();
            let expected = format!(
                r#"{{"type":"urn:chapkit:error:unauthorized","title":"Unauthorized","status":401,"detail":"{detail}","instance":"{instance}"}}"#
            );
            assert_eq!((reply.status.as_u16(), reply.text()), (401, expected), "{path}");
            assert_eq!(reply.header("content-type"), "application/problem+json");
            assert_eq!((reply.header("x-request-id"), reply.header("www-authenticate")), ("", ""));
        };
        for path in
            ["/api/v1/configs", "/health/", "/docs/oauth2-redirect", "/metrics", "/nothing", "/v2", "/ping"]
        {
            check(&client, path, missing).await;
        }
        check(&client, "/api/v1/configs?api_key=sk_ml_train_abc123", missing).await;
        check(&client.with("authorization", "Bearer sk_ml_train_abc123"), "/api/v1/configs", missing).await;
        check(&client.with("x-api-key", ""), "/api/v1/configs", missing).await;
        check(&client.with("x-api-key", "wrong"), "/api/v1/configs", "Invalid API key").await;
        // The first of two counts.
        let twice = client.with("x-api-key", "wrong").with("x-api-key", KEY);
        check(&twice, "/api/v1/configs", "Invalid API key").await;
        for key in [KEY, " sk_ml_predict_xyz789", "abc"] {
            assert_eq!(client.with("x-api-key", key).get("/api/v1/configs").await.status, 200, "{key}");
        }
        assert_eq!(client.raw("OPTIONS", "/api/v1/configs", "", "").await.status, 401);
    });
}

#[test]
fn another_header_is_named_in_the_refusal() {
    let ground = Ground::sqlite();
    let keys = Some(Keys::from_list("k").unwrap());
    let header = "x-custom-auth-token".parse().unwrap();
    with(Settings { keys, header, ..ground.settings() }, async |client| {
        let detail = client.get("/api/v1/jobs").await.json()["detail"].clone();
        assert_eq!(detail, "Missing authentication header: X-Custom-Auth-Token");
        assert_eq!(client.with("x-custom-auth-token", "k").get("/api/v1/jobs").await.status, 200);
    });
}

#[test]
fn the_id_of_a_request_is_the_services_own() {
    guarded(async |client| {
        let client = client.with("x-api-key", KEY).with("x-request-id", "mine");
        let (one, other) = (client.get("/api/v1/jobs").await, client.get("/nothing").await);
        assert_eq!((one.header("x-request-id").len(), other.header("x-request-id").len()), (26, 26));
        assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
        assert_eq!((other.status.as_u16(), other.json()), (404, json!({ "detail": "Not Found" })));
    });
}

#[test]
fn wrong_methods_are_told_the_right_ones() {
    guarded(async |client| {
        let client = client.with("x-api-key", KEY);
        let reply = client.raw("PATCH", "/api/v1/configs", "", "").await;
        assert_eq!((reply.status.as_u16(), reply.json()), (405, json!({ "detail": "Method Not Allowed" })));
        assert!(reply.header("allow").contains("GET") && reply.header("allow").contains("POST"));
        let reply = client.get("/api/v1/configs/").await;
        let location = reply.header("location").to_owned();
        assert_eq!((reply.status.as_u16(), location.as_str()), (307, "http://models.test/api/v1/configs"));
    });
}

#[test]
fn the_pages_need_nothing_from_elsewhere() {
    guarded(async |client| {
        for path in ["/", "/docs", "/redoc"] {
            let reply = client.get(path).await;
            assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
            let text = reply.text();
            assert!(!text.contains("<script") && !text.contains("//"), "{path}");
        }
        let document = client.get("/openapi.json").await.json();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["components"]["securitySchemes"]["api_key"]["in"], "header");
        // Every operation is served: none of them is unknown, by path or by method.
        let client = client.with("x-api-key", KEY);
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
                if path.ends_with("$stream") {
                    continue;
                }
                let path = path.replace("{id}", "nothing").replace("{name}", "nothing");
                let reply = client.raw(&method, &path, "", "").await;
                let unknown = reply.status == 405 || reply.text() == r#"{"detail":"Not Found"}"#;
                assert!(!unknown, "{method} {path}: {reply:?}");
            }
        }
    });
}

#[test]
fn a_gate_is_believed_by_who_does_not_guard_itself() {
    let config = json!({ "name": "x", "data": {} });
    let location = async |client: &Client| {
        let made = client.with("x-forwarded-host", "gate.test:8443").with("x-forwarded-proto", "https");
        let made = made.post("/api/v1/configs", config.clone()).await;
        made.header("location").split("/api").next().unwrap().to_owned()
    };
    crate::harness::serve(async |client| assert_eq!(location(&client).await, "https://gate.test:8443"));
    guarded(async |client| {
        let client = client.with("x-api-key", KEY);
        assert_eq!(location(&client).await, "https://models.test");
        // The same holds for who calls.
        let job = json!({ "config_id": crate::harness::CONFIG, "data": crate::harness::table() });
        assert_eq!(client.post("/api/v1/ml/$train", job).await.status, 202);
        let model = client.model().await;
        let named = client.with("x-consumer-username", "somebody");
        let inputs = json!({ "inputs": { "rainfall": 1, "mean_temperature": 2 } });
        let reply = named.post(&format!("/api/v1/models/{model}/predict"), inputs).await.json();
        assert_eq!(reply["metadata"]["user_id"], json!(null), "{reply}");
    });
}
