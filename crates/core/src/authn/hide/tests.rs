use http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::{Unknown, field, query};
use crate::authn::api_key::{self, Place};
use crate::authn::{Accept, Compat, Scheme, hawk, jwt};
use crate::fixtures::{credentials, head, known, token};

fn api_key(hide: bool) -> Scheme {
    Scheme::ApiKey(api_key::Options { hide, ..api_key::Options::default() })
}

fn jwt() -> Scheme {
    Scheme::Jwt(jwt::Options::default())
}

fn hawk(bewit: bool) -> Scheme {
    Scheme::Hawk(hawk::Options { bewit, ..hawk::Options::default() })
}

fn accept(schemes: &[Scheme]) -> Accept {
    Accept { schemes: schemes.to_vec(), public: true, compat: Compat::None }
}

fn hidden(given: &[(&str, &str)], accept: &Accept) -> HeaderMap {
    let mut left = HeaderMap::new();
    for (name, value) in &head("GET /", given).headers {
        if let Some(value) = field(name, value, accept, Unknown::Hidden, &known(&credentials())) {
            left.append(name, HeaderValue::from_bytes(&value).unwrap());
        }
    }
    left
}

/// What is left of these header fields, each as `name: value`.
#[track_caller]
fn check(given: &[(&str, &str)], schemes: &[Scheme], expected: &[&str]) {
    let left = hidden(given, &accept(schemes));
    let left: Vec<String> =
        left.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    assert_eq!(left, expected, "{given:?}");
}

#[test]
fn authorization_that_a_scheme_reads_goes() {
    let ours = format!("Bearer {}", token(json!({ "key": "joe" })));
    let foreign_token = format!("Bearer {}", token(json!({ "key": "elsewhere" })));
    for (schemes, value, goes) in [
        (vec![api_key(true)], "Bearer anything", true),
        (vec![api_key(true)], "ApiKey anything", true),
        (vec![api_key(true)], "anything", false),
        (vec![api_key(true)], "Basic eA==", false),
        (vec![api_key(true)], &foreign_token, true),
        (vec![api_key(false)], "Bearer anything", false),
        (vec![api_key(false)], "Bearer hk_live_ann", false),
        (vec![api_key(false)], &ours, true),
        (vec![jwt()], "Bearer anything", true),
        (vec![jwt()], "anything", true),
        (vec![jwt()], "Basic eA==", false),
        (vec![jwt(), api_key(false)], "Bearer hk_live_ann", false),
        (vec![jwt(), api_key(false)], &foreign_token, true),
        (vec![hawk(false)], "Bearer anything", false),
        (vec![hawk(false)], "Bearer hk_live_ann", true),
        (vec![hawk(false)], "Bearer legacy", true),
        (vec![hawk(false)], &ours, true),
        (vec![hawk(false)], &foreign_token, false),
        (vec![api_key(true)], "Hawk id=\"x\"", true),
        (vec![hawk(false)], "HAWK", true),
    ] {
        let left = hidden(&[("authorization", value)], &accept(&schemes));
        assert_eq!(left.is_empty(), goes, "{schemes:?} {value}");
    }
}

#[test]
fn on_an_open_route_only_our_own_goes() {
    let ours = format!("Bearer {}", token(json!({ "key": "joe" })));
    for (value, goes) in [
        ("Bearer hk_live_unknown", true),
        ("bearer\thk_test_unknown", true),
        ("hk_dev_unknown", true),
        ("ApiKey legacy", true),
        ("Bearer legacy", true),
        ("Bearer elsewhere", false),
        ("Bearer", false),
        ("Basic bGVnYWN5Og==", false),
        ("Hawk id=\"x\"", true),
        (&ours, true),
        ("Bearer ey.ey.ey", false),
    ] {
        let left = hidden(&[("authorization", value)], &accept(&[]));
        assert_eq!(left.is_empty(), goes, "{value}");
    }
}

