//! What protects the listener itself: hosts, wrong keys, methods, a store that is away.

use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_store::Actor;

use super::plane::{BOOTSTRAP, NONE, on_each_store};

#[test]
fn only_own_names_are_answered() {
    on_each_store(async |plane| {
        for (host, status) in [
            ("127.0.0.1", 200),
            ("127.0.0.1:8081", 200),
            ("localhost:1", 200),
            ("LOCALHOST", 200),
            ("[::1]:8081", 200),
            ("gate.example.com", 200),
            ("Gate.Example.com:443", 200),
            ("gate.example.com.evil.example", 421),
            ("localhost.evil.example", 421),
            ("192.168.0.1", 421),
            ("", 421),
            ("a b", 421),
        ] {
            let answer = plane.call("GET", "/health").field("host", host).answers(status).await;
            assert_eq!(answer.problem().0 == "host_refused", status == 421, "{host}");
        }
    });
}

#[test]
fn wrong_keys_are_counted_by_address() {
    on_each_store(async |plane| {
        let owner = plane.owner("one", &["keys:read"]).await;
        let call = |key: &str| plane.call("GET", "/api/v1/keys").from("198.51.100.1").key(key);
        for _ in 0..60 {
            call("a guess of some kind").answers(401).await;
        }
        assert_eq!(call("a guess of some kind").answers(429).await.problem().0, "too_many_failures");
        // Even the right guess is not told while the address is at it; a key of ours is none.
        call(BOOTSTRAP).answers(429).await;
        call(&owner).answers(200).await;
        call(BOOTSTRAP).from("198.51.100.2").answers(200).await;
        plane.clock.advance(std::time::Duration::from_secs(2));
        call(BOOTSTRAP).answers(200).await;
        plane.call("GET", "/api/v1/keys").field("authorization", "Basic YTpi").answers(401).await;
    });
}

/// That a key was used is worth a note, and no wait for whoever writes to the store.
#[test]
fn a_store_that_is_written_to_for_long_keeps_nobody_waiting() {
    on_each_store(async |plane| {
        let made =
            plane.does("POST", "/api/v1/keys", json!({ "name": "ops", "scopes": ["admin"] }), 201).await;
        let (id, key) = (made["key_id"].as_str().unwrap(), made["api_key"].as_str().unwrap());
        let held = plane.store().change(&Actor::new("slow").unwrap(), plane.now()).await.unwrap();
        let began = Instant::now();
        for _ in 0..3 {
            plane.call("GET", "/api/v1/keys").key(key).answers(200).await;
            plane.ask("POST", "/api/v1/keys/validate").key(key).answers(200).await;
        }
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        drop(held);
        plane.control.gate.directory.tell_used().await;
        let shown = plane.does("GET", &format!("/api/v1/keys/{id}"), NONE, 200).await;
        assert!(shown["last_used_at"].is_string());
    });
}

#[test]
fn keys_are_bound_and_their_uses_noted() {
    on_each_store(async |plane| {
        let body = json!({ "name": "ops", "scopes": ["admin"], "allowed_ips": ["192.0.2.0/24"] });
        let made = plane.does("POST", "/api/v1/keys", body, 201).await;
        let key = made["api_key"].as_str().unwrap();
        plane.call("GET", "/api/v1/keys").key(key).answers(401).await;
        let list = plane.call("GET", "/api/v1/keys").key(key).from("192.0.2.7").answers(200).await.body();
        assert!(list["items"][0]["last_used_at"].is_string() || list["items"][0]["last_used_at"].is_null());
        plane.does("PATCH", "/api/v1/accounts/ops", json!({ "enabled": false }), 200).await;
        plane.call("GET", "/api/v1/keys").key(key).from("192.0.2.7").answers(401).await;
        let audit = plane.does("GET", "/api/v1/audit", NONE, 200).await;
        let uses = audit["items"].as_array().unwrap().iter().filter(|row| row["action"] == "bootstrap.use");
        assert_eq!(uses.count(), 1, "once a minute");
    });
}

