use serde_json::{Value, json};

use tollgate_store::{ConsumerPatch, Scope, Set};

use super::plane::{BOOTSTRAP, NONE, Plane, name, on_each_store};

/// What a member says in every item of a list, page by page.
async fn walk(plane: &Plane, path: &str, limit: u16, member: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = plane.does("GET", &format!("{path}?limit={limit}{cursor}"), NONE, 200).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= usize::from(limit));
        all.extend(items.iter().map(|item| item[member].as_str().unwrap_or_default().to_owned()));
        match &page["next"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return all,
        }
    }
}

#[test]
fn pages_begin_with_what_the_file_declares() {
    on_each_store(async |plane| {
        for name in ["a", "b", "c"] {
            plane.does("POST", "/api/v1/consumers", json!({ "name": name }), 201).await;
            // Ids of one millisecond have no order.
            plane.clock.advance(std::time::Duration::from_millis(1));
        }
        for limit in [1, 2, 3, 4, 1000] {
            let consumers = walk(plane, "/api/v1/consumers", limit, "name").await;
            assert_eq!(consumers, ["declared", "second", "a", "b", "c"], "{limit}");
            assert_eq!(
                walk(plane, "/api/v1/accounts", limit, "name").await,
                ["filed", "a", "b", "c"],
                "{limit}"
            );
            assert_eq!(walk(plane, "/api/v1/tiers", limit, "name").await, ["free", "metered", "premium"]);
            assert_eq!(walk(plane, "/api/v1/routes", limit, "path").await, ["/open/**", "/predict"]);
        }
        // An account of both is one.
        let filed = json!({ "name": "filed" });
        plane.does("POST", "/api/v1/accounts", filed, 409).await;
    });
}

#[test]
fn what_the_file_declares_is_changed_there() {
    on_each_store(async |plane| {
        let consumer = plane.does("GET", "/api/v1/consumers/declared", NONE, 200).await;
        assert_eq!((&consumer["source"], &consumer["account"]), (&json!("file"), &json!("filed")));
        let list = plane.does("GET", "/api/v1/consumers/declared/credentials", NONE, 200).await;
        assert_eq!(list["items"][0]["source"], "file");
        for (method, path, body) in [
            ("POST", "/api/v1/consumers", json!({ "name": "declared" })),
            ("PATCH", "/api/v1/consumers/declared", json!({ "enabled": false })),
            ("DELETE", "/api/v1/consumers/declared", NONE),
            ("POST", "/api/v1/consumers/declared/credentials", json!({ "kind": "api_key" })),
            ("POST", "/api/v1/keys", json!({ "name": "k", "consumer": "declared" })),
            ("POST", "/api/v1/keys", json!({ "name": "declared" })),
            ("PATCH", "/api/v1/accounts/filed", json!({ "enabled": false })),
            ("DELETE", "/api/v1/accounts/filed", NONE),
        ] {
            let problem = plane.does(method, path, body, 409).await;
            assert_eq!(problem["code"], "declared_by_file", "{method} {path}");
        }
        let matrix = plane.does("GET", "/api/v1/matrix", NONE, 200).await;
        assert_eq!(matrix["consumers"], json!(["declared", "second"]));
        let outcomes: Vec<&str> = matrix["cells"]
            .as_array()
            .unwrap()
            .iter()
            .map(|cell| cell["outcome"].as_str().unwrap())
            .collect();
        assert_eq!(outcomes, ["allowed", "public", "forbidden", "public"]);
    });
}