#[test]
fn in_apisix_every_authorization_is_a_token() {
    for value in ["Basic eA==", "Negotiate x", "ApiKey x", "anything"] {
        let accept = Accept { compat: Compat::Apisix, ..accept(&[jwt()]) };
        assert!(hidden(&[("authorization", value)], &accept).is_empty(), "{value}");
    }
}

#[test]
fn every_place_of_a_key_is_cleaned() {
    let given = [
        ("authorization", "Bearer a"),
        ("x-api-key", "b"),
        ("x-api-key", "c"),
        ("apikey", "d"),
        ("x-other", "e"),
    ];
    check(&given, &[api_key(true)], &["x-other: e"]);
    check(&given[1..], &[api_key(false)], &["x-api-key: b", "x-api-key: c", "apikey: d", "x-other: e"]);
    check(&given[1..], &[jwt()], &["x-api-key: b", "x-api-key: c", "apikey: d", "x-other: e"]);
    let own = Scheme::ApiKey(api_key::Options {
        from: vec![Place::Header("x-other".parse().unwrap())],
        hide: true,
    });
    check(&given[4..], &[own], &[]);
}

#[test]
fn our_keys_go_where_no_scheme_reads_them() {
    for schemes in [vec![], vec![jwt()], vec![hawk(false)]] {
        check(
            &[("x-api-key", "hk_live_unknown"), ("apikey", "legacy"), ("a", "legacy")],
            &schemes,
            &["a: legacy"],
        );
        check(&[("x-api-key", "theirs"), ("x-api-key", "legacy")], &schemes, &["x-api-key: theirs"]);
        check(&[("x-api-key", "theirs")], &schemes, &["x-api-key: theirs"]);
    }
}

#[test]
fn cookies_of_tokens_go() {
    for (line, schemes, expected) in [
        ("jwt=x", vec![jwt()], vec![]),
        ("a=b; jwt=x;c=d", vec![jwt()], vec!["cookie: a=b; c=d"]),
        ("a=b;c=d", vec![jwt()], vec!["cookie: a=b;c=d"]),
        (" jwt =x; jwtx=y", vec![jwt()], vec!["cookie: jwtx=y"]),
        ("jwt=x", vec![api_key(true)], vec!["cookie: jwt=x"]),
        ("jwt=x", vec![], vec!["cookie: jwt=x"]),
    ] {
        check(&[("cookie", line)], &schemes, &expected);
    }
    check(
        &[("cookie", "jwt=x; a=b"), ("cookie", "jwt=y"), ("cookie", "c=d")],
        &[jwt()],
        &["cookie: a=b", "cookie: c=d"],
    );
    let ours = format!("session={}; a=b", token(json!({ "key": "joe" })));
    check(&[("cookie", &ours)], &[], &["cookie: a=b"]);
}

#[test]
fn a_cookie_that_is_no_text_hides_nothing() {
    let line = HeaderValue::from_bytes(b"a=\xff; jwt=x").unwrap();
    let left =
        field(&http::header::COOKIE, &line, &accept(&[jwt()]), Unknown::Hidden, &known(&credentials()));
    assert_eq!(left.as_deref(), Some(&b"a=\xff"[..]));
}

#[test]
fn parameters_that_carry_credentials_go() {
    let ours = format!("t={}&a=1", token(json!({ "key": "joe" })));
    for (given, schemes, expected) in [
        ("a=1&b=2", vec![api_key(true), jwt(), hawk(true)], Some("a=1&b=2")),
        ("api_key=x", vec![api_key(true)], None),
        ("a=1&api_key=x&&b", vec![api_key(true)], Some("a=1&&b")),
        ("a=1&%61pikey=x&apikey", vec![api_key(true)], Some("a=1")),
        ("api_key=x&jwt=y&bewit=z", vec![jwt()], Some("api_key=x&bewit=z")),
        ("api_key=x&jwt=y&bewit=z", vec![hawk(true)], Some("api_key=x&jwt=y")),
        ("api_key=x&jwt=y&bewit=z", vec![hawk(false)], Some("api_key=x&jwt=y&bewit=z")),
        ("api_key=hk_live_ann", vec![api_key(false)], Some("api_key=hk_live_ann")),
        ("api_key=hk_live_ann&a=1", vec![hawk(false)], Some("a=1")),
        ("k=%68k_live_x&l=legacy&a=1", vec![], Some("a=1")),
        ("k=theirs&l", vec![], Some("k=theirs&l")),
        (&ours, vec![], Some("a=1")),
        (&ours, vec![api_key(false)], Some("a=1")),
        ("", vec![jwt()], Some("")),
    ] {
        let left = query(Some(given), &accept(&schemes), Unknown::Hidden, &known(&credentials()));
        assert_eq!(left.as_deref(), expected, "{given} {schemes:?}");
    }
    assert_eq!(query(None, &accept(&[jwt()]), Unknown::Hidden, &known(&credentials())), None);
}

