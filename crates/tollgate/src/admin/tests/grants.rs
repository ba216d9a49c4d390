//! What a key hands on lies within what it has.

use serde_json::{Value, json};

use super::plane::{NONE, Plane, on_each_store};

/// A key of the consumer `maker` of the account `maker`, which is of the tier `free`.
async fn maker(plane: &Plane, rate: Option<i64>) -> String {
    let consumer = json!({ "name": "maker", "tier": "free" });
    plane.does("POST", "/api/v1/consumers", consumer, 201).await;
    let scopes = json!(["keys:write", "consumers:write", "accounts:write", "model:read"]);
    let mut key = json!({ "name": "maker key", "consumer": "maker", "scopes": scopes });
    if let Some(rate) = rate {
        key["rate_limit_per_hour"] = rate.into();
    }
    plane.does("POST", "/api/v1/keys", key, 201).await["api_key"].as_str().unwrap().to_owned()
}

async fn sends(plane: &Plane, key: &str, method: &str, path: &str, body: Value, status: u16) -> Value {
    plane.call(method, path).key(key).json(&body).answers(status).await.body()
}

#[test]
fn a_name_that_a_route_has_is_made_by_all_accounts_keys_alone() {
    on_each_store(async |plane| {
        let key = maker(plane, None).await;
        for (path, body) in [
            ("/api/v1/consumers", json!({ "name": "promised" })),
            // A key that is made alone brings a consumer of its name.
            ("/api/v1/keys", json!({ "name": "promised" })),
        ] {
            let refused = sends(plane, &key, "POST", path, body, 403).await;
            assert_eq!(refused["code"], "name_is_granted", "{refused}");
        }
        plane.does("POST", "/api/v1/consumers", json!({ "name": "promised" }), 201).await;
    });
}

#[test]
fn scopes_tiers_and_rates_do_not_grow() {
    on_each_store(async |plane| {
        let key = maker(plane, None).await;
        for (body, status, field) in [
            (json!({ "name": "k", "consumer": "maker", "scopes": ["model:read"] }), 201, ""),
            (json!({ "name": "k", "consumer": "maker", "scopes": ["keys:write"] }), 201, ""),
            (json!({ "name": "k", "consumer": "maker" }), 201, ""),
            (json!({ "name": "k", "consumer": "maker", "rate_limit_per_hour": 100 }), 201, ""),
            (json!({ "name": "k", "consumer": "maker", "scopes": ["admin"] }), 403, "scopes"),
            (json!({ "name": "k", "consumer": "maker", "scopes": ["model:predict"] }), 403, "scopes"),
            (json!({ "name": "k", "consumer": "maker", "scopes": [], "tier": "premium" }), 403, "tier"),
            (
                json!({ "name": "k", "consumer": "maker", "rate_limit_per_hour": 101 }),
                403,
                "rate_limit_per_hour",
            ),
        ] {
            let answer = sends(plane, &key, "POST", "/api/v1/keys", body.clone(), status).await;
            assert_eq!(answer["field"].as_str().unwrap_or_default(), field, "{body}: {answer}");
        }
        // A consumer that it makes has its own tier, or there would be one without limits.
        let made = sends(plane, &key, "POST", "/api/v1/consumers", json!({ "name": "made" }), 201).await;
        assert_eq!(made["tier"], "free");
        let made = sends(plane, &key, "POST", "/api/v1/keys", json!({ "name": "by name" }), 201).await;
        let consumer = plane.does("GET", "/api/v1/consumers/by-name", NONE, 200).await;
        assert_eq!((&consumer["tier"], &made["consumer"]), (&json!("free"), &json!("by-name")));
        for (path, body) in [
            ("/api/v1/consumers/made", json!({ "tier": null })),
            ("/api/v1/consumers/made", json!({ "tier": "premium" })),
            ("/api/v1/consumers/made", json!({ "scopes": ["admin"] })),
            ("/api/v1/accounts/maker", json!({ "enabled": false })),
        ] {
            sends(plane, &key, "PATCH", path, body, 403).await;
        }
        sends(plane, &key, "POST", "/api/v1/accounts", json!({ "name": "another" }), 403).await;
    });
}

