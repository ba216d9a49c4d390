//! The old door and the new one: when each credential of the file was used last, also before the last start.

use std::time::Duration;

use serde_json::{Value, json};

use crate::gate::{ADMIN_KEY, Gate, client};

const SHOP_KEY: &str = "the SHOP_KEY of a consumer, which is long enough";
const MINUTES: Duration = Duration::from_secs(600);

/// When each credential of the consumer was used last, by kind: the API key, the JWT credential.
async fn last_used(gate: &Gate) -> [Value; 2] {
    let admin = gate.addresses().admin.unwrap();
    let url = format!("http://{admin}/api/v1/consumers/shop/credentials");
    let list = client().get(url).bearer_auth(ADMIN_KEY).send().await.unwrap();
    let list: Value = serde_json::from_slice(&list.bytes().await.unwrap()).unwrap();
    let items = list["items"].as_array().unwrap();
    ["api_key", "jwt"].map(|kind| {
        let found = items.iter().find(|item| item["kind"] == kind).unwrap();
        assert_eq!(found["source"], "file");
        found["last_used_at"].clone()
    })
}

/// Calls with the API key; the model is away, and the caller is known all the same.
async fn call(gate: &Gate) {
    let answer = client().get(format!("http://{}/x", gate.data())).header("x-api-key", SHOP_KEY).send().await;
    assert_eq!(answer.unwrap().status(), 502);
}

#[tokio::test]
async fn the_last_use_of_what_the_file_declares_outlives_a_restart() {
    let listeners = "admin: { listen: 127.0.0.1:0 }\n";
    let gate = Gate::start(listeners).await;
    assert_eq!(last_used(&gate).await, [Value::Null, Value::Null]);
    call(&gate).await;
    let first = json!("2027-01-15T08:00:00Z");
    assert_eq!(last_used(&gate).await, [first.clone(), Value::Null]);

    let gate = gate.restart(MINUTES).await;
    assert_eq!(last_used(&gate).await, [first, Value::Null]);
    gate.advance(MINUTES);
    call(&gate).await;
    let second = json!("2027-01-15T08:20:00Z");
    assert_eq!(last_used(&gate).await, [second.clone(), Value::Null]);

    let gate = gate.restart(MINUTES).await;
    assert_eq!(last_used(&gate).await, [second, Value::Null]);
    gate.stop().await;
}
