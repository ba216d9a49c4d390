//! Commands that speak to the admin API: against one that answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::{checked, tollgate};

/// What was asked: method and target, `Authorization`, body.
type Asked = (String, String, String);

/// A server that gives these answers, one after the other, and tells what it was asked.
struct Api {
    url: String,
    asked: Receiver<Asked>,
    server: JoinHandle<()>,
}

impl Api {
    fn answering(answers: Vec<(u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, asked) = channel();
        let server = std::thread::spawn(move || {
            for (status, answer) in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                let (mut first, mut key, mut length) = (String::new(), String::new(), 0);
                reader.read_line(&mut first).unwrap();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    let Some((name, value)) = line.trim().split_once(": ") else { break };
                    match name.to_ascii_lowercase().as_str() {
                        "authorization" => key = value.to_owned(),
                        "content-length" => length = value.parse().unwrap(),
                        _ => {}
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let first = first.trim().trim_end_matches(" HTTP/1.1").to_owned();
                tell.send((first, key, String::from_utf8(body).unwrap())).unwrap();
                let text = if answer.is_null() { String::new() } else { answer.to_string() };
                let length = text.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nretry-after: 7\r\n\r\n");
                reader.get_mut().write_all(format!("{head}{text}").as_bytes()).unwrap();
            }
        });
        Self { url, asked, server }
    }

    /// Runs a command against it, and gives both outputs and what was asked.
    #[track_caller]
    fn run(self, arguments: &[&str], code: i32) -> (String, String, Vec<Asked>) {
        let output = tollgate(arguments)
            .env("TOLLGATE_URL", &self.url)
            .env("TOLLGATE_ADMIN_KEY", "the-admin-key")
            .env("KEY", "hk_test_x")
            .output();
        let (out, err) = checked(output.unwrap(), code);
        self.server.join().unwrap();
        (out, err, self.asked.iter().collect())
    }
}

/// A command whose one call is answered so: what it prints, and what it asked.
#[track_caller]
fn check(arguments: &[&str], status: u16, answer: Value, code: i32) -> (String, String, Asked) {
    let (out, err, mut asked) = Api::answering(vec![(status, answer)]).run(arguments, code);
    (out, err, asked.remove(0))
}

#[test]
fn lists_are_tables_or_objects_or_names() {
    let page = json!({ "items": [{ "name": "a", "account": "x", "tier": null, "scopes": ["s", "t"], "source": "store", "enabled": true }], "next": "C&1" });
    let (out, err, asked) = check(&["consumer", "list", "--limit", "1"], 200, page.clone(), 0);
    assert_eq!(
        out,
        "name  account  tier  scopes  source  enabled\na     x        -     s, t    store   yes\n"
    );
    assert!(err.contains("--cursor C&1"), "{err}");
    assert_eq!(
        asked,
        ("GET /api/v1/consumers?limit=1".to_owned(), "Bearer the-admin-key".to_owned(), String::new())
    );
    let (out, err, _) = check(&["consumer", "list", "--json"], 200, page.clone(), 0);
    assert_eq!((serde_json::from_str::<Value>(&out).unwrap(), err), (page.clone(), String::new()));
    let (out, _, asked) = check(&["consumer", "list", "-q", "--cursor", "C&1"], 200, page.clone(), 0);
    assert_eq!((out.as_str(), asked.0.as_str()), ("a\n", "GET /api/v1/consumers?limit=100&cursor=C%261"));

    let last = json!({ "items": [{ "name": "b" }], "next": null });
    let (out, err, asked) =
        Api::answering(vec![(200, page), (200, last)]).run(&["consumer", "list", "--all", "-q"], 0);
    assert_eq!((out.as_str(), err.as_str(), asked.len()), ("a\nb\n", "", 2));
    assert_eq!(asked[1].0, "GET /api/v1/consumers?limit=1000&cursor=C%261");
}

