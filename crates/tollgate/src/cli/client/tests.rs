use http::HeaderMap;

use super::*;

/// How a refusal with this body is told.
#[track_caller]
fn check(status: u16, headers: &[(&'static str, &'static str)], body: &str, expected: &str) {
    let fields: HeaderMap =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let refusal = Refusal::of(StatusCode::from_u16(status).unwrap(), &fields, body.as_bytes());
    assert_eq!(refusal.to_string(), expected);
}

#[test]
fn refusals_say_what_is_wrong() {
    check(
        404,
        &[],
        r#"{"title":"Not Found","detail":"there is no such key"}"#,
        "Not Found: there is no such key",
    );
    let field = r#"{"title":"Unprocessable Entity","detail":"`name` is too long","field":"name"}"#;
    check(422, &[], field, "Unprocessable Entity: `name` is too long");
    check(422, &[], r#"{"title":"X","detail":"no","field":"tier"}"#, "X: no (field `tier`)");
    check(409, &[], "<html>", "Conflict");
    check(503, &[("retry-after", "2")], "", "Service Unavailable; try again in 2 s");
    check(
        403,
        &[],
        r#"{"title":"Forbidden","required_scope":"keys:write"}"#,
        "Forbidden; it needs the scope `keys:write`",
    );
    check(
        401,
        &[],
        r#"{"title":"Unauthorized"}"#,
        "Unauthorized; the admin key of `TOLLGATE_ADMIN_KEY` is not accepted; `tollgate init` prints the first one",
    );
}

#[test]
fn names_stand_in_paths_as_they_are() {
    for (text, expected) in [("service_a", "service_a"), ("a/b?c", "a%2Fb%3Fc"), ("ü ", "%C3%BC%20")] {
        assert_eq!(encoded(text), expected);
    }
}

#[test]
fn what_is_no_url_is_told() {
    for (url, words) in
        [("127.0.0.1", "neither"), ("ftp://h", "neither"), ("http://", "neither"), ("", "URL")]
    {
        let access = Access { url: url.to_owned(), certificate: None, admin_key_file: None };
        let error = format!("{:#}", access.stranger().unwrap_err());
        assert!(error.contains(words), "{url}: {error}");
    }
}