#[test]
fn what_has_more_is_neither_changed_nor_taken_over() {
    on_each_store(async |plane| {
        let key = maker(plane, Some(10)).await;
        let own = sends(
            plane,
            &key,
            "POST",
            "/api/v1/keys",
            json!({ "name": "o", "consumer": "maker", "scopes": [] }),
            201,
        )
        .await;
        assert_eq!(own["rate_limit_per_hour"], 10, "a rate of its own goes on");
        let path = format!("/api/v1/keys/{}", own["key_id"].as_str().unwrap());
        for change in [
            json!({ "rate_limit_per_hour": null }),
            json!({ "rate_limit_per_hour": 11 }),
            json!({ "scopes": ["model:predict"] }),
            json!({ "tier": "premium" }),
        ] {
            sends(plane, &key, "PATCH", &path, change, 403).await;
        }
        sends(
            plane,
            &key,
            "PATCH",
            &path,
            json!({ "scopes": ["model:read"], "rate_limit_per_hour": 5 }),
            200,
        )
        .await;

        let more = json!({ "name": "m", "consumer": "maker", "scopes": ["model:predict"] });
        let more = plane.does("POST", "/api/v1/keys", more, 201).await;
        let path = format!("/api/v1/keys/{}", more["key_id"].as_str().unwrap());
        sends(plane, &key, "POST", &format!("{path}/rotate"), json!({ "grace": "1h" }), 403).await;
        sends(plane, &key, "PATCH", &path, json!({ "allowed_ips": [] }), 403).await;
        sends(plane, &key, "PATCH", &path, json!({ "enabled": false }), 200).await;
        sends(plane, &key, "PATCH", &path, json!({ "enabled": true }), 403).await;
        sends(plane, &key, "DELETE", &path, NONE, 204).await;

        let admin = json!({ "name": "a", "consumer": "maker", "scopes": ["admin"] });
        let admin = plane.does("POST", "/api/v1/keys", admin, 201).await;
        let path = format!("/api/v1/keys/{}", admin["key_id"].as_str().unwrap());
        sends(plane, &key, "DELETE", &path, NONE, 403).await;
        sends(plane, &key, "PATCH", &path, json!({ "enabled": false }), 403).await;
        sends(plane, &key, "DELETE", "/api/v1/consumers/maker", NONE, 403).await;
        let of_admin = admin["api_key"].as_str().unwrap();
        sends(plane, of_admin, "DELETE", "/api/v1/consumers/maker", NONE, 204).await;
        sends(plane, of_admin, "GET", "/api/v1/keys", NONE, 401).await;
        sends(plane, &key, "GET", "/api/v1/keys", NONE, 401).await;
    });
}

#[test]
fn ends_and_networks_do_not_grow() {
    on_each_store(async |plane| {
        plane.does("POST", "/api/v1/consumers", json!({ "name": "maker" }), 201).await;
        // The clock stands at 2027-01-15T08:00:00Z.
        let (end, before, after) = ("2027-02-01T00:00:00Z", "2027-01-31T00:00:00Z", "2027-02-02T00:00:00Z");
        let own = json!({
            "name": "bound", "consumer": "maker", "scopes": ["keys:write"], "expires_at": end,
            "allowed_ips": ["127.0.0.0/8", "192.0.2.0/24"],
        });
        let own = plane.does("POST", "/api/v1/keys", own, 201).await;
        let key = own["api_key"].as_str().unwrap();
        let key_of = |made: &Value| format!("/api/v1/keys/{}", made["key_id"].as_str().unwrap());

        let new = json!({ "name": "k", "consumer": "maker", "scopes": [] });
        let made = sends(plane, key, "POST", "/api/v1/keys", new.clone(), 201).await;
        assert_eq!((&made["expires_at"], &made["allowed_ips"]), (&json!(end), &own["allowed_ips"]));
        for (member, value, field) in [
            ("expires_at", json!(before), ""),
            ("expires_at", json!(end), ""),
            ("expires_at", json!(after), "expires_at"),
            ("expires_in_days", json!(365), "expires_at"),
            ("allowed_ips", json!(["192.0.2.7", "127.0.0.0/8"]), ""),
            ("allowed_ips", json!(["192.0.2.0/23"]), "allowed_ips"),
            ("allowed_ips", json!(["127.0.0.1", "203.0.113.1"]), "allowed_ips"),
            ("allowed_ips", json!([]), "allowed_ips"),
        ] {
            let status = if field.is_empty() { 201 } else { 403 };
            let mut body = new.clone();
            body[member] = value.clone();
            let answer = sends(plane, key, "POST", "/api/v1/keys", body.clone(), status).await;
            assert_eq!(answer["field"].as_str().unwrap_or_default(), field, "{body}");
            if member == "expires_in_days" {
                let body = json!({ "expires_in_days": value });
                sends(plane, key, "POST", &format!("{}/rotate", key_of(&own)), body, 403).await;
                continue;
            }
            let mut body = json!({});
            body[member] = value;
            let status = if field.is_empty() { 200 } else { 403 };
            sends(plane, key, "PATCH", &key_of(&made), body, status).await;
        }
        // Nor does it take its own off, or take over what has more.
        for body in [json!({ "expires_at": null }), json!({ "allowed_ips": null })] {
            sends(plane, key, "PATCH", &key_of(&own), body, 403).await;
        }
        let free = plane.does("POST", "/api/v1/keys", new, 201).await;
        sends(plane, key, "POST", &format!("{}/rotate", key_of(&free)), NONE, 403).await;
        sends(plane, key, "PATCH", &key_of(&free), json!({ "name": "x" }), 403).await;
        sends(plane, key, "PATCH", &key_of(&free), json!({ "enabled": false }), 200).await;
        let path = "/api/v1/consumers/maker/credentials";
        let hawk = sends(plane, key, "POST", path, json!({ "kind": "hawk", "scopes": [] }), 201).await;
        assert_eq!((&hawk["expires_at"], &hawk["allowed_ips"]), (&json!(end), &own["allowed_ips"]));
        let next = sends(plane, key, "POST", &format!("{}/rotate", key_of(&own)), NONE, 200).await;
        assert_eq!((&next["expires_at"], &next["allowed_ips"]), (&json!(end), &own["allowed_ips"]));
    });
}