#[test]
fn names_and_ids_that_nobody_has() {
    on_each_store(async |plane| {
        let ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        for path in [
            format!("/api/v1/keys/{ulid}"),
            "/api/v1/keys/x".to_owned(),
            "/api/v1/keys/%ff".to_owned(),
            format!("/api/v1/accounts/{ulid}"),
            "/api/v1/accounts/a%20b".to_owned(),
            "/api/v1/consumers/none".to_owned(),
            "/api/v1/consumers/none/credentials".to_owned(),
            format!("/api/v1/usage/{ulid}"),
            "/api/v1/nothing".to_owned(),
        ] {
            assert_eq!(plane.does("GET", &path, NONE, 404).await["code"], "not_found", "{path}");
        }
        plane.does("POST", "/api/v1/accounts", json!({ "name": "twice" }), 201).await;
        plane.does("POST", "/api/v1/accounts", json!({ "name": "twice" }), 409).await;
        plane.does("POST", "/api/v1/consumers", json!({ "name": "twice", "account": "twice" }), 201).await;
        plane.does("POST", "/api/v1/consumers", json!({ "name": "twice" }), 409).await;
        plane.does("DELETE", "/api/v1/accounts/twice", NONE, 409).await;
        plane.does("DELETE", "/api/v1/consumers/twice", NONE, 204).await;
        plane.does("DELETE", "/api/v1/accounts/twice", NONE, 204).await;
        plane.does("POST", "/api/v1/consumers", json!({ "name": "twice" }), 409).await;
    });
}

#[test]
fn credentials_of_the_file_are_shown_and_not_written() {
    on_each_store(async |plane| {
        let id = "declared.api_key.1";
        let list = plane.does("GET", "/api/v1/keys?consumer=declared", NONE, 200).await;
        assert_eq!((list["items"].as_array().unwrap().len(), &list["next"]), (1, &NONE));
        assert_eq!((&list["items"][0]["key_id"], &list["items"][0]["source"]), (&json!(id), &json!("file")));
        plane.unreserve().await;
        let (own, other) =
            (plane.owner("filed", &["keys:write"]).await, plane.owner("other", &["keys:write"]).await);
        for path in [format!("/api/v1/keys/{id}"), format!("/api/v1/consumers/declared/credentials/{id}")] {
            assert_eq!(plane.does("GET", &path, NONE, 200).await, list["items"][0]);
            let rotate = format!("{path}/rotate");
            for (key, seen, written) in [(BOOTSTRAP, 200, 409), (&own, 200, 409), (&other, 404, 404)] {
                plane.call("GET", &*path).key(key).answers(seen).await;
                for (method, path, body) in [
                    ("PATCH", &path, json!({ "enabled": false })),
                    ("DELETE", &path, NONE),
                    ("POST", &rotate, NONE),
                ] {
                    let answer = plane.call(method, &**path).key(key).json(&body).answers(written).await;
                    assert_eq!(answer.problem().0 == "declared_by_file", written == 409, "{}", answer.text);
                }
            }
        }
        for path in ["/api/v1/keys/second", "/api/v1/consumers/second/credentials/declared.api_key.1"] {
            plane.does("GET", path, NONE, 404).await;
        }
    });
}

/// `NAME WORD WORD`: what each consumer of some pages meets on `predict` and on `open`.
async fn outcomes(plane: &Plane, key: &str, limit: u16) -> Vec<String> {
    let (mut lines, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/matrix?limit={limit}{cursor}");
        let page = plane.call("GET", path).key(key).answers(200).await.body();
        let consumers = page["consumers"].as_array().unwrap();
        assert_eq!(page["routes"], json!(["predict", "open"]));
        assert!(consumers.len() <= usize::from(limit));
        let cells = page["cells"].as_array().unwrap();
        for (consumer, cells) in consumers.iter().zip(cells.chunks(2)) {
            let words: Vec<&str> = cells.iter().map(|cell| cell["outcome"].as_str().unwrap()).collect();
            assert!(cells.iter().all(|cell| cell["consumer"] == *consumer));
            lines.push(format!("{} {}", consumer.as_str().unwrap(), words.join(" ")));
        }
        match &page["next"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return lines,
        }
    }
}