#[test]
fn answers_of_the_frame() {
    on_each_store(async |plane| {
        let answer = plane.call("PUT", "/api/v1/keys").key(BOOTSTRAP).answers(405).await;
        let mut allowed: Vec<&str> = answer.headers["allow"].to_str().unwrap().split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed, ["GET", "HEAD", "POST"]);
        let docs = plane.call("GET", "/docs").answers(200).await;
        let policy = docs.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"));
        assert!(
            !docs.text.contains("http://") && !docs.text.contains("https://"),
            "nothing comes from elsewhere"
        );
        for operation in ["/api/v1/keys/{key_id}/rotate", "/api/v1/audit", "<details>"] {
            assert!(docs.text.contains(operation), "{operation}");
        }
        plane.call("GET", "/docs/page.js").answers(200).await;
        let metrics = plane.call("GET", "/metrics").answers(200).await.text;
        for line in [
            "tollgate_admin_calls_total{path=\"/docs\",method=\"GET\",status=\"200\"} 1\n",
            "tollgate_store_up 1\n",
            "tollgate_connections 0\n",
            "# TYPE tollgate_requests_total counter\n",
        ] {
            assert!(metrics.contains(line), "{line} in {metrics}");
        }
    });
}

#[test]
fn a_store_that_is_away_loses_nothing() {
    on_each_store(async |plane| {
        let owner = plane.owner("one", &["keys:write"]).await;
        plane.store().close().await;
        let body = json!({ "name": "lost" });
        for key in [BOOTSTRAP, &owner] {
            let answer = plane.call("POST", "/api/v1/keys").key(key).json(&body).answers(503).await;
            assert_eq!(answer.problem().0, "store_unavailable");
            assert_eq!(answer.headers["retry-after"], "1");
        }
        plane.ask("POST", "/api/v1/keys/validate").key(&owner).answers(503).await;
        plane.call("GET", "/health").answers(200).await;
    });
}

#[test]
fn a_bootstrap_key_that_the_store_knows_lives_as_the_store_says() {
    // What is done with the key, what it is answered then, and from where.
    for (steps, status, from) in [
        (&[][..], 200, "127.0.0.1"),
        (&[("DELETE", "", NONE)], 401, "127.0.0.1"),
        (&[("POST", "/rotate", NONE)], 401, "127.0.0.1"),
        (&[("POST", "/rotate", json!({ "grace": "1h" }))], 200, "127.0.0.1"),
        (&[("PATCH", "", json!({ "enabled": false }))], 401, "127.0.0.1"),
        (&[("PATCH", "", json!({ "allowed_ips": ["192.0.2.0/24"] }))], 401, "127.0.0.1"),
        (&[("PATCH", "", json!({ "allowed_ips": ["192.0.2.0/24"] }))], 200, "192.0.2.7"),
        (&[("PATCH", "", json!({ "scopes": ["keys:read"] }))], 403, "127.0.0.1"),
        (&[("PATCH", "", json!({ "expires_at": "2027-01-15T08:00:01Z" }))], 401, "127.0.0.1"),
    ] {
        on_each_store(async |plane| {
            let other = plane.owner("other", &["admin"]).await;
            let id = plane.owns("ops", BOOTSTRAP, &["admin"]).await;
            for (method, end, body) in steps {
                plane
                    .call(method, format!("/api/v1/keys/{id}{end}"))
                    .key(&other)
                    .json(body)
                    .await_answer()
                    .await;
            }
            plane.clock.advance(std::time::Duration::from_secs(2));
            let body = json!({ "name": "made" });
            let call = plane.call("POST", "/api/v1/accounts").key(BOOTSTRAP).json(&body).from(from);
            let answered = call.await_answer().await.status;
            assert_eq!(answered.is_success(), status == 200, "{steps:?} from {from}: {answered}");
            assert!(status == 200 || answered == status, "{steps:?} from {from}: {answered}");
            let audit = plane.call("GET", "/api/v1/audit?limit=1000").key(&other).answers(200).await.body();
            let rows = audit["items"].as_array().unwrap();
            assert!(rows.iter().all(|row| row["actor"] != "bootstrap"), "it has a name of its own");
            let own = rows.iter().filter(|row| row["actor"] == id.as_str());
            assert_eq!(own.count() > 0, status == 200, "{steps:?}");
        });
    }
}
