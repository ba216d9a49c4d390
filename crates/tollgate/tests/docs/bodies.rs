//! The error bodies of every dialect, as a running gate gives them.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use tollgate::server::Server;
use tollgate::state::clock::{Clock, Manual};
use tollgate::telemetry::Telemetry;

use crate::ground::Ground;

const DIALECTS: [&str; 5] = ["problem", "detail", "apisix", "openai", "alpa"];

/// A heading, and the request that gets the answer: method, path below the dialect, a header field.
const CASES: [(&str, &str, &str, &str); 11] = [
    ("No credential", "POST", "/keys", "Accept: */*"),
    ("A wrong API key", "POST", "/keys", "X-API-Key: wrong"),
    ("No token, where `jwt` is the first scheme", "POST", "/tokens", "Accept: */*"),
    ("Credentials of two schemes", "POST", "/all", "X-API-Key: wrong\r\nAuthorization: Hawk id=\"a\""),
    ("A consumer who may not call the route", "POST", "/others", "X-API-Key: {key}"),
    ("A scope that is missing", "POST", "/scoped", "X-API-Key: {key}"),
    ("A method that the path does not take", "GET", "/keys", "Accept: */*"),
    ("A body above the route's limit", "POST", "/small", "X-API-Key: {key}"),
    ("A rate that is used up", "POST", "/rate", "X-API-Key: {key}"),
    ("As many calls at once as may be", "POST", "/slots", "X-API-Key: {key}"),
    ("A model that cannot be reached", "POST", "/closed", "X-API-Key: {key}"),
];

/// The id of an example; real ones differ in every answer.
const ID: &str = "01K0DEXAMP1E00000000000000";
const KEY: &str = "hk_live_0123456789";

/// One section for each case, one block for each dialect.
pub fn table() -> String {
    let mut out = String::new();
    // Takes requests and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let data = tempfile::tempdir().unwrap();
    let gates: Vec<(&str, Server)> = DIALECTS
        .into_iter()
        .map(|dialect| (dialect, start(dialect, silent.local_addr().unwrap(), &data.path().join(dialect))))
        .collect();
    let limited =
        |gate: &Server| ["/rate", "/slots"].map(|path| leave_open(gate.addresses()[0], path, &silent));
    let open: Vec<_> = gates.iter().flat_map(|(_, gate)| limited(gate)).collect();
    let unmatched = ("A path without a route", "POST", "/nowhere", "Accept: */*");
    for (title, method, path, field) in CASES.into_iter().chain([unmatched]) {
        let _ = write!(out, "\n### {title}\n\n| Dialect | Status | Body |\n|---|---|---|\n");
        for (dialect, gate) in &gates {
            let (status, body) = ask(gate.addresses()[0], method, path, field);
            let _ = writeln!(out, "| `{dialect}` | {status} | `` {} `` |", body.trim_end());
        }
    }
    drop(open);
    for (_, gate) in gates {
        gate.stop();
    }
    out + "\n"
}

fn start(dialect: &str, silent: SocketAddr, data_dir: &Path) -> Server {
    // Bound and closed again: nothing listens there.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
    let to = |upstream: &str, name: &str, more: &str| {
        format!("  {name}: {{ match: {{ path: /{name}, methods: [POST] }}, upstream: {upstream}, {more} }}\n")
    };
    let route = |name: &str, more: &str| to("model", name, more);
    let text = [
        &format!("listen: 127.0.0.1:0\nworkers: 1\nerrors: {dialect}\ndata_dir: {}\n", data_dir.display()),
        &format!("upstreams: {{ model: {{ targets: [http://{closed}] }}, silent: {{ targets: [http://{silent}] }} }}\nroutes:\n"),
        &route("keys", "accept: [api_key]"),
        &route("tokens", "accept: [jwt]"),
        &route("all", "accept: [jwt, hawk, api_key]"),
        &route("others", "accept: [api_key], allow: [other]"),
        &route("scoped", "accept: [api_key], scopes: [model:predict]"),
        &route("small", "accept: [api_key], body: 1"),
        &route("closed", "accept: [api_key]"),
        &to("silent", "rate", "accept: [api_key], limits: [1 requests/h]"),
        &to("silent", "slots", "accept: [api_key], limits: [1 concurrent]"),
        &format!("consumers: {{ other: {{}}, caller: {{ scopes: [model:read], credentials: [{{ api_key: {KEY} }}] }} }}\n"),
    ]
    .map(String::as_str)
    .concat();
    let compiled =
        Ground::of(Path::new(""), &text).compile("errors", &text).map_err(|p| p.render(false)).unwrap();
    // It stands still, so that every wait is told in full.
    let clock = Clock::Manual(Manual::at(Duration::from_secs(1_800_000_000)));
    Server::start(compiled, clock, Telemetry::default()).unwrap()
}

/// A request that has reached the model and is not answered; it ends when its connection is dropped.
fn leave_open(gate: SocketAddr, path: &str, silent: &TcpListener) -> (TcpStream, TcpStream) {
    let mut caller = TcpStream::connect(gate).unwrap();
    write!(caller, "POST {path} HTTP/1.1\r\nHost: gate\r\nX-API-Key: {KEY}\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    let (mut model, _) = silent.accept().unwrap();
    model.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    model.read_exact(&mut [0; 4]).unwrap();
    (caller, model)
}

/// Status and body of one answer, with the request's id made the example's.
fn ask(gate: SocketAddr, method: &str, path: &str, field: &str) -> (String, String) {
    let mut stream = TcpStream::connect(gate).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let field = field.replace("{key}", KEY);
    let body = if method == "POST" { "{}" } else { "" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\nContent-Length: {}\r\n{field}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    let status = head.split(' ').nth(1).unwrap();
    (status.to_owned(), body.replace(id, ID))
}
