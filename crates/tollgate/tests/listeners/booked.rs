use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use tollgate_core::usage::{Outcome, UsageEvent};
use tollgate_store::{AccountId, Paging, Scope, Store, UsageFilter};

use crate::gate::{ADMIN_KEY, Gate, client};

/// Whose a call was, as its event says.
type Whose = [Option<String>; 4];

fn whose(event: &UsageEvent) -> Whose {
    let intent = &event.intent;
    [&intent.account, &intent.account_id, &intent.consumer, &intent.credential]
        .map(|text| text.as_deref().map(str::to_owned))
}

#[tokio::test]
async fn a_call_is_booked_for_its_account() {
    let gate = Gate::start("admin: { listen: 127.0.0.1:0 }\n").await;
    let admin = gate.addresses().admin.unwrap();
    let create = async |path: &str, body: Value| -> Value {
        let request = client().request(Method::POST, format!("http://{admin}/api/v1/{path}"));
        let answer = request.bearer_auth(ADMIN_KEY).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{path}");
        answer.json().await.unwrap()
    };
    let text = |body: &Value, member: &str| body[member].as_str().unwrap().to_owned();
    let account = text(&create("accounts", json!({ "name": "acme" })).await, "id");
    create("consumers", json!({ "name": "kept", "account": "acme" })).await;
    let key = create("keys", json!({ "name": "first", "consumer": "kept" })).await;
    let filed = "the SHOP_KEY of a consumer, which is long enough".to_owned();
    for key in [text(&key, "api_key"), filed] {
        let url = format!("http://{}/x", gate.data());
        // There is no model: the call is one all the same.
        assert_eq!(client().get(url).header("x-api-key", key).send().await.unwrap().status(), 502);
    }
    let folder = gate.stop().await;
    let store = format!("sqlite:{}", folder.path().join("data/tollgate.db").display());
    let store = Store::open(&store).await.unwrap();
    let booked = async |scope| {
        let (all, first) = (UsageFilter::default(), Paging::default());
        store.usage_events(scope, &all, Timestamp::MIN, Timestamp::MAX, &first).await.unwrap().items
    };
    // Both calls are of one moment.
    let mut events = booked(Scope::All).await;
    events.sort_by_key(|event| event.seq);
    let some = |texts: [&str; 4]| texts.map(|text| Some(text.to_owned()));
    let of_store = some(["acme", &account, "kept", &text(&key, "key_id")]);
    let mut of_file = some(["shop", "", "shop", "shop.api_key.1"]);
    of_file[1] = None;
    assert_eq!(events.iter().map(whose).collect::<Vec<_>>(), [of_store.clone(), of_file]);
    assert!(events.iter().all(|event| event.closing.outcome == Outcome::UpstreamError));
    let scope = Scope::Account(account.parse::<AccountId>().unwrap());
    assert_eq!(booked(scope).await.iter().map(whose).collect::<Vec<_>>(), [of_store]);
}
