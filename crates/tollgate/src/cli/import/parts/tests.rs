use super::*;
use crate::cli::import::draft::Names;

/// Runs one step and compares its result, or the reason of its loss.
#[track_caller]
fn check<T: std::fmt::Debug + PartialEq>(
    step: impl FnOnce(&mut Report) -> Option<T>,
    expected: Result<T, &str>,
) {
    let mut report = Report::default();
    let result = step(&mut report);
    match expected {
        Ok(expected) => assert_eq!((result, report.lost.len()), (Some(expected), 0), "{:?}", report.lost),
        Err(part) => {
            assert_eq!(result, None);
            assert!(report.lost.join("\n").contains(part), "{:?}", report.lost);
        }
    }
}

#[test]
fn values() {
    let check = |text, expected| check(|report| value(text, Kind::Public, "p", report), expected);
    let env = |name| Ok(Node::one("env", Node::text(name)));
    check("$env://A_1", env("A_1"));
    check("$ENV://A", env("A"));
    check("${{A}}", env("A"));
    check("${{ A }}", env("A"));
    check("$env://A/sub", Err("only whole environment variables"));
    check("$env://", Err("only whole environment variables"));
    check("${{A:=default}}", Err("only whole environment variables"));
    check("$secret://vault/1/a/b", Err("`{ vault: PATH#FIELD }`"));
    check("", Err("it is empty"));
    check("literal", Ok(Node::text("literal")));
    check("é$env", Ok(Node::text("é$env")));
}

#[test]
fn only_literal_secrets_are_noted() {
    let notes = |text, kind| {
        let mut report = Report::default();
        value(text, kind, "p", &mut report);
        report.notes.len()
    };
    assert_eq!(
        (notes("x", Kind::Secret), notes("x", Kind::Public), notes("$env://X", Kind::Secret)),
        (1, 0, 0)
    );
}

#[test]
fn targets() {
    let check = |secure, host, port, expected: Result<&str, &str>| {
        check(|report| target(secure, host, port, "p", report), expected.map(str::to_owned));
    };
    check(false, "model", Some(8000), Ok("http://model:8000"));
    check(true, "10.0.0.1", None, Ok("https://10.0.0.1"));
    check(false, "::1", Some(80), Ok("http://[::1]:80"));
    check(false, "[::1]", Some(80), Ok("http://[::1]:80"));
    for (host, port) in [
        ("model", Some(70_000)),
        ("model", Some(0)),
        ("", Some(80)),
        ("a b", None),
        ("a/b", None),
        ("u@h", None),
    ] {
        check(false, host, port, Err("is no address of a host"));
    }
}

#[test]
fn patterns() {
    let check = |uri, expected: Result<&str, &str>| {
        check(|report| pattern(uri, "p", report), expected.map(str::to_owned));
    };
    check("/predict", Ok("/predict"));
    check("/x/*", Ok("/x/**"));
    check("/*", Ok("/**"));
    check("/%7Ea%2e", Ok("/~a."));
    check("/x*", Err("last segment"));
    check("/x/*/y", Err("last segment"));
    check("/*/y/*", Err("last segment"));
    check("/x/:id", Err("named parameters"));
    check("x", Err("must start with `/`"));
    check("", Err("must start with `/`"));
    check("/a//b", Err("empty segment"));
    check("/a/../b/*", Err("`..` segment"));
    check("/a b", Err("percent-encode it"));
}

#[test]
fn allowed_consumers() {
    let mut known = Names::default();
    known.give("a b", "p", &mut Report::default());
    let check = |names: &[&str], expected: Result<&str, &str>| {
        check(|report| allowed(names, &known, "p", report), expected.map(|name| vec![name.to_owned()]));
    };
    check(&["a b", "gone"], Ok("a-b"));
    check(&["gone"], Err("nobody that was carried over"));
    check(&[], Err("nobody that was carried over"));
}

#[test]
fn request_methods() {
    check(|report| methods(&["GET", "post"], "p", report), Ok(Node::texts(["GET", "POST"])));
    check(|report| methods(&["BREW"], "p", report), Err("\"BREW\" is no request method"));
}

#[test]
fn names() {
    let mut names = Names::default();
    let mut give = |foreign: &str, expected: Result<&str, &str>| {
        check(|report| names.give(foreign, "p", report), expected.map(str::to_owned));
    };
    give("service_a", Ok("service_a"));
    give("1", Ok("1"));
    give("a b/c", Ok("a-b-c"));
    give("a-b-c", Ok("a-b-c-2"));
    give("é", Ok("unnamed"));
    give(&"x".repeat(70), Ok(&"x".repeat(64)));
    give(&"x".repeat(71), Ok(&format!("{}-2", "x".repeat(62))));
    give("1", Err("named twice"));
    assert_eq!(names.invent("/predict/sentiment"), "predict-sentiment");
    assert_eq!(names.invent("/predict/sentiment"), "predict-sentiment-2");
    assert_eq!((names.find("a b/c"), names.find("predict-sentiment")), (Some("a-b-c"), None));
}
