use serde_json::json;

use super::plane::{BOOTSTRAP, on_each_store};

#[test]
fn what_is_sent_twice_happens_once() {
    on_each_store(async |plane| {
        let key = |name: &str| json!({ "name": name });
        let send = async |name: &str, idempotency: &str, status: u16| {
            let call = plane.call("POST", "/api/v1/keys").key(BOOTSTRAP).json(&key(name));
            call.field("idempotency-key", idempotency).answers(status).await
        };
        let first = send("a", "one", 201).await.body();
        let second = send("a", "one", 201).await.body();
        assert_eq!(first["key_id"], second["key_id"]);
        assert!(first["api_key"].is_string() && second.get("api_key").is_none());
        assert_eq!((first.get("replayed"), &second["replayed"]), (None, &json!(true)));
        let other = send("b", "one", 422).await;
        assert_eq!(other.problem().0, "idempotency_key_reused");
        // Refused as a whole, so that the key is free for another try.
        assert_eq!(send("a", "two", 409).await.problem().0, "name_taken");
        send("b", "two", 201).await;
        assert_eq!(send("c", "", 422).await.problem().1, "idempotency_key");

        let rotate = format!("/api/v1/keys/{}/rotate", first["key_id"].as_str().unwrap());
        let mut ids = Vec::new();
        for _ in 0..2 {
            let call = plane.call("POST", &*rotate).key(BOOTSTRAP).field("idempotency-key", "three");
            ids.push(call.answers(200).await.body()["key_id"].clone());
        }
        assert_eq!(ids[0], ids[1]);
        plane.clock.advance(std::time::Duration::from_secs(90_000));
        plane.store().prune_idempotency(plane.now()).await.unwrap();
        assert_eq!(send("d", "one", 201).await.body().get("replayed"), None);
    });
}
