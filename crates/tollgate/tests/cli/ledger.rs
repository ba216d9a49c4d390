//! What was used, asked for, exported and verified from the command line.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};

use crate::roles::{KEY, Process, model};
use crate::{checked, tollgate};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);
const CALLS: u64 = 5;

/// A gate with a store, whose consumer `a` has called, and all calls are booked.
struct Used {
    folder: tempfile::TempDir,
    gate: Option<Process>,
}

impl Used {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "listen: 127.0.0.1:0\nadmin: {{ listen: 127.0.0.1:0 }}\n\
             upstreams: {{ m: {{ targets: [\"http://{}\"] }} }}\n\
             routes: {{ r: {{ match: {{ path: /x }}, upstream: m, accept: [api_key], allow: [a] }} }}\n\
             consumers: {{ a: {{ credentials: [{{ api_key: {{ file: key }} }}] }} }}\n",
            model()
        );
        std::fs::write(folder.path().join("tollgate.yaml"), config).unwrap();
        std::fs::write(folder.path().join("key"), KEY).unwrap();
        let init = tollgate(&["init", "--admin-key-file", "admin.key"]).current_dir(folder.path()).output();
        checked(init.unwrap(), 0);
        let gate = Process::start(folder.path(), "all", "", "admin listener");
        for _ in 0..CALLS {
            let answer = Process::ask(&gate.gate, &format!("GET /x HTTP/1.1\r\nX-API-Key: {KEY}"));
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        let used = Self { folder, gate: Some(gate) };
        let deadline = Instant::now() + LONG;
        while used.json(&["usage"], 0)["total"]["events"] != CALLS {
            assert!(Instant::now() < deadline, "not all calls are booked");
            std::thread::yield_now();
        }
        used
    }

    /// The same after the gate has ended.
    fn rest(mut self) -> Self {
        self.gate.take().unwrap().stop();
        self
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> (String, String) {
        let mut command = tollgate(arguments);
        let url = self.gate.as_ref().map(|gate| format!("http://{}", gate.address)).unwrap_or_default();
        command.current_dir(self.folder.path()).env("TOLLGATE_URL", url);
        let key = std::fs::read_to_string(self.folder.path().join("admin.key")).unwrap();
        checked(command.env("TOLLGATE_ADMIN_KEY", key).output().unwrap(), code)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str], code: i32) -> Value {
        let (out, err) = self.run(&[arguments, &["--json"]].concat(), code);
        serde_json::from_str(&out).unwrap_or_else(|_| unreachable!("{out}{err}"))
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("tollgate-data")
    }
}

/// Does something to the tables of a store at rest.
async fn tamper(data: &Path, change: &'static str) {
    let url = format!("sqlite:{}", data.join("tollgate.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(change).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[test]
fn what_was_used_is_shown_and_exported() {
    let used = Used::start();
    let (table, _) = used.run(&["usage", "--by", "consumer,route"], 0);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..3], ["consumer", "route", "requests"], "{table}");
    assert_eq!((&lines[1][..3], &lines[2][..2]), (&["a", "r", "5"][..], &["total", "5"][..]), "{table}");
    assert!(!table.contains("tokens") && !table.contains("rows"), "{table}");
    assert!(used.run(&["usage", "--model", "none"], 0).0.starts_with("nothing was used from "));
    let (_, err) = used.run(&["usage", "--by", "consumer,color"], 2);
    assert!(err.contains("possible values: account, consumer, key"), "{err}");
    let (_, err) = used.run(&["usage", "--by", "hour,day"], 1);
    assert!(err.contains("`by` takes at most one of"), "{err}");
    used.run(&["usage", "--since", "long ago"], 2);

    let (lines, _) = used.run(&["ledger", "export"], 0);
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len() as u64, CALLS);
    for event in &events {
        assert_eq!((&event["specversion"], &event["type"]), (&"1.0".into(), &"tollgate.usage".into()));
        assert_eq!((&event["subject"], &event["data"]["route"]), (&"a".into(), &"r".into()));
    }
    let (rows, _) = used.run(&["ledger", "export", "--format", "csv", "--since", "7d"], 0);
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!(rows.len() as u64, CALLS + 1);
    assert!(rows[0].starts_with("id,time,node,"), "{}", rows[0]);
    assert_eq!(rows[0].split(',').count(), rows[1].split(',').count());
    assert!(used.run(&["ledger", "export", "--consumer", "b"], 0).0.trim().is_empty());
}

