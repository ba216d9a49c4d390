use super::*;

/// `METHOD PATH`, the fields, and the body of a command.
#[track_caller]
fn check(command: &str, line: &str, fields: &[&str], body: Option<&str>) {
    let request = request(command).unwrap();
    let method = request.method.as_deref().unwrap_or("GET");
    assert_eq!(format!("{method} {}", request.path), line, "{command}");
    let shown: Vec<String> = request
        .headers
        .iter()
        .flat_map(|(name, values)| {
            let values = match values {
                Values::One(value) => std::slice::from_ref(value),
                Values::Many(values) => values.as_slice(),
            };
            values.iter().map(move |value| format!("{name}: {value}"))
        })
        .collect();
    assert_eq!(shown, fields, "{command}");
    assert_eq!(request.body.as_deref(), body, "{command}");
}

#[test]
fn commands_are_read_as_their_requests() {
    check("curl http://h:8080/x?a=1", "GET /x?a=1", &["host: h:8080"], None);
    check("curl -sS -XPOST 'http://h/x'", "POST /x", &["host: h"], None);
    check("h/x", "GET /x", &["host: h"], None);
    check(
        "curl -H 'X-API-Key: k' -H \"X-API-Key: \\\"l\\\"\" \\\n  --request=PUT --url http://h/ -o /dev/null | jq .",
        "PUT /",
        &["host: h", "x-api-key: k", "x-api-key: \"l\""],
        None,
    );
    check(
        "curl -d a=1 -d b=2 http://h/x -H 'Content-Type: text/plain'",
        "POST /x",
        &["content-type: text/plain", "host: h"],
        Some("a=1&b=2"),
    );
    check(
        "curl --json '{\"a\": \"it'\\''s\"}' http://h/x",
        "POST /x",
        &["content-type: application/json", "host: h"],
        Some("{\"a\": \"it's\"}"),
    );
    check("curl -G -d q=1 http://h/x?p=0", "GET /x?p=0&q=1", &["host: h"], None);
    check("curl -u a:b -I http://h/x", "HEAD /x", &["authorization: Basic YTpi", "host: h"], None);
    check("curl -H 'Host: other' http://h/x", "GET /x", &["host: other"], None);
}

#[test]
fn what_would_have_to_be_run_is_refused() {
    for (command, told) in [
        ("curl -H \"$(tollgate sign hawk)\" http://h/", "are not run"),
        ("curl -H \"X-API-Key: ${KEY}\" http://h/", "are not run"),
        ("curl -d @body.json http://h/", "is not read"),
        ("curl --trace x http://h/", "`--trace`"),
        ("curl http://h/ http://i/", "two URLs"),
        ("curl -H", "`-H` has no value"),
        ("curl -H nothing http://h/", "`Name: value`"),
        ("curl 'http://h/", "not closed"),
        ("curl", "no URL"),
    ] {
        let error = request(command).unwrap_err().to_string();
        assert!(error.contains(told), "{command}: {error}");
    }
    check("curl -H 'X: $(not run)' http://h/", "GET /", &["host: h", "x: $(not run)"], None);
}
