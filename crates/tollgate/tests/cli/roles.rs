//! Processes of one role each: gates deliver to a broker, workers book from there in PostgreSQL.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rskafka::client::ClientBuilder;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::{run, tollgate};

#[expect(dead_code, reason = "the tests of the ledger use all of it")]
#[path = "../../../ledger/tests/it/harness/server.rs"]
mod server;

use server::Server;

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(120);
pub(crate) const KEY: &str = "a-key-of-enough-characters-for-everyone";
/// Calls to each of the two gates.
const CALLS: u64 = 150;

/// A process of one role, killed with the test.
pub(crate) struct Process {
    child: Child,
    /// Where what was waited for listens.
    pub(crate) address: String,
    /// Where the data plane listens, if it does.
    pub(crate) gate: String,
    /// What it says of a store that it has closed itself.
    complaints: Option<JoinHandle<Vec<String>>>,
}

impl Process {
    /// Starts it and waits until it tells where it listens.
    pub(crate) fn start(folder: &Path, role: &str, database: &str, told: &str) -> Self {
        let mut command = tollgate(&["serve", "--role", role]);
        command.current_dir(folder).env("DATABASE_URL", database).env("TOLLGATE_LOG", "json:info");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut process = Self { child, address: String::new(), gate: String::new(), complaints: None };
        let mut lines = log.lines();
        for line in &mut lines {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let address = line["address"].as_str().unwrap_or_default();
            if line["message"] == "serving" {
                address.clone_into(&mut process.gate);
            }
            if line["message"] == told {
                address.clone_into(&mut process.address);
                break;
            }
        }
        assert!(!process.address.is_empty(), "the {role} ended before it served");
        // A full pipe would stop it.
        let complaints =
            move || lines.map_while(Result::ok).filter(|line| line.contains("closed pool")).collect();
        process.complaints = Some(std::thread::spawn(complaints));
        process
    }

    /// Tells it to stop, and waits until it ended well.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        let complaints = self.complaints.take().unwrap();
        assert_eq!(self.stopped(), Some(0));
        assert_eq!(complaints.join().unwrap(), [""; 0]);
    }

    /// Tells it to stop, and answers how it ended.
    fn stopped(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }

    /// The whole answer to a request.
    pub(crate) fn ask(address: &str, head: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(format!("{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn counter(&self, name: &str) -> u64 {
        let page = Self::ask(&self.address, "GET /metrics HTTP/1.1");
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        line.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A model that answers everything with two bytes; its address.
pub(crate) fn model() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    address
}

/// A new database of a running server.
async fn database() -> String {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let shared = std::env::var("TOLLGATE_TEST_POSTGRES").ok();
    let server = SERVER.get_or_init(|| match shared {
        Some(_) => None,
        None => Some(Server::start("../store/tests/postgres-server", &[])),
    });
    let url = shared.unwrap_or_else(|| server.as_ref().unwrap().said.clone());
    let name = format!("roles{}", ulid::Ulid::generate().to_string().to_lowercase());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let create = format!("CREATE DATABASE {name} STRATEGY file_copy");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}

/// A broker with what its sink does not make by itself, and the sink's address.
async fn broker(kind: &str) -> (Server, String) {
    let server = Server::start("../ledger/tests/brokers/run", &[kind]);
    let port = server.port();
    let sink = match kind {
        "nats" => format!("nats://127.0.0.1:{port}/USAGE"),
        "kafka" => {
            let client = ClientBuilder::new(vec![format!("127.0.0.1:{port}")]).build().await.unwrap();
            client.controller_client().unwrap().create_topic("usage", 4, 1, 10_000).await.unwrap();
            format!("kafka://127.0.0.1:{port}/usage")
        }
        _ => {
            let body = r#"{"StreamName":"usage","ShardCount":3}"#;
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let scope = "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-central-1/kinesis/aws4_request";
            let head = format!(
                "POST / HTTP/1.1\r\nHost: kinesis\r\nX-Amz-Target: Kinesis_20131202.CreateStream\r\n\
                 Authorization: {scope}\r\nContent-Type: application/x-amz-json-1.1\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            format!("kinesis://AKID:secret@usage?endpoint=http://127.0.0.1:{port}&region=eu-central-1")
        }
    };
    (server, sink)
}

/// A folder with a file for every role.
fn home(sink: &str, model: &str, store: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "listen: 127.0.0.1:0\nprobes: {{ listen: 127.0.0.1:0 }}\n{store}ledger: {{ sink: \"{sink}\" }}\n\
         upstreams: {{ m: {{ targets: [\"http://{model}\"] }} }}\n\
         routes: {{ r: {{ match: {{ path: /x }}, upstream: m, accept: [api_key], allow: [a] }} }}\n\
         consumers: {{ a: {{ credentials: [{{ api_key: {{ file: key }} }}] }} }}\n"
    );
    std::fs::write(folder.path().join("tollgate.yaml"), config).unwrap();
    std::fs::write(folder.path().join("key"), KEY).unwrap();
    folder
}

/// Looks again and again whether something has come about.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    let mut turns = tokio::time::interval(Duration::from_millis(50));
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what}: it never came about");
        turns.tick().await;
    }
}

