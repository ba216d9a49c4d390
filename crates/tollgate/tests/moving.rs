//! Moving house with the real program: `explain`, `test`, `diff`, and what its log says of who calls.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tempfile::TempDir;

const CONFIG: &str = "listen: 127.0.0.1:0
upstreams:
  m: { targets: [http://127.0.0.1:1] }
tiers:
  free: { limits: [2 requests/h], scopes: [model:read] }
routes:
  keys: { match: { path: /keys, methods: [POST] }, upstream: m, accept: [api_key], deny: [bob] }
  below: { match: { path: /below/**, hosts: [model.test] }, upstream: m, accept: [hawk, api_key], scopes: [model:read] }
  open: { match: { path: /open }, upstream: m, accept: [public] }
consumers:
  ann: { tier: free, credentials: [{ api_key: { file: ann.key } }] }
  bob: { credentials: [{ api_key: { file: bob.key } }] }
";
const ANN: &str = "hk_live_0123456789abcdef0123456789abcdef01234567";
const BOB: &str = "bob-has-a-key-of-enough-characters";

/// A folder with a configuration and whatever else a test writes there.
struct Ground(TempDir);

impl Ground {
    fn new() -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        ground.write("tollgate.yaml", CONFIG);
        ground.write("ann.key", ANN);
        ground.write("bob.key", BOB);
        ground
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(arguments).current_dir(self.0.path());
        for name in ["TOLLGATE_CONFIG", "TOLLGATE_URL", "TOLLGATE_ADMIN_KEY"] {
            command.env_remove(name);
        }
        command
    }

    /// Standard output and standard error of a run that must end with this code.
    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> (String, String) {
        checked(&mut self.command(arguments), code)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str], code: i32) -> Value {
        let (out, err) = self.run(&[arguments, &["--json"]].concat(), code);
        serde_json::from_str(&out).unwrap_or_else(|error| unreachable!("{error}: {out}{err}"))
    }
}

#[track_caller]
fn checked(command: &mut Command, code: i32) -> (String, String) {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    assert!(!out.contains("cdef01234567") && !err.contains("cdef01234567"), "a key is shown: {out}{err}");
    (out, err)
}

#[test]
fn explain_tells_pairs_and_requests_from_the_file() {
    let ground = Ground::new();
    let (out, _) = ground.run(&["explain", "--consumer", "bob", "--route", "keys"], 0);
    let expected = "denied: 403 consumer_forbidden\n\
         ✓ route     the route `keys` for `/keys`  (routes.keys.match)\n\
         ✓ identity  `bob` with the `api_key` credential `bob.api_key.1`  (routes.keys.accept)\n\
         ✗ access    this consumer may not call this route  (routes.keys.deny)\n";
    assert_eq!(out, expected);
    let (out, _) = ground.run(&["explain", "--consumer", "ann", "--route", "keys"], 0);
    assert!(out.starts_with("allowed\n") && out.contains("tier:requests/h: 2 of 2 left"), "{out}");

    let curl = format!("curl -sS -X POST -H 'X-API-Key: {ANN}' http://127.0.0.1:8080/keys -d '{{}}'");
    let told = ground.json(&["explain", "--curl", &curl], 0);
    assert_eq!((&told["outcome"], &told["consumer"]), (&json!("allowed"), &json!("ann")));
    let steps: Vec<_> =
        told["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["route", "identity", "access", "limits"]);
    let told = ground.json(&["explain", "--curl", "curl -X POST http://h/keys"], 0);
    assert_eq!((&told["denial"], &told["status"]), (&json!("credential_missing"), &json!(401)));
    let told = ground.json(&["explain", "--curl", "curl http://h/keys"], 0);
    assert_eq!(told["denial"], "method_not_allowed");

    assert!(
        ground.run(&["explain", "--consumer", "eve", "--route", "keys"], 1).1.contains("no consumer `eve`")
    );
    assert!(ground.run(&["explain", "--curl", "curl"], 1).1.contains("no URL"));
    for misuse in [&["explain"][..], &["explain", "--consumer", "ann"], &["explain", "x", "--shadow"]] {
        ground.run(misuse, 2);
    }
}

/// An admin listener that answers each request with the next answer; what it was asked is its result.
fn admin(answers: Vec<(&'static str, Value)>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let answer = |(status, body): (&str, Value)| {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut asked, mut buffer) = (String::new(), [0; 4096]);
            while !asked.contains("\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                asked.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            }
            let body = body.to_string();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
            asked
        };
        answers.into_iter().map(answer).collect()
    });
    (url, asked)
}

#[test]
fn explain_asks_the_running_gate_for_decisions() {
    let ground = Ground::new();
    let decision = json!({
        "id": "01JD", "time": "2026-11-22T08:00:00.000Z", "outcome": "allowed", "mode": "shadow", "would": "denied",
        "denial": "rate_limited", "status": 429, "detail": "the tier's limit of 2 requests/h is used up",
        "rule": "tier:requests/h", "retry_after": 1800, "route": "keys", "consumer": "ann", "credential": "ann.api_key.1",
        "counters": [{ "name": "tier:requests/h", "limit": 2, "remaining": 0, "reset": 3600 }],
        "method": "POST", "path": "/keys", "client": "192.0.2.1",
    });
    let report = json!({ "items": [{
        "route": "keys", "consumer": null, "network": "192.0.2.0/24", "denial": "credential_missing", "count": 7,
        "first": "2026-11-22T08:00:00.000Z", "last": "2026-11-22T09:00:00.000Z", "decision": "01JE",
    }], "others": 2 });
    let problem = json!({ "title": "Not Found", "detail": "no decision `01JF` is remembered" });
    let (url, asked) = admin(vec![
        ("200 OK", decision),
        ("200 OK", report),
        ("404 Not Found", problem.clone()),
        ("401 No", problem),
    ]);
    let ask = |arguments: &[&str], code: i32| {
        let mut command = ground.command(&[&["explain"], arguments].concat());
        checked(command.env("TOLLGATE_URL", &url).env("TOLLGATE_ADMIN_KEY", "an-admin-key-of-16"), code)
    };
    let (out, _) = ask(&["01JD"], 0);
    let expected = "allowed, and only recorded: 429 rate_limited\n\
         why       the tier's limit of 2 requests/h is used up\n\
         when      2026-11-22T08:00:00.000Z\n\
         who       `ann` with the credential `ann.api_key.1`, from 192.0.2.1\n\
         request   POST /keys, on `keys`\n\
         rule      tier:requests/h\n\
         limit     tier:requests/h: 0 of 2 left, all of it in 3600 s\n\
         ends      in 1800 s\n";
    assert_eq!(out, expected);
    let (out, _) = ask(&["--shadow"], 0);
    assert!(
        out.contains("192.0.2.0/24  keys   credential_missing  7") && out.contains("and 2 refusals"),
        "{out}"
    );
    assert_eq!(ask(&["01JF"], 1).1, "error: Not Found: no decision `01JF` is remembered\n");
    assert!(ask(&["01JF"], 1).1.contains("the admin key of `TOLLGATE_ADMIN_KEY` is not accepted"));
    let asked = asked.join().unwrap();
    assert!(asked[0].starts_with("GET /api/v1/decisions/01JD HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[0].contains("authorization: Bearer an-admin-key-of-16\r\n"), "{}", asked[0]);
    assert!(asked[1].starts_with("GET /api/v1/shadow HTTP/1.1\r\n"), "{}", asked[1]);

    assert!(ground.run(&["explain", "01JD"], 1).1.contains("no admin key: set `TOLLGATE_ADMIN_KEY`"));
    assert!(ground.run(&["explain", "../keys"], 1).1.contains("no id of a request"));
}

#[test]
fn a_policy_is_recorded_and_tested() {
    let ground = Ground::new();
    let (out, _) = ground.run(&["test", "policy.yaml", "--record"], 0);
    assert_eq!(out, "wrote policy.yaml\n");
    let recorded = fs::read_to_string(ground.0.path().join("policy.yaml")).unwrap();
    let expected = "\
expectations:
  - { consumer: ann, request: POST /keys, outcome: allowed }
  - { consumer: bob, request: POST /keys, outcome: consumer_forbidden }
  - { request: POST /keys, outcome: credential_missing }
  - { consumer: ann, request: { method: GET, path: /below/, host: model.test }, outcome: allowed }
  - { consumer: bob, request: { method: GET, path: /below/, host: model.test }, outcome: scope_missing }
  - { request: { method: GET, path: /below/, host: model.test }, outcome: credential_missing }
  - { consumer: ann, request: GET /open, outcome: allowed }
  - { consumer: bob, request: GET /open, outcome: allowed }
  - { request: GET /open, outcome: allowed }
";
    assert_eq!(recorded.split_once('\n').unwrap().1, expected);
    assert_eq!(ground.run(&["test", "policy.yaml"], 0).0, "9 expectations hold\n");
    assert!(ground.run(&["test", "policy.yaml", "--record"], 1).1.contains("already there"));
    ground.run(&["test", "policy.yaml", "--record", "--force"], 0);

    // A mode changes no rule.
    ground.write("tollgate.yaml", &CONFIG.replace("deny: [bob]", "deny: [bob], mode: shadow"));
    ground.run(&["test", "policy.yaml"], 0);
    ground.write("tollgate.yaml", &CONFIG.replace("deny: [bob]", "deny: [ann]"));
    let (out, _) = ground.run(&["test", "policy.yaml"], 1);
    let expected = " ann: POST /keys\n\
         - allowed\n\
         + denied (403 consumer_forbidden): this consumer may not call this route\n \
         bob: POST /keys\n\
         - denied (consumer_forbidden)\n\
         + allowed\n\
         2 of 9 expectations not met\n";
    assert_eq!(out, expected);
    let told = ground.json(&["test", "policy.yaml"], 1);
    assert_eq!((&told["ok"], &told["failed"], &told["tested"]), (&json!(false), &json!(2), &json!(9)));
    assert_eq!(told["results"][0]["found"], "denied (403 consumer_forbidden)");
}

#[test]
fn policies_may_be_written_by_hand() {
    let ground = Ground::new();
    let test = |text: &str, code: i32| {
        ground.write("p.yaml", text);
        let (out, err) = ground.run(&["test", "p.yaml"], code);
        out + &err
    };
    test("expectations:\n- { consumer: bob, request: POST /keys, outcome: denied }\n", 0);
    test("expectations:\n- { consumer: bob, request: POST /keys, outcome: 403 }\n", 0);
    test("expectations:\n- { request: GET /nowhere, outcome: route_not_found }\n", 0);
    test("expectations:\n- { consumer: ann, request: GET /keys, outcome: 405 }\n", 0);
    for (text, told) in [
        (
            "expectations:\n- { consumer: eve, request: POST /keys, outcome: allowed }\n",
            "the file declares no consumer `eve`",
        ),
        ("expectations:\n- { consumer: ann, request: /keys, outcome: allowed }\n", "`/keys` is no request"),
        ("expectations:\n- { consumer: ann, request: POST keys, outcome: allowed }\n", "begins with `/`"),
        (
            "expectations:\n- { consumer: ann, request: POST /keys, outcome: 200 }\n",
            "200 is no status of a refusal",
        ),
        ("expectations:\n- { consumer: ann, requests: POST /keys, outcome: 403 }\n", "requests"),
        ("expectations: []\n", "expects nothing"),
        ("- a\n", "p.yaml"),
    ] {
        let shown = test(text, 1);
        assert!(shown.contains(told), "{shown}");
    }
    assert!(ground.run(&["test", "gone.yaml"], 1).1.contains("`gone.yaml` cannot be read"));
}

#[test]
fn diff_names_what_changes() {
    let ground = Ground::new();
    let after = CONFIG
        .replace("deny: [bob]", "deny: [ann], mode: shadow")
        .replace("  open:", "  opened:")
        .replace("  bob:", "  rob:");
    ground.write("after.yaml", &after.replace("deny: [ann]", "deny: [ann, rob]"));
    let (out, _) = ground.run(&["diff", "tollgate.yaml", "after.yaml"], 0);
    let expected = "\
consumer    route   before                           after
ann         keys    allowed                          let through (consumer_forbidden)
bob         keys    denied (403 consumer_forbidden)  no such consumer
rob         keys    no such consumer                 let through (consumer_forbidden)
(stranger)  keys    denied (401 credential_missing)  let through (credential_missing)
";
    assert_eq!(&out[..expected.len()], expected, "{out}");
    let told = ground.json(&["diff", "tollgate.yaml", "after.yaml", "--exit-code"], 1);
    assert_eq!(told["changes"][0]["before"], json!({ "outcome": "allowed", "detail": "allowed" }));
    assert_eq!(told["changes"][1]["after"]["outcome"], Value::Null);
    let (out, _) = ground.run(&["diff", "tollgate.yaml", "tollgate.yaml", "--exit-code"], 0);
    assert_eq!(out, "the same outcome for all 9 pairs of a consumer and a route\n");
    assert!(ground.run(&["diff", "tollgate.yaml", "gone.yaml"], 1).1.contains("gone.yaml"));
}

#[test]
fn diff_replays_what_was_called() {
    let ground = Ground::new();
    let line = |second: u32, consumer: Option<&str>, path: &str, more: Value| {
        let mut line = json!({
            "time": format!("2026-11-22T08:00:{second:02}.000Z"), "request_id": format!("id{second}"),
            "client": "192.0.2.1", "method": "POST", "path": path, "route": path.trim_start_matches('/'),
            "status": 200, "outcome": "served", "duration_ms": 1.0, "request_bytes": 2, "response_bytes": 2,
        });
        if let Some(consumer) = consumer {
            line["consumer"] = json!(consumer);
            line["credential"] = json!(format!("{consumer}.api_key.1"));
        }
        for (name, value) in more.as_object().unwrap() {
            line[name] = value.clone();
        }
        format!("{line}\n")
    };
    let log: String = [
        line(1, Some("ann"), "/keys", json!({})),
        line(2, Some("ann"), "/keys", json!({})),
        line(3, Some("ann"), "/keys", json!({ "denial": "rate_limited" })),
        line(4, Some("bob"), "/keys", json!({ "denial": "consumer_forbidden" })),
        line(5, None, "/keys", json!({ "denial": "credential_invalid" })),
        line(6, Some("from_the_store"), "/keys", json!({})),
        "not a line\n".to_owned(),
        "{\"time\": \"2026-11-22T08:00:09.000Z\", \"denial\": \"framing_refused\"}\n".to_owned(),
    ]
    .concat();
    ground.write("access.log", &log);
    let replay = |code: i32, after: &str| {
        ground.write("after.yaml", after);
        ground.json(&["diff", "tollgate.yaml", "after.yaml", "--replay", "access.log", "--exit-code"], code)
    };
    let same = replay(0, CONFIG);
    let counts = ["compared", "unreadable", "without_path", "undeclared_consumer"]
        .map(|name| same[name].as_u64().unwrap());
    assert_eq!((counts, &same["changes"]), ([5, 1, 1, 1], &json!([])));

    // A limit of one lets one call less through.
    let told = replay(1, &CONFIG.replace("2 requests/h", "1 requests/h"));
    let change = &told["changes"][0];
    assert_eq!(
        (&change["count"], &change["first"], &change["consumer"]),
        (&json!(1), &json!("id2"), &json!("ann"))
    );
    assert_eq!(change["after"]["detail"], "denied (429 rate_limited)");
    let told = replay(1, &CONFIG.replace("deny: [bob]", "mode: shadow"));
    let details: Vec<_> = told["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["after"]["detail"].as_str().unwrap())
        .collect();
    assert_eq!(details, ["let through (credential_invalid)", "let through (rate_limited)", "allowed"]);

    let (out, _) = ground.run(&["diff", "tollgate.yaml", "after.yaml", "--replay", "access.log"], 0);
    assert!(out.contains("3 of 5 calls have another outcome\n1 lines are no access log"), "{out}");
    ground.write("other.log", "what\nis this\n");
    let (_, err) = ground.run(&["diff", "tollgate.yaml", "after.yaml", "--replay", "other.log"], 1);
    assert!(err.contains("no line of an access log"), "{err}");
}

/// A running `serve`, ended with the test.
struct Gate(Child);

impl Drop for Gate {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn serve(ground: &Ground, log: &str) -> (Gate, String, impl Iterator<Item = Value> + use<>) {
    let mut command = ground.command(&["serve"]);
    let child = command.env("TOLLGATE_LOG", log).stderr(Stdio::piped()).spawn().unwrap();
    let mut gate = Gate(child);
    let lines = BufReader::new(gate.0.stderr.take().unwrap()).lines();
    let mut lines = lines.map(|line| {
        let line = line.unwrap();
        assert!(
            line.len() <= 8192 && !line.contains("cdef01234567") && !line.contains("bob-has-a-key-"),
            "{line}"
        );
        serde_json::from_str::<Value>(&line).unwrap()
    });
    let serving = lines.find(|line| line["message"] == "serving").unwrap();
    (gate, serving["address"].as_str().unwrap().to_owned(), lines)
}

fn call(address: &str, path: &str, key: Option<&str>) {
    let mut stream = TcpStream::connect(address).unwrap();
    let key = key.map(|key| format!("X-API-Key: {key}\r\n")).unwrap_or_default();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n{key}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn the_log_tells_who_calls_by_the_beginning_of_the_key() {
    let ground = Ground::new();
    ground.write("tollgate.yaml", &CONFIG.replace("path: /keys", "path: /keys/**"));
    let (_gate, address, mut lines) = serve(&ground, "json:debug");
    let long = format!("/keys/{}", "x".repeat(8000));
    call(&address, "/keys/a", None);
    call(&address, "/keys/b", Some("hk_test_wrong-and-still-long-enough"));
    call(&address, "/keys/c", Some("short"));
    call(&address, &long, Some("hk_test_wrong-and-still-long-enough"));
    call(&address, "/keys/d", Some(ANN));
    let mut told = Vec::new();
    while told.len() < 5 {
        let line = lines.next().unwrap();
        if line["event"].as_str().is_some_and(|event| event.starts_with("auth.")) {
            told.push(line);
        }
    }
    let shown: Vec<_> = told
        .iter()
        .map(|line| {
            (line["event"].as_str().unwrap(), line["level"].as_str().unwrap(), line["key_prefix"].as_str())
        })
        .collect();
    let expected = [
        ("auth.missing_key", "WARN", None),
        ("auth.invalid_key", "WARN", Some("hk_test_wron")),
        ("auth.invalid_key", "WARN", Some("***")),
        ("auth.invalid_key", "WARN", Some("hk_test_wron")),
        ("auth.success", "DEBUG", Some("hk_live_0123")),
    ];
    assert_eq!(shown, expected);
    assert_eq!((&told[0]["path"], &told[0]["method"]), (&json!("/keys/a"), &json!("POST")));
    assert_eq!(
        (&told[4]["consumer"], told[4]["request_id"].as_str().map(str::len)),
        (&json!("ann"), Some(26))
    );
}

#[test]
fn a_policy_speaks_of_consumers_of_the_store_by_name() {
    let ground = Ground::new();
    let after = CONFIG.replace("deny: [bob]", "allow: [ann, { store: far }], deny: [{ store: near }]");
    ground.write("after.yaml", &after);
    ground.run(&["test", "-c", "after.yaml", "--record", "recorded.yaml"], 0);
    let recorded = fs::read_to_string(ground.0.path().join("recorded.yaml")).unwrap();
    for line in [
        "{ consumer: { store: far }, request: POST /keys, outcome: allowed }",
        "{ consumer: { store: near }, request: POST /keys, outcome: consumer_forbidden }",
    ] {
        assert!(recorded.contains(line), "{line}: {recorded}");
    }
    ground.run(&["test", "-c", "after.yaml", "recorded.yaml"], 0);
    let policy = "expectations:
  - { consumer: far, request: POST /keys, outcome: allowed }
  - { consumer: { store: ann }, request: POST /keys, outcome: allowed }
  - { consumer: { store: near }, request: POST /keys, outcome: allowed }
";
    ground.write("policy.yaml", policy);
    let tested = ground.json(&["test", "-c", "after.yaml", "policy.yaml"], 1);
    let found: Vec<&str> =
        tested["results"].as_array().unwrap().iter().map(|one| one["found"].as_str().unwrap()).collect();
    assert_eq!(
        found,
        [
            "the file declares no consumer `far`; one of the store is `{ store: far }`",
            "no route names a consumer `ann` of the store",
            "denied (403 consumer_forbidden)",
        ]
    );
    ground
        .write("policy.yaml", "expectations: [{ consumer: { file: a }, request: GET /, outcome: allowed }]");
    let (_, err) = ground.run(&["test", "-c", "after.yaml", "policy.yaml"], 1);
    assert!(err.contains("`{ store: NAME }`"), "{err}");

    // Whom one file names is in the store for both.
    let changes = ground.json(&["diff", "tollgate.yaml", "after.yaml"], 0);
    let changed: Vec<(&str, &str)> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            (change["consumer"].as_str().unwrap_or("-"), change["after"]["detail"].as_str().unwrap())
        })
        .collect();
    assert_eq!(changed, [("near", "denied (403 consumer_forbidden)")]);
}

#[test]
fn the_matrix_says_what_it_does_not_know() {
    let ground = Ground::new();
    let (out, err) = ground.run(&["matrix"], 0);
    assert!(
        out.starts_with("consumer") && err.contains("`--gate`") && err.lines().count() == 1,
        "{out}{err}"
    );
    let closed = CONFIG
        .replace("deny: [bob]", "allow: [bob]")
        .replace("scopes: [model:read] }\n  open", "allow: [ann] }\n  open");
    ground.write("closed.yaml", &closed);
    assert_eq!(ground.run(&["matrix", "-c", "closed.yaml"], 0).1, "");
}