#[test]
fn the_matrix_has_consumers_of_the_store() {
    on_each_store(async |plane| {
        for (name, tier) in [("promised", "premium"), ("idle", "free"), ("off", "free"), ("untiered", "free")]
        {
            plane.does("POST", "/api/v1/consumers", json!({ "name": name, "tier": tier }), 201).await;
            plane.clock.advance(std::time::Duration::from_millis(1));
            if name != "idle" {
                // Two of the same kind and scopes, and one that is over, which says nothing.
                for enabled in [true, true, false] {
                    let made = plane
                        .does("POST", "/api/v1/keys", json!({ "name": name, "consumer": name }), 201)
                        .await;
                    let path = format!("/api/v1/keys/{}", made["key_id"].as_str().unwrap());
                    plane.does("PATCH", &path, json!({ "enabled": enabled }), 200).await;
                }
            }
        }
        plane.does("PATCH", "/api/v1/consumers/off", json!({ "enabled": false }), 200).await;
        plane
            .change(async |change| {
                let consumer = change.consumer_named(Scope::All, &name("untiered")).await?;
                let tier = Set::To(Some(name("unknown")));
                change
                    .update_consumer(
                        Scope::All,
                        consumer.id,
                        ConsumerPatch { tier, ..ConsumerPatch::default() },
                    )
                    .await
            })
            .await;
        let all = [
            "declared allowed public",
            "second forbidden public",
            "promised allowed public",
            "idle no_credential public",
            "off no_credential public",
            "untiered unavailable public",
        ];
        for limit in [1, 2, 3, 5, 1000] {
            assert_eq!(outcomes(plane, BOOTSTRAP, limit).await, all, "{limit}");
        }
        plane.does("GET", "/api/v1/matrix?limit=1001", NONE, 422).await;
        let own = plane.owner("promised", &["config:read"]).await;
        assert_eq!(outcomes(plane, &own, 1000).await, ["promised allowed public"]);
    });
}

#[test]
fn quotas_are_seen_and_corrected() {
    on_each_store(async |plane| {
        plane.does("POST", "/api/v1/consumers", json!({ "name": "c", "tier": "metered" }), 201).await;
        let key = plane.does("POST", "/api/v1/keys", json!({ "name": "k", "consumer": "c" }), 201).await;
        let free = json!({ "name": "free", "consumer": "c", "tier": "free" });
        plane.does("POST", "/api/v1/keys", free, 201).await;
        let path = "/api/v1/consumers/c/quota";
        let shown = plane.does("GET", path, NONE, 200).await;
        let expected = |used: u64| {
            json!({ "items": [{
                "limit": "tier:requests/calendar month", "tier": "metered", "unit": "requests", "every": "month",
                "amount": 100, "used": used, "remaining": 100_u64.saturating_sub(used),
                "period_start": "2027-01-01T00:00:00Z", "period_end": "2027-02-01T00:00:00Z",
            }], "next": null })
        };
        assert_eq!(shown, expected(0));
        for used in [40, 0, 1000] {
            assert_eq!(plane.does("PATCH", path, json!({ "used": used }), 200).await, expected(used));
            assert_eq!(plane.does("GET", path, NONE, 200).await, expected(used));
        }
        let audit = plane.does("GET", "/api/v1/audit?limit=1000", NONE, 200).await;
        let rows = audit["items"].as_array().unwrap();
        let rows: Vec<&Value> = rows.iter().filter(|row| row["action"] == "quota.set").collect();
        assert_eq!((rows.len(), &rows[0]["object"]), (3, &json!("c tier:requests/calendar month")));

        for (body, field) in [
            (json!({ "used": -1 }), "used"),
            (json!({ "used": 1, "limit": "tier:requests/day" }), "limit"),
            (json!({ "used": 1, "tier": "free" }), "limit"),
            (json!({}), "used"),
            (json!({ "booked": false }), "used"),
            (json!({ "booked": true, "used": 1 }), "booked"),
            (json!({ "booked": true, "limit": "tier:requests/calendar month" }), "booked"),
            // One of its keys is of another tier, and sums are not told apart by it.
            (json!({ "booked": true }), "booked"),
        ] {
            assert_eq!(plane.does("PATCH", path, body, 422).await["field"], field);
        }
        plane.does("PATCH", "/api/v1/consumers/declared/quota", json!({ "used": 1 }), 422).await;
        plane.does("GET", "/api/v1/consumers/nobody/quota", NONE, 404).await;
        let all = ["consumers:write", "keys:write"];
        let (own, other) = (plane.owner("c", &all).await, plane.owner("other", &all).await);
        for (caller, seen, set) in [(&own, 200, 403), (&other, 404, 403)] {
            plane.call("GET", path).key(caller).answers(seen).await;
            plane.call("PATCH", path).key(caller).json(&json!({ "used": 0 })).answers(set).await;
        }
        let text = key["key_id"].as_str().unwrap();
        plane.does("DELETE", &format!("/api/v1/keys/{text}"), NONE, 204).await;
    });
}