#[test]
fn a_secret_is_shown_once_with_a_warning() {
    let made = json!({ "key_id": "01", "api_key": "hk_test_secret", "name": "shop" });
    let add = [
        "key",
        "add",
        "shop",
        "--environment",
        "test",
        "--scope",
        "a",
        "--scope",
        "b",
        "--expires",
        "30d",
        "--allow-ip",
        "10.0.0.0/8",
        "--rate-limit-per-hour",
        "5",
    ];
    let (out, err, asked) = check(&add, 201, made.clone(), 0);
    assert!(out.contains("api_key  hk_test_secret") && err.starts_with("warning: `api_key`"), "{out}{err}");
    let body: Value = serde_json::from_str(&asked.2).unwrap();
    let expected = json!({ "name": "shop", "environment": "test", "scopes": ["a", "b"], "rate_limit_per_hour": 5, "expires_in_days": 30, "allowed_ips": ["10.0.0.0/8"] });
    assert_eq!((asked.0.as_str(), body), ("POST /api/v1/keys", expected));
    let (out, _, _) = check(&[&add[..], &["-q"]].concat(), 201, made.clone(), 0);
    assert_eq!(out, "hk_test_secret\n");
    let (out, err, _) = check(&[&add[..], &["--json"]].concat(), 201, made.clone(), 0);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), made);
    assert!(serde_json::from_str::<Value>(&err).unwrap()["warning"].is_string(), "{err}");
    let warned = json!({ "key_id": "01", "api_key": "hk_test_secret", "warnings": ["mind the step"] });
    let (_, err, _) = check(&[&add[..], &["-q"]].concat(), 201, warned, 0);
    assert!(err.contains("warning: mind the step"), "{err}");
    let (_, _, asked) = check(&["key", "rotate", "01", "--grace", "24h"], 200, made, 0);
    assert_eq!((asked.0.as_str(), asked.2.as_str()), ("POST /api/v1/keys/01/rotate", r#"{"grace":"24h"}"#));
}

/// What a command asks: the line and the body.
#[track_caller]
fn asks(arguments: &[&str], line: &str, body: &str) {
    let (_, _, asked) = check(arguments, 200, json!({ "id": "01" }), 0);
    assert_eq!((asked.0.as_str(), asked.2.as_str()), (line, body), "{arguments:?}");
}

#[test]
fn changes_say_only_what_is_to_change() {
    let check = asks;
    check(&["account", "add", "a"], "POST /api/v1/accounts", r#"{"name":"a"}"#);
    check(&["account", "set", "a", "--disable"], "PATCH /api/v1/accounts/a", r#"{"enabled":false}"#);
    check(&["consumer", "add", "c", "--tier", "t"], "POST /api/v1/consumers", r#"{"name":"c","tier":"t"}"#);
    check(
        &["consumer", "set", "c", "--no-tier", "--enable"],
        "PATCH /api/v1/consumers/c",
        r#"{"tier":null,"enabled":true}"#,
    );
    check(&["key", "set", "01", "--no-scopes"], "PATCH /api/v1/keys/01", r#"{"scopes":null}"#);
    check(
        &["key", "list", "--consumer", "c", "--revoked"],
        "GET /api/v1/keys?consumer=c&revoked=true&limit=100",
        "",
    );
    check(&["key", "show", "a/b"], "GET /api/v1/keys/a%2Fb", "");
    check(&["audit", "list"], "GET /api/v1/audit?limit=100", "");
    let hawk = ["consumer", "credential", "add", "hawk", "c", "--id", "i", "--key-env", "KEY"];
    check(
        &hawk,
        "POST /api/v1/consumers/c/credentials",
        r#"{"kind":"hawk","lookup":"i","secret":"hk_test_x"}"#,
    );
    for (removal, path) in [
        (&["key", "rm", "01"][..], "/keys/01"),
        (&["key", "revoke", "01"], "/keys/01"),
        (&["consumer", "credential", "rm", "c", "01"], "/consumers/c/credentials/01"),
    ] {
        let (out, _, asked) = self::check(removal, 204, Value::Null, 0);
        assert_eq!((out.as_str(), asked.0.as_str()), ("revoked 01\n", &*format!("DELETE /api/v1{path}")));
    }
}

#[test]
fn every_credential_has_its_whole_life() {
    let check = asks;
    check(
        &["key", "set", "01", "--no-expiry", "--no-rate-limit", "--any-ip"],
        "PATCH /api/v1/keys/01",
        r#"{"rate_limit_per_hour":null,"expires_at":null,"allowed_ips":null}"#,
    );
    check(&["key", "usage", "a.api_key.1"], "GET /api/v1/usage/a.api_key.1", "");
    check(
        &["key", "rotate", "01", "--expires-in-days", "30"],
        "POST /api/v1/keys/01/rotate",
        r#"{"expires_in_days":30}"#,
    );
    let set = ["consumer", "credential", "set", "c", "01"];
    for (more, body) in [
        (&["--disable"][..], r#"{"enabled":false}"#),
        (&["--enable"], r#"{"enabled":true}"#),
        (&["--tier", "t", "--name", "n"], r#"{"name":"n","tier":"t"}"#),
        (&["--no-expiry", "--no-scopes"], r#"{"scopes":null,"expires_at":null}"#),
        (&["--expires", "2027-01-31T12:00:00Z"], r#"{"expires_at":"2027-01-31T12:00:00Z"}"#),
        (
            &["--rate-limit-per-hour", "5", "--allow-ip", "::1"],
            r#"{"rate_limit_per_hour":5,"allowed_ips":["::1"]}"#,
        ),
    ] {
        check(&[&set[..], more].concat(), "PATCH /api/v1/consumers/c/credentials/01", body);
    }
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("key.pem");
    std::fs::write(&pem, "PEM").unwrap();
    check(
        &[
            "consumer",
            "credential",
            "rotate",
            "c",
            "01",
            "--public-key",
            pem.to_str().unwrap(),
            "--lookup",
            "k",
        ],
        "POST /api/v1/consumers/c/credentials/01/rotate",
        r#"{"lookup":"k","public_key":"PEM"}"#,
    );
    check(
        &[
            "consumer",
            "credential",
            "add",
            "jwt",
            "c",
            "--tier",
            "t",
            "--rate-limit-per-hour",
            "5",
            "--expires",
            "30d",
        ],
        "POST /api/v1/consumers/c/credentials",
        r#"{"kind":"jwt","tier":"t","rate_limit_per_hour":5,"expires_in_days":30}"#,
    );
}

#[test]
fn quotas_are_shown_and_corrected() {
    let quota = json!({ "items": [{ "limit": "tier:requests/day", "tier": "free", "amount": 5, "used": 2, "remaining": 3, "period_end": "E" }], "next": null });
    let (out, _, asked) = check(&["consumer", "quota", "c"], 200, quota.clone(), 0);
    assert!(out.contains("tier:requests/day  free  5       2     3          E"), "{out}");
    assert_eq!((asked.0.as_str(), asked.2.as_str()), ("GET /api/v1/consumers/c/quota", ""));
    let (_, _, asked) = check(&["consumer", "quota", "c", "--booked"], 200, quota.clone(), 0);
    assert_eq!(asked.0, "PATCH /api/v1/consumers/c/quota");
    assert_eq!(serde_json::from_str::<Value>(&asked.2).unwrap(), json!({ "booked": true }));
    let set = ["consumer", "quota", "c", "--set", "2", "--limit", "tier:requests/day", "-q"];
    let (out, _, asked) = check(&set, 200, quota, 0);
    assert_eq!((out.as_str(), asked.0.as_str()), ("2\n", "PATCH /api/v1/consumers/c/quota"));
    assert_eq!(
        serde_json::from_str::<Value>(&asked.2).unwrap(),
        json!({ "used": 2, "limit": "tier:requests/day" })
    );
}

#[test]
fn a_key_is_asked_about_with_itself() {
    let (out, _, asked) =
        check(&["key", "validate", "--key-env", "KEY"], 200, json!({ "key_id": "01", "scopes": [] }), 0);
    assert!(out.contains("key_id  01"), "{out}");
    assert_eq!(
        asked,
        (
            "POST /api/v1/keys/validate".to_owned(),
            "Bearer hk_test_x".to_owned(),
            r#"{"service_id":"platform"}"#.to_owned()
        )
    );
    let (out, err, _) = check(
        &["key", "validate", "--key-env", "KEY"],
        401,
        json!({ "detail": "Invalid or expired API key" }),
        1,
    );
    assert_eq!((out.as_str(), err.as_str()), ("not valid: Invalid or expired API key\n", ""));
}

#[test]
fn refusals_are_told_as_they_are() {
    let problem = json!({ "title": "Unprocessable Entity", "detail": "`tier` is none of the file", "field": "tier", "code": "invalid_field" });
    let (out, err, _) = check(&["consumer", "add", "c", "--tier", "t"], 422, problem.clone(), 1);
    assert_eq!(
        (out.as_str(), err.as_str()),
        ("", "error: Unprocessable Entity: `tier` is none of the file\n")
    );
    let (_, err, _) = check(&["consumer", "add", "c", "--json"], 422, problem.clone(), 1);
    let err: Value = serde_json::from_str(&err).unwrap();
    assert_eq!(
        (err["error"].as_str(), &err["problem"]),
        (Some("Unprocessable Entity: `tier` is none of the file"), &problem)
    );
    let (_, err, _) = check(&["key", "list"], 401, json!({ "title": "Unauthorized" }), 1);
    assert!(err.contains("TOLLGATE_ADMIN_KEY") && !err.contains("the-admin-key"), "{err}");
    let (_, err, _) = check(&["key", "list"], 503, json!({ "title": "Service Unavailable" }), 1);
    assert!(err.contains("try again in 7 s"), "{err}");
}

#[test]
fn who_cannot_be_asked_is_told() {
    let refused = |arguments: &[&str], url: &str, key: Option<&str>, words: &str| {
        let mut command = tollgate(arguments);
        command.env("TOLLGATE_URL", url).envs(key.map(|key| ("TOLLGATE_ADMIN_KEY", key)));
        let (out, err) = checked(command.output().unwrap(), 1);
        assert!(out.is_empty() && err.contains(words), "{err}");
    };
    // Nobody listens on a port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    refused(&["key", "list"], &url, None, "no admin key");
    refused(&["key", "list"], &url, Some("k"), "is the gate running");
    refused(&["key", "list", "--admin-key-file", "/does/not/exist"], &url, None, "/does/not/exist");
    refused(&["key", "list"], "nonsense", Some("k"), "`nonsense`");
    refused(&["key", "list"], &url, Some("two words"), "no key has");
    for arguments in [
        &["key"][..],
        &["key", "add"],
        &["key", "list", "--limit", "0"],
        &["consumer", "set", "c", "--tier", "t", "--no-tier"],
    ] {
        checked(tollgate(arguments).output().unwrap(), 2);
    }
}

#[test]
fn the_matrix_of_the_gate_is_asked_page_by_page() {
    let cell = |consumer: &str, outcome: &str| json!({ "consumer": consumer, "route": "predict", "outcome": outcome, "reason": "r" });
    let page = |consumer: &str, outcome: &str, next: Value| json!({ "consumers": [consumer], "routes": ["predict"], "cells": [cell(consumer, outcome)], "next": next });
    let pages = || {
        let words = [("b", "allowed"), ("a", "no_credential"), ("c", "public")];
        let nexts = [json!("C&1"), json!("C2"), Value::Null];
        words.iter().zip(nexts).map(|((name, word), next)| (200, page(name, word, next))).collect()
    };
    let (out, err, asked) = Api::answering(pages()).run(&["matrix", "--gate"], 0);
    assert_eq!(
        (out.as_str(), err.as_str()),
        ("consumer  predict\na         ✗\nb         ✓\nc         ✓\n", "")
    );
    let lines: Vec<&str> = asked.iter().map(|(line, _, _)| line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "GET /api/v1/matrix?limit=1000",
            "GET /api/v1/matrix?limit=1000&cursor=C%261",
            "GET /api/v1/matrix?limit=1000&cursor=C2"
        ]
    );
    let (out, _, _) = Api::answering(pages()).run(&["matrix", "--gate", "--json"], 0);
    let out: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&out["consumers"], &out["cells"][1]["outcome"]), (&json!(["b", "a", "c"]), &json!("denied")));
}