/// All schemes, tokens named by the claim `sub`, and keys in a header of their own too.
fn everything() -> Accept {
    let mut from = api_key::Options::default().from;
    from.push(Place::Header("x-other".parse().unwrap()));
    accept(&[
        Scheme::ApiKey(api_key::Options { from, hide: true }),
        Scheme::Jwt(jwt::Options { claim: "sub".into(), ..jwt::Options::default() }),
        hawk(true),
    ])
}

#[test]
fn what_identifies_nobody_may_be_kept() {
    let bearer = |claims| format!("Bearer {}", token(claims));
    let cookie = |claims| format!("jwt={}", token(claims));
    let hawk = |id: &str| format!("Hawk id=\"{id}\", ts=\"1\", nonce=\"n\", mac=\"m\"");
    for (name, value, goes) in [
        ("authorization", "Bearer theirs".to_owned(), false),
        ("authorization", "Bearer legacy".to_owned(), true),
        ("authorization", "Bearer hk_live_gone".to_owned(), true),
        ("authorization", "ApiKey theirs".to_owned(), false),
        ("authorization", "Basic eA==".to_owned(), false),
        ("authorization", bearer(json!({ "key": "elsewhere" })), false),
        ("authorization", bearer(json!({ "key": "joe" })), true),
        ("authorization", bearer(json!({ "sub": "joe" })), true),
        ("authorization", hawk("theirs"), false),
        ("authorization", hawk("dh"), true),
        ("authorization", "Hawk what".to_owned(), true),
        ("x-api-key", "theirs".to_owned(), false),
        ("x-api-key", "legacy".to_owned(), true),
        ("x-other", "theirs".to_owned(), false),
        ("x-other", "legacy".to_owned(), true),
        ("x_api_key", "legacy".to_owned(), true),
        ("cookie", cookie(json!({ "sub": "elsewhere" })), false),
        ("cookie", cookie(json!({ "sub": "joe" })), true),
    ] {
        let (credentials, sent) = (credentials(), HeaderValue::try_from(&value).unwrap());
        let left = field(&name.parse().unwrap(), &sent, &everything(), Unknown::Kept, &known(&credentials));
        assert_eq!(left.is_none(), goes, "{name}: {value}");
        let hidden =
            field(&name.parse().unwrap(), &sent, &everything(), Unknown::Hidden, &known(&credentials));
        assert!(hidden.is_none() || value.starts_with("Basic"), "{name}: {value}");
    }
    for (given, expected) in [
        ("api_key=theirs&jwt=x&a=1", Some("api_key=theirs&jwt=x&a=1")),
        ("api_key=legacy&a=1", Some("a=1")),
        // `dh\1\m\` and `theirs\1\m\` in base64url; what cannot be read is nobody's for sure.
        ("bewit=ZGhcMVxtXA&a=1", Some("a=1")),
        ("bewit=dGhlaXJzXDFcbVw", Some("bewit=dGhlaXJzXDFcbVw")),
        ("bewit=%00", None),
    ] {
        let left = query(Some(given), &everything(), Unknown::Kept, &known(&credentials()));
        assert_eq!(left.as_deref(), expected, "{given}");
    }
}
