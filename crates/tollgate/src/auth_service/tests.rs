use serde_json::{Value, json};
use tollgate_core::denial::Balance;

use super::{Verdict, refusal, segment};

fn verdict(user_id: &str, scopes: &[&str], rate: u64, balance: bool) -> Option<Verdict> {
    Some(Verdict {
        user_id: user_id.into(),
        key_id: "k1".into(),
        scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
        rate_limit_per_hour: rate,
        allowed_ips: Vec::new(),
        has_sufficient_balance: balance,
    })
}

#[track_caller]
fn check(body: &Value, expected: Option<Verdict>) {
    assert_eq!(Verdict::read(body), expected, "{body}");
}

#[test]
fn verdicts_of_all_ages_are_read() {
    let old = json!({ "user_id": "u", "key_id": "k1", "service_id": "platform", "scopes": ["a"], "rate_limit_per_hour": 5 });
    check(&old, verdict("u", &["a"], 5, true));
    check(&json!({ "user_id": "u", "key_id": "k1" }), verdict("u", &[], 1000, true));
    check(&json!({ "user_id": 7, "key_id": "k1", "scopes": null }), verdict("7", &[], 1000, true));
    let new = json!({ "user": { "id": "u", "email": "u@example.org", "is_admin": false }, "key_id": "k1",
        "has_sufficient_balance": false, "balance": 0.0 });
    check(&new, verdict("u", &[], 1000, false));
    let bound = json!({ "user_id": "u", "key_id": "k1", "allowed_ips": ["10.0.0.1", "192.168.0.0/16"] });
    let networks = Verdict::read(&bound).unwrap().allowed_ips;
    assert_eq!(
        networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["10.0.0.1/32", "192.168.0.0/16"]
    );
}

#[test]
fn what_is_no_verdict_is_none() {
    for body in [
        json!(null),
        json!([]),
        json!("ok"),
        json!({}),
        json!({ "user_id": "u" }),
        json!({ "key_id": "k1" }),
        json!({ "user_id": "", "key_id": "k1" }),
        json!({ "user_id": "u", "key_id": "k1", "scopes": "all" }),
        json!({ "user_id": "u", "key_id": "k1", "scopes": [1] }),
        json!({ "user_id": "u", "key_id": "k1", "rate_limit_per_hour": -1 }),
        json!({ "user_id": "u", "key_id": "k1", "allowed_ips": ["everywhere"] }),
    ] {
        check(&body, None);
    }
}

#[test]
fn refusals_of_charges_tell_their_reason() {
    let check = |body: Value, reason: &str, code: &str| {
        let expected = Balance::Refused { reason: reason.into(), code: code.into() };
        assert_eq!(refusal(&body), expected, "{body}");
    };
    let detail = json!({ "detail": { "error": "empty", "message": "No balance" } });
    check(detail, "No balance", "empty");
    check(json!({ "detail": { "error": "empty", "reason": "Spent" } }), "Spent", "empty");
    check(json!({ "detail": "Spent" }), "Spent", "insufficient_balance");
    check(json!(null), "Insufficient balance", "insufficient_balance");
    check(json!({ "detail": "x".repeat(10_000) }), &"x".repeat(200), "insufficient_balance");
}

#[test]
fn a_verdict_is_written_and_read_again() {
    for body in [
        json!({ "user_id": "u", "key_id": "k" }),
        json!({ "user": { "id": 7 }, "key_id": "k", "scopes": ["a", "b"], "rate_limit_per_hour": 0,
            "allowed_ips": ["10.0.0.0/8", "::1"], "has_sufficient_balance": false }),
    ] {
        let verdict = Verdict::read(&body).unwrap();
        assert_eq!(Verdict::of_bytes(&verdict.to_bytes()), Some(verdict));
    }
    for strange in [&b""[..], b"[]", b"{}", b"ann"] {
        assert_eq!(Verdict::of_bytes(strange), None);
    }
}

#[test]
fn ids_stay_one_segment() {
    assert_eq!(segment("key-1_a.b~c"), "key-1_a.b~c");
    assert_eq!(segment("../a?b#c%é"), "..%2Fa%3Fb%23c%25%C3%A9");
}
