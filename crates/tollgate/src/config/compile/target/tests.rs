use super::{is_listener, parse};

/// `secure host port base` of a target, or words of its error.
fn check(url: &str, expected: Result<&str, &str>) {
    let got = parse(url, 1).map(|t| format!("{} {} {} {:?}", t.secure, t.authority.host(), t.port, &*t.base));
    match (got, expected) {
        (Err((message, hint)), Err(expected)) => {
            assert!(message.contains(expected), "{url}: {message}");
            assert!(!hint.is_empty());
        }
        (got, expected) => assert_eq!(
            got.map_err(|(message, _)| message),
            expected.map(str::to_owned).map_err(str::to_owned)
        ),
    }
}

#[test]
fn targets() {
    check("http://127.0.0.1:9001", Ok("false 127.0.0.1 9001 \"\""));
    check(
        "https://models.example.com",
        Ok("true models.example.com 443 \"\""),
    );
    check("http://models", Ok("false models 80 \"\""));
    check("http://[::1]:9001/v1/", Ok("false [::1] 9001 \"/v1\""));
    check("http://a/", Ok("false a 80 \"\""));
    check("127.0.0.1:9001", Err("has no scheme"));
    check("localhost", Err("has no scheme"));
    check("", Err("has no scheme"));
    check("ftp://a", Err("is no scheme of a target"));
    check("unix:///run/model.sock", Err("is no scheme of a target"));
    check("http://", Err("no valid host and port"));
    check("http://:80", Err("no valid host and port"));
    check("http://a:", Err("no valid host and port"));
    check("http://a:0", Err("no valid host and port"));
    check("http://a:99999", Err("no valid host and port"));
    check("http://a b", Err("no valid host and port"));
    check("http://[::g]", Err("no valid host and port"));
    check("http://user:hunter2@a", Err("holds no credential"));
    check("user:hunter2@a:80", Err("holds no credential"));
    check("http://a?x=1", Err("no query and no fragment"));
    check("http://a/#x", Err("no query and no fragment"));
    check("http://a/b/../c", Err("`.` or `..` segment"));
    check("http://a/%7Eb", Err("canonical form"));
}

#[test]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn a_gate_may_not_call_itself() {
    let check = |url: &str, listener: &str, expected: bool| {
        let target = parse(url, 1).unwrap();
        assert_eq!(
            is_listener(&target, listener.parse().unwrap()),
            expected,
            "{url} {listener}"
        );
    };
    check("http://127.0.0.1:8080", "127.0.0.1:8080", true);
    check("http://localhost:8080", "127.0.0.1:8080", true);
    check("http://[::1]:8080/v1", "[::]:8080", true);
    check("http://127.0.0.1:8080", "0.0.0.0:8080", true);
    check("http://0.0.0.0:8080", "127.0.0.1:8080", true);
    check("http://localhost", "0.0.0.0:80", true);
    check("http://127.0.0.1:9001", "127.0.0.1:8080", false);
    check("http://10.0.0.9:8080", "0.0.0.0:8080", false);
    check("http://model:8080", "0.0.0.0:8080", false);
}