async fn check(kind: &str) {
    let (_broker, sink) = broker(kind).await;
    let (model, database) = (model(), database().await);
    let worker_home = home(&sink, &model, "store: { env: DATABASE_URL }\n");
    let workers: Vec<Process> =
        (0..2).map(|_| Process::start(worker_home.path(), "worker", &database, "probes")).collect();
    for worker in &workers {
        until("the worker is ready", async || {
            Process::ask(&worker.address, "GET /ready HTTP/1.1").starts_with("HTTP/1.1 200")
        })
        .await;
    }
    let homes = [home(&sink, &model, ""), home(&sink, &model, "")];
    let gates = homes.each_ref().map(|home| Process::start(home.path(), "gateway", &database, "probes"));
    for gate in &gates {
        for _ in 0..CALLS {
            let answer = Process::ask(&gate.gate, &format!("GET /x HTTP/1.1\r\nX-API-Key: {KEY}"));
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
    }
    for gate in gates {
        until("all is delivered", async || gate.counter("tollgate_ledger_events_total") == CALLS).await;
        gate.stop();
    }
    let mut connection = PgConnection::connect(&database).await.unwrap();
    let booked: i64 = i64::try_from(2 * CALLS).unwrap();
    until("every call is booked", async || {
        let events = "SELECT CAST(coalesce(sum(events), 0) AS BIGINT) FROM tollgate.usage_blocks";
        let count: i64 = sqlx::query_scalar(events).fetch_one(&mut connection).await.unwrap();
        assert!(count <= booked, "{count} of {booked}");
        count == booked
    })
    .await;
    for span in [60, 3600, 86_400] {
        until("every call is in the sums", async || {
            let sum = "SELECT CAST(coalesce(sum(requests), 0) AS BIGINT) FROM tollgate.usage_rollups WHERE span = $1";
            let sum: i64 = sqlx::query_scalar(sum).bind(span).fetch_one(&mut connection).await.unwrap();
            assert!(sum <= booked, "{span}: {sum} of {booked}");
            sum == booked
        })
        .await;
    }
    // A worker counts what it has booked.
    let sum = |name: &str| workers.iter().map(|worker| worker.counter(name)).sum::<u64>();
    until("every call is counted", async || sum("tollgate_worker_events_total") == 2 * CALLS).await;
    assert_eq!(sum("tollgate_worker_strays_total"), 0);
    let offline = |arguments: &[&str], code| {
        let mut command = tollgate(arguments);
        let output = command.current_dir(worker_home.path()).env("DATABASE_URL", &database).output();
        crate::checked(output.unwrap(), code)
    };
    // Whoever wants the store alone notices the workers, and they are kept out as gates are.
    let copy = ["store", "copy", "sqlite:copy.db"];
    for command in [&copy[..], &["store", "reseal"]] {
        let (_, err) = offline(command, 1);
        assert!(err.contains("other gates or workers use the store"), "{err}");
    }
    for worker in workers {
        worker.stop();
    }
    assert!(offline(&copy, 0).0.contains("both stores have the same"));
    assert!(offline(&["store", "reseal"], 0).0.contains("under a new key"));
    let sealed = ["ledger", "verify", "--no-seals"];
    let verify = tollgate(&sealed).current_dir(worker_home.path()).env("DATABASE_URL", &database).output();
    let (out, _) = crate::checked(verify.unwrap(), 0);
    assert!(out.starts_with(&format!("{booked} events in ")), "{out}");
}

#[tokio::test]
async fn calls_come_by_nats_into_postgresql() {
    check("nats").await;
}

#[tokio::test]
async fn calls_come_by_kafka_into_postgresql() {
    check("kafka").await;
}

#[tokio::test]
async fn calls_come_by_kinesis_into_postgresql() {
    check("kinesis").await;
}

/// Where the sink takes nothing, routes are served, `/ready` and the metrics tell, and so does the end.
#[tokio::test]
async fn a_sink_that_does_not_answer_is_told() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = home(&format!("nats://{}/USAGE", mute.local_addr().unwrap()), &model(), "");
    let gate = Process::start(home.path(), "gateway", "", "probes");
    let answer = Process::ask(&gate.gate, &format!("GET /x HTTP/1.1\r\nX-API-Key: {KEY}"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    until("it is told", async || {
        let ready = Process::ask(&gate.address, "GET /ready HTTP/1.1");
        assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
        ready.contains(r#""degraded":["sink"]"#)
    })
    .await;
    assert_eq!(gate.counter("tollgate_ledger_lag_events"), 1);
    assert_eq!(gate.stopped(), Some(1));
}

#[test]
fn control_plane_and_data_plane_are_served_apart() {
    let home = home("store", "127.0.0.1:1", "admin: { listen: 127.0.0.1:0 }\n");
    let admin = Process::start(home.path(), "admin", "", "admin listener");
    assert_eq!(admin.gate, "", "no route is served");
    assert!(Process::ask(&admin.address, "GET /ready HTTP/1.1").starts_with("HTTP/1.1 200"));
    assert!(Process::ask(&admin.address, "GET /api/v1/usage HTTP/1.1").starts_with("HTTP/1.1 401"));
    admin.stop();
    let mut command = tollgate(&["serve", "--role", "gateway"]);
    command.current_dir(home.path()).env("TOLLGATE_LOG", "json:debug").stderr(Stdio::piped());
    let mut gate = command.spawn().unwrap();
    let lines = BufReader::new(gate.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    let told: Vec<String> = lines.take_while(|line| !line.contains("\"serving\"")).collect();
    gate.kill().unwrap();
    gate.wait().unwrap();
    let listeners = told.iter().filter(|line| line.contains("a listener of the control plane")).count();
    assert_eq!(listeners, 1, "the probes alone: {told:#?}");
}

#[test]
fn check_refuses_what_does_not_fit_the_role() {
    let home = home("store", "127.0.0.1:1", "");
    let file = home.path().join("tollgate.yaml");
    let file = file.to_str().unwrap();
    assert_eq!(run(&["check", "-c", file, "--role", "gateway"], 0).0, "ok\n");
    let (out, _) = run(&["check", "-c", file, "--role", "admin"], 1);
    assert!(out.contains("no `admin`"), "{out}");
    let (out, _) = run(&["check", "-c", file, "--role", "worker", "--json"], 1);
    let problems: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((problems["problems"].as_array().unwrap().len(), &problems["ok"]), (2, &Value::Bool(false)));
    let (_, err) = run(&["serve", "-c", file, "--role", "worker"], 1);
    assert!(err.contains("`ledger.sink`") && err.contains("`store`"), "{err}");
}
