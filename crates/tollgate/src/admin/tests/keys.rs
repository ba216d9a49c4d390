use serde_json::json;

use super::plane::{BOOTSTRAP, NONE, Plane, before_a_service, on_each_store};

/// What a question about a key is answered.
async fn validates(plane: &Plane, key: &str) -> u16 {
    plane.ask("POST", "/api/v1/keys/validate").key(key).await_answer().await.status.as_u16()
}

#[test]
fn a_key_lives_from_its_making_to_its_revocation() {
    on_each_store(async |plane| {
        let wish = json!({
            "name": "Batch jobs", "environment": "production", "service_id": "platform", "scopes": ["model:read"],
            "tier": "free", "rate_limit_per_hour": 50, "expires_in_days": 30,
            "allowed_ips": ["127.0.0.1", "10.0.0.0/8"],
        });
        let made = plane.does("POST", "/api/v1/keys", wish, 201).await;
        let (id, key) = (made["key_id"].as_str().unwrap(), made["api_key"].as_str().unwrap());
        assert!(key.starts_with("hk_live_") && key.len() == 48);
        assert_eq!(made["prefix"], key[..12]);
        assert_eq!(made["consumer"], "Batch-jobs");
        assert_eq!(made["environment"], "live");
        assert_eq!(made["created_by"], "bootstrap");
        assert_eq!(validates(plane, key).await, 200);

        let list = plane.does("GET", "/api/v1/keys", NONE, 200).await;
        assert_eq!(list["items"][0]["key_id"], id);
        assert_eq!(list["items"][0]["is_active"], true);
        assert!(list["items"][0]["last_used_at"].is_string());
        assert!(!list.to_string().contains(key));

        let path = format!("/api/v1/keys/{id}");
        let off = plane.does("PATCH", &path, json!({ "enabled": false }), 200).await;
        assert_eq!((&off["state"], &off["is_active"]), (&json!("disabled"), &json!(false)));
        assert_eq!(validates(plane, key).await, 401);
        plane.does("PATCH", &path, json!({ "enabled": true, "tier": null, "scopes": null }), 200).await;
        assert_eq!(validates(plane, key).await, 200);

        let rotated = plane.does("POST", &format!("{path}/rotate"), json!({ "grace": "24h" }), 200).await;
        let (new, next) = (rotated["key_id"].as_str().unwrap(), rotated["api_key"].as_str().unwrap());
        assert_eq!(rotated["previous_key_id"], id);
        assert!(rotated["previous_valid_until"].is_string());
        assert_eq!((validates(plane, key).await, validates(plane, next).await), (200, 200));
        plane.clock.advance(std::time::Duration::from_secs(86_400));
        assert_eq!((validates(plane, key).await, validates(plane, next).await), (401, 200));

        let path = format!("/api/v1/keys/{new}");
        let again = plane.does("POST", &format!("{path}/rotate"), NONE, 200).await;
        assert_eq!(validates(plane, next).await, 401);
        let last = again["key_id"].as_str().unwrap();
        plane.does("DELETE", &format!("/api/v1/keys/{last}"), NONE, 204).await;
        plane.does("DELETE", &format!("/api/v1/keys/{last}"), NONE, 204).await;
        assert_eq!(validates(plane, again["api_key"].as_str().unwrap()).await, 401);
        plane.does("PATCH", &format!("/api/v1/keys/{last}"), json!({ "name": "x" }), 409).await;
        plane.does("POST", &format!("/api/v1/keys/{last}/rotate"), NONE, 409).await;

        let audit = plane.does("GET", "/api/v1/audit?limit=1000", NONE, 200).await;
        let actions: Vec<&str> =
            audit["items"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
        for action in ["bootstrap.use", "consumer.create", "credential.rotate", "credential.revoke"] {
            assert!(actions.contains(&action), "{action} of {actions:?}");
        }
        assert!(!audit.to_string().contains(key));
    });
}

#[test]
fn other_kinds_live_alike() {
    on_each_store(async |plane| {
        plane.does("POST", "/api/v1/consumers", json!({ "name": "service" }), 201).await;
        let path = "/api/v1/consumers/service/credentials";
        let hawk = plane.does("POST", path, json!({ "kind": "hawk", "lookup": "service_id" }), 201).await;
        assert_eq!((&hawk["lookup"], &hawk["algorithm"]), (&json!("service_id"), &json!("sha256")));
        assert_eq!(hawk["secret"].as_str().unwrap().len(), 64);
        let own = json!({ "kind": "jwt", "lookup": "iss", "algorithm": "HS512", "secret": "s".repeat(64) });
        let jwt = plane.does("POST", path, own, 201).await;
        assert!(jwt["secret"].is_null() && jwt["algorithm"] == "HS512");
        plane.does("POST", path, json!({ "kind": "hawk", "lookup": "service_id" }), 409).await;

        let one = format!("{path}/{}", hawk["key_id"].as_str().unwrap());
        let rotated = plane.does("POST", &format!("{one}/rotate"), json!({ "grace": "1h" }), 200).await;
        assert_ne!(rotated["lookup"], hawk["lookup"]);
        assert_ne!(rotated["secret"], hawk["secret"]);
        plane.does("DELETE", &one, NONE, 204).await;
        // A Hawk credential is no API key.
        plane.does("GET", &format!("/api/v1/keys/{}", hawk["key_id"].as_str().unwrap()), NONE, 404).await;
        let list = plane.does("GET", path, NONE, 200).await;
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
        plane.does("DELETE", "/api/v1/consumers/service", NONE, 204).await;
        plane.does("GET", path, NONE, 404).await;
    });
}

#[test]
fn an_end_is_never_in_the_past() {
    on_each_store(async |plane| {
        let made = plane.does("POST", "/api/v1/keys", json!({ "name": "k" }), 201).await;
        let path = format!("/api/v1/keys/{}", made["key_id"].as_str().unwrap());
        for past in ["2027-01-15T08:00:00Z", "2001-01-01T00:00:00Z"] {
            let answer = plane.call("PATCH", &*path).key(BOOTSTRAP).json(&json!({ "expires_at": past }));
            assert_eq!(answer.answers(422).await.problem().1, "expires_at");
        }
        let end = json!({ "expires_at": "2027-01-15T08:00:30Z" });
        plane.does("PATCH", &path, end.clone(), 200).await;
        // What is over stays so, whatever else is said of it, and may begin anew.
        plane.clock.advance(std::time::Duration::from_secs(60));
        plane.does("PATCH", &path, end, 200).await;
        plane.does("PATCH", &path, json!({ "name": "over" }), 200).await;
        plane.does("PATCH", &path, json!({ "expires_at": null }), 200).await;
    });
}

#[test]
fn last_uses_are_told_to_the_minute() {
    on_each_store(async |plane| {
        let made = plane.does("POST", "/api/v1/keys", json!({ "name": "k" }), 201).await;
        plane.clock.advance(std::time::Duration::from_millis(95_250));
        validates(plane, made["api_key"].as_str().unwrap()).await;
        validates(plane, "a-key-of-the-configuration-file").await;
        for id in [made["key_id"].as_str().unwrap(), "declared.api_key.1"] {
            let shown = plane.does("GET", &format!("/api/v1/keys/{id}"), NONE, 200).await;
            assert_eq!(shown["last_used_at"], "2027-01-15T08:01:00Z", "{id}");
        }
    });
}

#[test]
fn what_is_weak_or_of_no_use_is_warned_of() {
    on_each_store(async |plane| {
        let key = plane.does("POST", "/api/v1/keys", json!({ "name": "service" }), 201).await;
        assert!(key["warnings"].is_null(), "{key}");
        let path = "/api/v1/consumers/service/credentials";
        for (algorithm, bytes, words) in [
            ("HS256", 31, "31 bytes, too few for HS256"),
            ("HS256", 32, ""),
            ("HS512", 32, "too few for HS512"),
        ] {
            let new = json!({ "kind": "jwt", "algorithm": algorithm, "secret": "s".repeat(bytes) });
            let made = plane.does("POST", path, new, 201).await;
            let warned = made["warnings"][0].as_str().unwrap_or_default();
            assert_eq!((warned.contains(words), warned.is_empty()), (true, words.is_empty()), "{made}");
            let one = format!("{path}/{}", made["key_id"].as_str().unwrap());
            let next = json!({ "secret": "short" });
            let next = plane.does("POST", &format!("{one}/rotate"), next, 200).await;
            assert!(next["warnings"][0].as_str().unwrap().contains("5 bytes"), "{next}");
        }
    });
    before_a_service(async |plane| {
        let key = plane.does("POST", "/api/v1/keys", json!({ "name": "service" }), 201).await;
        assert!(key["warnings"][0].as_str().unwrap().contains("`auth_service`"), "{key}");
        let hawk = json!({ "kind": "hawk" });
        let hawk = plane.does("POST", "/api/v1/consumers/service/credentials", hawk, 201).await;
        assert!(hawk["warnings"].is_null(), "{hawk}");
    });
}