#[tokio::test]
async fn a_ledger_is_verified_and_made_anew() {
    let used = Used::start();
    let (_, err) = used.run(&["ledger", "verify"], 1);
    assert!(err.contains("is in use by another process"), "{err}");
    let used = used.rest();
    let whole = used.json(&["ledger", "verify"], 0);
    assert_eq!((&whole["ok"], &whole["events"]), (&true.into(), &CALLS.into()));
    // A gate that ends well leaves nothing without a seal.
    assert!(whole["seals"].as_u64() >= whole["streams"].as_u64(), "{whole}");
    let data = used.data();
    let journal = used.json(&["ledger", "verify", "--journal", data.to_str().unwrap()], 0);
    assert_eq!((&journal["ok"], &journal["events"]), (&true.into(), &CALLS.into()), "{journal}");

    // What was seen while events were booked is said, and changes nothing.
    let gap = "INSERT INTO usage_alarms (kind, stream, seq, id, hash, last, at) \
               SELECT 'gap', stream, 3, '', x'', 4, last_at FROM usage_streams LIMIT 1";
    tamper(&data, gap).await;
    let (_, err) = used.run(&["ledger", "verify"], 0);
    assert!(err.contains("seen at 20") && err.contains(": events 3 to 4 of `"), "{err}");

    assert_eq!(used.json(&["ledger", "replay", "--check"], 0)["changed"], 0);
    tamper(&data, "UPDATE usage_rollups SET reported = reported + 1 WHERE span = 86400").await;
    let other = used.json(&["ledger", "verify"], 1);
    assert_eq!((&other["events"], &other["counted"]), (&CALLS.into(), &(CALLS + 1).into()), "{other}");
    let (out, _) = used.run(&["ledger", "verify"], 1);
    assert!(out.starts_with("the day ") && out.contains("`tollgate ledger replay --check`"), "{out}");
    // Events may be missing: that is not mended unless it is wanted.
    let short = used.json(&["ledger", "replay"], 1);
    assert_eq!(
        (&short["changed"], &short["short"][0]["counted"]),
        (&0.into(), &(CALLS + 1).into()),
        "{short}"
    );
    let (out, _) = used.run(&["ledger", "replay"], 1);
    assert!(out.contains("are left as they are: restore a backup where events are missing"), "{out}");
    used.run(&["ledger", "replay", "--lower"], 0);
    tamper(&data, "UPDATE usage_rollups SET requests = 1000 WHERE span = 3600").await;
    let mended = used.json(&["ledger", "replay"], 0);
    let first = &mended["first"][0];
    assert_eq!(
        (&first["sum"], &first["was"], &first["is"]),
        (&"requests".into(), &1000.into(), &CALLS.into())
    );
    tamper(&data, "UPDATE usage_rollups SET requests = 1000, reported = 7 WHERE span = 3600").await;
    let (out, _) = used.run(&["ledger", "replay", "--check"], 1);
    assert!(out.contains("hour") && out.contains("consumer") && out.contains("events"), "{out}");
    let mended = used.json(&["ledger", "replay"], 0);
    assert_eq!((&mended["first"][0]["was"], &mended["first"][0]["is"]), (&7.into(), &CALLS.into()));
    used.run(&["ledger", "replay", "--check"], 0);

    // `GET` becomes `PUT`: the first event of a block has its texts as they are.
    let method = "UPDATE usage_blocks SET body = unhex(replace(hex(body), '0003474554', '0003505554')) WHERE first = 1";
    tamper(&data, method).await;
    let broken = used.json(&["ledger", "verify"], 1);
    assert_eq!((&broken["ok"], &broken["seq"]), (&false.into(), &1.into()), "{broken}");
    let (out, _) = used.run(&["ledger", "verify"], 1);
    assert!(out.starts_with("event 1 of stream `") && out.contains("is broken: its hash"), "{out}");
}

#[tokio::test]
async fn names_and_numbers_that_were_broken_are_made_anew() {
    let used = Used::start().rest();
    let data = used.data();
    tamper(&data, "UPDATE usage_series SET consumer = 'b'").await;
    let wrong = used.json(&["ledger", "replay", "--check"], 1);
    let first = &wrong["first"][0];
    assert_eq!((&first["sum"], &first["was"], &first["is"]), (&"consumer".into(), &"b".into(), &"a".into()));
    let (out, _) = used.run(&["ledger", "replay"], 0);
    assert!(out.contains("1 of them, beside them or of their names were mended:"), "{out}");
    let row: Vec<&str> = out.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(row, ["names", "-", "a", "r", "-", "consumer", "b", "a"]);
    tamper(&data, "UPDATE usage_rollups SET requests = -1").await;
    assert_eq!(used.json(&["ledger", "replay"], 0)["first"][0]["was"], "(damaged)");
    used.run(&["ledger", "replay", "--check"], 0);
}

