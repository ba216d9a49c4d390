//! The contract of seed systems: both forms of the question, and reports with and without a key.

use serde_json::json;

use super::plane::{NONE, Plane, on_each_store};

async fn key(plane: &Plane, more: serde_json::Value) -> (String, String) {
    let mut body = json!({ "name": "k", "consumer": "caller" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = plane.does("POST", "/api/v1/keys", body, 201).await;
    (made["key_id"].as_str().unwrap().to_owned(), made["api_key"].as_str().unwrap().to_owned())
}

#[test]
fn a_key_is_validated_in_both_forms() {
    on_each_store(async |plane| {
        plane.does("POST", "/api/v1/consumers", json!({ "name": "caller", "tier": "free" }), 201).await;
        let (id, key_of_tier) = key(plane, json!({})).await;
        let (_, own) =
            key(plane, json!({ "rate_limit_per_hour": 7, "service_id": "batch", "scopes": [] })).await;
        let (_, bound) = key(plane, json!({ "allowed_ips": ["10.0.0.0/8"] })).await;
        let ask = || plane.ask("POST", "/api/v1/keys/validate");
        let full = json!({
            "user_id": "caller", "key_id": id, "service_id": "platform", "scopes": ["model:read"],
            "rate_limit_per_hour": 100, "has_sufficient_balance": true, "balance": 0.0,
        });
        let in_header =
            ask().key(&key_of_tier).json(&json!({ "service_id": "platform", "client_ip": "1.2.3.4" }));
        assert_eq!(in_header.answers(200).await.body(), full);
        let in_body = ask().json(&json!({ "api_key": key_of_tier, "service_id": "platform", "new": 1 }));
        assert_eq!(in_body.answers(200).await.body(), full);
        // A key of one service is valid for another, which is told whose it is.
        let own = ask().key(&own).json(&json!({ "service_id": "platform" })).answers(200).await.body();
        assert_eq!(
            (&own["rate_limit_per_hour"], &own["service_id"], &own["scopes"]),
            (&json!(7), &json!("batch"), &json!([]))
        );
        let file =
            ask().json(&json!({ "api_key": "a-key-of-the-configuration-file" })).answers(200).await.body();
        assert_eq!((&file["user_id"], &file["rate_limit_per_hour"]), (&json!("declared"), &json!(100)));
        let unlimited =
            ask().json(&json!({ "api_key": "another-key-of-the-configuration-file" })).answers(200).await;
        assert_eq!(unlimited.body()["rate_limit_per_hour"], 1000);

        for (client_ip, status) in
            [("10.1.2.3", 200), ("::ffff:10.1.2.3", 200), ("11.1.2.3", 401), ("x", 422)]
        {
            ask().key(&bound).json(&json!({ "client_ip": client_ip })).answers(status).await;
        }
        ask().key(&bound).answers(401).await;
        ask().key(&bound).from("10.9.9.9").answers(200).await;
        for (call, detail) in [
            (ask(), "API key required"),
            (ask().key("hk_live_none"), "Invalid or expired API key"),
            (ask().key("a key of somebody"), "Invalid or expired API key"),
            (ask().field("authorization", "Basic x"), "Invalid or expired API key"),
        ] {
            assert_eq!(call.answers(401).await.body(), json!({ "detail": detail }));
        }
        ask().key(&bound).json(&json!({ "api_key": "another" })).answers(422).await;
        ask().key(&bound).field("origin", "https://example.com").answers(403).await;
    });
}

#[test]
fn an_address_asks_so_often_and_no_more() {
    on_each_store(async |plane| {
        let ask = || {
            plane.ask("POST", "/api/v1/keys/validate").from("198.51.100.1").json(&json!({ "api_key": "x" }))
        };
        for _ in 0..1000 {
            ask().answers(401).await;
        }
        assert_eq!(ask().answers(429).await.body(), json!({ "detail": "Rate limit exceeded" }));
        ask().from("198.51.100.2").answers(401).await;
        plane.clock.advance(std::time::Duration::from_secs(1));
        ask().answers(401).await;
    });
}

#[test]
fn reports_are_counted_once_and_summed() {
    on_each_store(async |plane| {
        plane.does("POST", "/api/v1/consumers", json!({ "name": "caller" }), 201).await;
        let (id, _) = key(plane, json!({})).await;
        let report = |path: &str, ms: f64, status: u16| json!({ "endpoint": path, "response_time_ms": ms, "status_code": status, "service_id": "platform" });
        let usage = format!("/api/v1/usage/{id}");
        for body in [report("/a", 10.0, 200), report("/a", 20.5, 500), report("/b", 30.25, 200)] {
            let stored = plane.ask("POST", &*usage).json(&body).answers(200).await.body();
            assert_eq!((&stored["status"], &stored["replayed"]), (&json!("accepted"), &json!(false)));
        }
        let debit = json!({
            "model_id": "m", "endpoint": "/a", "response_time_ms": 0, "status_code": 0, "service_id": "platform",
            "idempotency_key": "k-1", "compute_ms": 12.5, "predictions_count": 1,
        });
        let path = format!("{usage}/debit");
        let first = plane.ask("POST", &*path).json(&debit).answers(200).await.body();
        let again = plane.ask("POST", &*path).json(&debit).answers(200).await.body();
        assert_eq!((&first["id"], &again["replayed"]), (&again["id"], &json!(true)));
        // The same in another form, as a client that is started again may send it.
        let turned: serde_json::Map<String, serde_json::Value> =
            debit.as_object().unwrap().clone().into_iter().rev().collect();
        let other_form = serde_json::to_string_pretty(&turned).unwrap();
        let other_form =
            plane.ask("POST", &*path).text("application/json", other_form).answers(200).await.body();
        assert_eq!(other_form["id"], first["id"]);
        let mut keyless = debit.clone();
        keyless.as_object_mut().unwrap().remove("idempotency_key");
        let by_header = plane.ask("POST", &*path).json(&keyless).field("idempotency-key", "k-1");
        assert_eq!(by_header.answers(200).await.body()["id"], first["id"]);
        let mut other = debit.clone();
        other["compute_ms"] = 13.into();
        plane.ask("POST", &*path).json(&other).answers(409).await;
        plane.ask("POST", &*path).json(&debit).field("idempotency-key", "k-2").answers(422).await;
        plane.ask("POST", "/api/v1/usage/nobody").json(&debit).answers(404).await;
        for (member, value) in [
            ("response_time_ms", json!(-1)),
            ("response_time_ms", json!(1e300)),
            ("status_code", json!(-5)),
            ("predictions_count", json!(-1)),
            ("predictions_count", json!(1_000_000_000_001_i64)),
            ("endpoint", json!("")),
        ] {
            let mut body = report("/a", 1.0, 200);
            body[member] = value;
            assert_eq!(plane.ask("POST", &*usage).json(&body).answers(422).await.problem().1, member);
        }
        // From elsewhere only with a key that may.
        plane.ask("POST", &*usage).json(&report("/a", 1.0, 200)).from("198.51.100.1").answers(401).await;
        plane.ask("POST", &*usage).json(&report("/a", 1.0, 200)).key("wrong").answers(401).await;
        plane.ask("POST", &*usage).json(&report("/a", 1.0, 200)).field("origin", "null").answers(403).await;

        let expected = json!({
            "key_id": id, "total_requests": 3, "requests_today": 3, "requests_this_hour": 3,
            "average_response_time_ms": 20.25, "error_rate": 0.3333,
            "top_endpoints": [{ "endpoint": "/a", "count": 2 }, { "endpoint": "/b", "count": 1 }],
        });
        assert_eq!(plane.does("GET", &usage, NONE, 200).await, expected);
        plane.ask("GET", "/health").answers(404).await;
        plane.ask("GET", "/api/v1/keys").answers(404).await;
    });
}

#[test]
fn the_use_of_keys_of_the_file_is_kept() {
    on_each_store(async |plane| {
        let ask = plane.ask("POST", "/api/v1/keys/validate");
        let file = ask.json(&json!({ "api_key": "a-key-of-the-configuration-file" })).answers(200).await;
        let body = file.body();
        let usage = format!("/api/v1/usage/{}", body["key_id"].as_str().unwrap());
        let call = json!({ "endpoint": "/a", "status_code": 200, "response_time_ms": 3 });
        let debit = json!({ "endpoint": "/a", "idempotency_key": "k" });
        plane.ask("POST", &*usage).json(&call).answers(200).await;
        let path = format!("{usage}/debit");
        plane.ask("POST", &*path).json(&debit).answers(200).await;
        assert_eq!(plane.ask("POST", &*path).json(&debit).answers(200).await.body()["replayed"], true);
        let summary = plane.does("GET", &usage, NONE, 200).await;
        assert_eq!((&summary["key_id"], &summary["total_requests"]), (&body["key_id"], &json!(1)));
        // Its own account has to do with it, and no other.
        plane.unreserve().await;
        for (account, status) in [("filed", 200), ("other", 404)] {
            let key = plane.owner(account, &["usage:write"]).await;
            plane.call("POST", &*usage).key(&key).json(&call).answers(status).await;
            plane.call("POST", &*path).key(&key).json(&debit).answers(status).await;
            plane.call("GET", &*usage).key(&key).answers(status).await;
        }
        assert_eq!(plane.does("GET", &usage, NONE, 200).await["total_requests"], 2);
    });
}

#[test]
fn a_key_without_check_characters_is_as_good_as_at_the_gate() {
    on_each_store(async |plane| {
        let brought_along = "hk_live_0123456789abcdefghijklmnopqrstuvwxyzABCD";
        plane.owns("brought", brought_along, &[]).await;
        let ask = |key: &str| plane.ask("POST", "/api/v1/keys/validate").json(&json!({ "api_key": key }));
        assert_eq!(ask(brought_along).answers(200).await.body()["user_id"], "brought");
        ask("hk_live_0123456789abcdefghijklmnopqrstuvwxyzABCE").answers(401).await;
    });
}
