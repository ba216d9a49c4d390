use serde_json::{Value, json};

use super::plane::{BOOTSTRAP, NONE, Plane, on_each_store};

async fn refused(plane: &Plane, method: &str, path: &str, body: &Value, field: &str) {
    let answer = plane.call(method, path).key(BOOTSTRAP).json(body).answers(422).await;
    assert_eq!(answer.problem(), ("invalid_field".to_owned(), field.to_owned()), "{body}: {}", answer.text);
}

#[test]
fn what_is_out_of_bounds_is_named() {
    on_each_store(async |plane| {
        let long = "x".repeat(101);
        let many: Vec<String> = (0..21).map(|n| format!("10.0.0.{n}")).collect();
        for (member, value) in [
            ("name", json!("")),
            ("name", json!(long)),
            ("name", json!("a\u{0}b")),
            ("name", json!("a\u{202e}b")),
            ("name", json!("a\u{200b}b")),
            ("service_id", json!("\u{2066}a")),
            ("name", json!(7)),
            ("environment", json!("staging")),
            ("service_id", json!(long)),
            ("expires_in_days", json!(0)),
            ("expires_in_days", json!(366)),
            ("expires_in_days", json!(i64::MAX)),
            ("expires_at", json!("tomorrow")),
            ("expires_at", json!("2001-01-01T00:00:00Z")),
            ("rate_limit_per_hour", json!(0)),
            ("rate_limit_per_hour", json!(100_001)),
            ("rate_limit_per_hour", json!(1.5)),
            ("allowed_ips", json!(["10.0.0.300"])),
            ("allowed_ips", json!(many)),
            ("scopes", json!(["two words"])),
            ("tier", json!("gold")),
            ("consumer", json!("nobody")),
            ("colour", json!("red")),
        ] {
            let mut body = json!({ "name": "key", "consumer": "service" });
            body[member] = value;
            if member == "name" {
                plane
                    .call("POST", "/api/v1/consumers")
                    .key(BOOTSTRAP)
                    .json(&json!({ "name": "service" }))
                    .await_answer()
                    .await;
            }
            refused(plane, "POST", "/api/v1/keys", &body, member).await;
        }
        refused(plane, "POST", "/api/v1/keys", &json!({}), "name").await;
        refused(plane, "POST", "/api/v1/accounts", &json!({ "name": "a b" }), "name").await;
        refused(plane, "POST", "/api/v1/consumers", &json!({ "name": "c", "account": "nobody" }), "account")
            .await;
        let list = plane.does("GET", "/api/v1/keys", NONE, 200).await;
        assert_eq!(list["items"], json!([]), "nothing of all this was made");
    });
}

#[test]
fn what_makes_no_proof_and_no_question_is_named() {
    on_each_store(async |plane| {
        plane.does("POST", "/api/v1/consumers", json!({ "name": "service" }), 201).await;
        let path = "/api/v1/consumers/service/credentials";
        for (body, field) in [
            (json!({ "kind": "basic" }), "kind"),
            (json!({ "kind": "api_key", "secret": "mine" }), "secret"),
            (json!({ "kind": "hawk", "algorithm": "md5" }), "algorithm"),
            (json!({ "kind": "hawk", "secret": "" }), "secret"),
            (json!({ "kind": "hawk", "lookup": "a\"b" }), "lookup"),
            (json!({ "kind": "jwt", "lookup": "" }), "lookup"),
            (json!({ "kind": "jwt", "lookup": "a\u{202e}b" }), "lookup"),
            (json!({ "kind": "jwt", "algorithm": "RS256" }), "public_key"),
            (json!({ "kind": "jwt", "public_key": "no key" }), "public_key"),
            (json!({ "kind": "jwt", "algorithm": "HS256", "secret": "" }), "secret"),
        ] {
            refused(plane, "POST", path, &body, field).await;
        }
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=x", "limit"),
            ("cursor=x", "cursor"),
            ("no=1", "no"),
        ] {
            refused(plane, "GET", &format!("/api/v1/accounts?{query}"), &NONE, field).await;
        }
        for (headers, field) in
            [(json!({ "a": 7 }), "request.headers.a"), (json!({ "a": [7] }), "request.headers.a")]
        {
            let body = json!({ "request": { "path": "/", "headers": headers } });
            refused(plane, "POST", "/api/v1/explain", &body, field).await;
            let answer = plane.call("POST", "/api/v1/explain").key(BOOTSTRAP).json(&body).answers(422).await;
            assert!(answer.text.contains("a text, or a list of texts"), "{}", answer.text);
        }
        let list = plane.does("GET", path, NONE, 200).await;
        assert_eq!(list["items"], json!([]), "nothing of all this was made");
    });
}

#[test]
fn what_is_no_body_is_refused() {
    on_each_store(async |plane| {
        let post = || plane.call("POST", "/api/v1/accounts").key(BOOTSTRAP);
        let json = "application/json";
        for (media_type, text, status, code) in [
            ("text/plain", r#"{"name":"a"}"#.to_owned(), 415, "not_json"),
            (json, "{".to_owned(), 400, "malformed_json"),
            (json, r#"{"name":"a"} {}"#.to_owned(), 400, "malformed_json"),
            (json, r#"{"name":7,"#.to_owned(), 400, "malformed_json"),
            (json, "[".repeat(10_000), 400, "malformed_json"),
            (json, "[]".to_owned(), 422, "invalid_field"),
            (json, r#"{"name":"a","name":"b"}"#.to_owned(), 422, "invalid_field"),
            (json, " ".repeat(70_000), 413, "body_too_large"),
        ] {
            let answer = post().text(media_type, text).answers(status).await;
            assert_eq!(answer.problem().0, code, "{}", answer.text);
        }
        let declared = post().text(json, "{}").field("content-length", "70000").answers(413).await;
        assert_eq!(declared.problem().0, "body_too_large");
    });
}