#[test]
fn what_a_gate_left_is_delivered_without_it() {
    let mut used = Used::start();
    // Killed, so that nothing more is delivered by itself; the store knows what it knows.
    drop(used.gate.take());
    let data = used.data();
    // Something else in the place of a segment: its stream cannot be read, and that is no reason to say that all went.
    let segment = first_segment(&data.join("journal"));
    let aside = segment.with_extension("aside");
    std::fs::rename(&segment, &aside).unwrap();
    std::fs::create_dir(&segment).unwrap();
    let unread = used.json(&["ledger", "ship", "--again", "--data-dir", data.to_str().unwrap()], 1);
    assert_eq!((&unread["ok"], unread["unread"].as_array().unwrap().len()), (&false.into(), 1), "{unread}");
    std::fs::remove_dir(&segment).unwrap();
    std::fs::rename(&aside, &segment).unwrap();
    let shipped = used.json(&["ledger", "ship", "--again", "--data-dir", data.to_str().unwrap()], 0);
    assert_eq!((&shipped["shipped"], &shipped["left"]), (&CALLS.into(), &0.into()), "{shipped}");
    let again = used.json(&["ledger", "ship", "--data-dir", data.to_str().unwrap()], 0);
    assert_eq!(again["shipped"], 0);
    assert_eq!(used.json(&["ledger", "verify"], 0)["events"], CALLS, "they count once");
    // What is no data directory stays as it is.
    used.run(&["ledger", "ship", "--data-dir", "nowhere"], 1);
    for other in [data.join("journal"), streams(&data.join("journal"))[0].clone()] {
        let before = names_in(&other);
        for command in [["ledger", "ship", "--data-dir"], ["ledger", "verify", "--journal"]] {
            let (_, err) = used.run(&[&command[..], &[other.to_str().unwrap()]].concat(), 1);
            assert!(err.contains("is no data directory of a gate"), "{err}");
        }
        assert_eq!(names_in(&other), before);
    }
    let endless = u64::MAX.to_string();
    used.run(&["ledger", "ship", "--data-dir", data.to_str().unwrap(), "--within", &endless], 2);
    let longest = u32::MAX.to_string();
    used.run(&["ledger", "ship", "--data-dir", data.to_str().unwrap(), "--within", &longest], 0);
}

#[test]
fn what_a_backup_lacks_is_delivered_again() {
    let used = Used::start().rest();
    let data = used.data();
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        // From before the first call.
        if path.file_name().unwrap().to_str().unwrap().starts_with("tollgate.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let ship = ["ledger", "ship", "--data-dir", data.to_str().unwrap()];
    assert_eq!(used.json(&ship, 0)["shipped"], 0);
    assert_eq!(used.json(&[&ship[..], &["--again"]].concat(), 0)["shipped"], CALLS);
    assert_eq!(used.json(&["ledger", "verify"], 0)["events"], CALLS);
    used.run(&["ledger", "replay", "--check"], 0);
}

fn names_in(directory: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort_unstable();
    names
}

/// The folders of all streams.
fn streams(journal: &Path) -> Vec<std::path::PathBuf> {
    let folders = |path: &Path| {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    folders(journal).into_iter().flat_map(|boot| folders(&boot)).collect()
}

/// A segment of some stream.
fn first_segment(journal: &Path) -> std::path::PathBuf {
    let segments = streams(journal).into_iter().map(|stream| stream.join("00000001.seg"));
    segments.filter(|path| path.exists()).max().unwrap()
}

#[test]
fn counters_of_a_server_are_held_against_what_is_booked() {
    let used = Used::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = format!("http://{}/metrics", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for counted in [0, 0, 9] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let page = format!("llamacpp:prompt_tokens_total {counted}\nllamacpp:tokens_predicted_total 0\n");
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", page.len());
            stream.write_all(format!("{head}{page}").as_bytes()).unwrap();
        }
    });
    let ask = |code: i32| {
        let told = ["ledger", "reconcile", "--metrics", &metrics, "--model", "m", "--samples", "samples"];
        used.json(&told, code)
    };
    assert_eq!(ask(0)["items"].as_array().unwrap().len(), 0, "the first sample");
    assert_eq!(ask(0)["items"][0]["drift"]["tokens_in"], 0);
    let drift = ask(1);
    assert_eq!(
        (&drift["items"][1]["model"], &drift["items"][1]["drift"]["tokens_in"]),
        (&"m".into(), &(-9).into())
    );
}

#[test]
fn numbers_that_cannot_be_true_are_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "listen: 127.0.0.1:0\nadmin: {{ listen: 127.0.0.1:0 }}\n\
         upstreams: {{ m: {{ targets: [\"http://{}\"] }} }}\n\
         routes: {{ r: {{ match: {{ path: /x }}, upstream: m, accept: [public], meters: [tokens] }} }}\n",
        listener.local_addr().unwrap()
    );
    std::fs::write(folder.path().join("tollgate.yaml"), config).unwrap();
    let gate = Process::start(folder.path(), "all", "", "admin listener");
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let said = r#"{"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":2}}"#;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let _ = stream
                .write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{said}", said.len()).as_bytes());
        }
    });
    let answer = Process::ask(&gate.gate, "POST /x HTTP/1.1\r\nContent-Length: 0");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let deadline = Instant::now() + LONG;
    let line = "tollgate_meter_doubts_total{route=\"r\",reason=\"no_count\"} 1\n";
    while !Process::ask(&gate.address, "GET /metrics HTTP/1.1").contains(line) {
        assert!(Instant::now() < deadline, "the doubt is not counted");
        std::thread::yield_now();
    }
}
