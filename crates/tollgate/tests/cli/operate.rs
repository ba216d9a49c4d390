//! Commands of whoever runs a gate: its beginning, its store, its health.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Gate, checked, tollgate};

/// A folder with a configuration file.
struct Home(tempfile::TempDir);

impl Home {
    /// Without a configuration file.
    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a small one, and this beside it.
    fn with(more: &str) -> Self {
        let home = Self::empty();
        let text = "upstreams: { m: { targets: [http://127.0.0.1:1] } }\n\
                    routes: { r: { match: { path: /x }, upstream: m, accept: [api_key] } }\n";
        let listen = if more.contains("listen") { "" } else { "listen: 127.0.0.1:0\n" };
        fs::write(home.file(), format!("{listen}{text}{more}")).unwrap();
        home
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("tollgate.yaml")
    }

    fn data(&self, name: &str) -> PathBuf {
        self.0.path().join("tollgate-data").join(name)
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> (String, String) {
        checked(tollgate(arguments).current_dir(self.0.path()).output().unwrap(), code)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str], code: i32) -> Value {
        let (out, err) = self.run(&[arguments, &["--json"]].concat(), code);
        serde_json::from_str(&out).unwrap_or_else(|_| unreachable!("{out}{err}"))
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_makes_everything_once() {
    let home = Home::empty();
    let (out, err) = home.run(&["init"], 0);
    let key = out.split("TOLLGATE_ADMIN_KEY=").nth(1).unwrap().trim();
    assert!(key.starts_with("hk_live_") && key.len() == 48, "{out}");
    assert!(err.starts_with("warning: ") && err.contains("once") && !err.contains(key), "{err}");
    assert_eq!(
        (mode(&home.data("")), mode(&home.data("sealing.key")), mode(&home.data("tollgate.db"))),
        (0o700, 0o600, 0o600)
    );
    // The starter file is sound as it stands.
    assert_eq!(home.run(&["check"], 0), ("ok\n".to_owned(), String::new()));
    let starter = fs::read(home.file()).unwrap();
    let sealing = fs::read(home.data("sealing.key")).unwrap();
    let (out, err) = home.run(&["init"], 0);
    assert!(out.contains("everything is there already") && err.is_empty(), "{out}{err}");
    assert_eq!(
        (fs::read(home.file()).unwrap(), fs::read(home.data("sealing.key")).unwrap()),
        (starter, sealing)
    );
    let made = home.json(&["init", "--another-admin-key"], 0);
    assert!(made["admin_key"].as_str().unwrap() != key && made["key_id"].is_string(), "{made}");
}

#[test]
fn init_writes_the_key_where_it_is_told() {
    let home = Home::with("");
    let before = fs::read(home.file()).unwrap();
    let (out, err) = home.run(&["init", "--admin-key-file", "admin.key"], 0);
    let key = fs::read_to_string(home.0.path().join("admin.key")).unwrap();
    assert!(key.starts_with("hk_live_") && !out.contains(key.trim()) && err.is_empty(), "{out}{err}");
    assert_eq!((mode(&home.0.path().join("admin.key")), fs::read(home.file()).unwrap()), (0o600, before));
    let (_, err) = home.run(&["init", "--another-admin-key", "--admin-key-file", "admin.key"], 1);
    assert!(err.contains("is there already"), "{err}");
    fs::write(home.file(), "routes: {}").unwrap();
    home.run(&["init"], 1);
}

#[test]
fn what_a_gate_uses_is_left_alone() {
    let home = Home::with("");
    let (_gate, _) = Gate::start(&home.file());
    for arguments in
        [&["init"][..], &["store", "migrate"], &["store", "backup", "x"], &["store", "copy", "sqlite:x"]]
    {
        let (_, err) = home.run(arguments, 1);
        assert!(err.contains("is in use by another process of Tollgate"), "{arguments:?}: {err}");
    }
    let doctor = home.json(&["doctor"], 0);
    assert!(doctor.to_string().contains("in use by a running gate"), "{doctor:#}");
}

#[test]
fn the_doctor_finds_nothing_or_everything() {
    let home = Home::with("");
    let new = home.json(&["doctor"], 0);
    assert!(new["ok"] == true && new.to_string().contains("tollgate init"), "{new:#}");
    home.run(&["init"], 0);
    let sound = home.json(&["doctor"], 0);
    let warned = |findings: &Value| -> Vec<String> {
        let findings = findings["findings"].as_array().unwrap().iter();
        findings
            .filter(|one| one["state"] != "ok")
            .map(|one| one["what"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(warned(&sound), ["admin listener", "upstream `m`"], "{sound:#}");
    let (text, _) = home.run(&["doctor"], 0);
    assert!(text.contains("✓ store: at migration ") && text.contains("! admin listener"), "{text}");

    fs::set_permissions(home.data("sealing.key"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(home.data(""), fs::Permissions::from_mode(0o755)).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // Whoever listens there is no Redis, and says nothing.
    drop(TcpListener::bind("127.0.0.1:0").unwrap());
    let text = fs::read_to_string(home.file()).unwrap().replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    fs::write(home.file(), text).unwrap();
    let ill = home.json(&["doctor"], 1);
    let failed: Vec<&Value> =
        ill["findings"].as_array().unwrap().iter().filter(|one| one["state"] == "failed").collect();
    let named: Vec<&str> = failed.iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(named, ["sealing key", "ports"], "{ill:#}");
    assert!(
        failed.iter().all(|one| one["mend"].is_string())
            && warned(&ill).contains(&"data directory".to_owned())
    );

    fs::write(home.data("tollgate.db"), "no database of ours, and long enough to be taken for one".repeat(4))
        .unwrap();
    let (text, _) = home.run(&["doctor"], 1);
    assert!(text.contains("✗ store: this is no database of Tollgate"), "{text}");
    fs::write(home.file(), "nonsense: 1\n").unwrap();
    assert!(home.run(&["doctor"], 1).0.contains("✗ configuration: "));
}

#[test]
fn the_doctor_asks_the_auth_service() {
    // Nobody listens on a port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::with(&format!("auth_service: {{ url: \"http://{free}\" }}\n"));
    home.run(&["init"], 0);
    let (text, _) = home.run(&["doctor"], 1);
    let line = format!("✗ auth service: http://{free} gives no verdict");
    assert!(text.contains(&line), "{text}");
}

#[test]
fn a_store_is_migrated_copied_and_backed_up() {
    let home = Home::with("");
    assert!(home.run(&["store", "migrate"], 0).0.starts_with("made the store"));
    assert!(home.run(&["store", "migrate"], 0).0.contains("already"));
    home.run(&["init"], 0);
    let copied = home.json(&["store", "copy", "sqlite:copy.db"], 0);
    let rows = |table: &str| {
        let tables = copied["tables"].as_array().unwrap();
        tables.iter().find(|one| one["table"] == table).unwrap()["rows"].as_u64().unwrap()
    };
    assert_eq!((rows("accounts"), rows("consumers"), rows("credentials")), (1, 1, 1), "{copied:#}");
    assert_eq!(
        copied["rows"].as_u64().unwrap(),
        copied["tables"].as_array().unwrap().iter().map(|one| one["rows"].as_u64().unwrap()).sum::<u64>()
    );
    let (_, err) = home.run(&["store", "copy", "sqlite:copy.db"], 1);
    assert!(err.contains("the target is not empty"), "{err}");
    let output = tollgate(&["store", "copy", "--to-env", "TO"])
        .env("TO", "sqlite:third.db")
        .current_dir(home.0.path())
        .output();
    let (table, err) = checked(output.unwrap(), 0);
    assert!(table.contains("both stores have the same") && err.is_empty(), "{table}{err}");
    home.run(&["store", "copy", "--to-env", "SURELY_NOT_SET"], 1);
    home.run(&["store", "copy"], 2);

    home.run(&["store", "backup", "kept.db"], 0);
    assert_eq!(mode(&home.0.path().join("kept.db")), 0o600);
    assert!(home.run(&["store", "backup", "kept.db"], 1).1.contains("is there already"));
    // A copy is a store: the same admin key is in it, and the chain holds.
    fs::write(home.file(), format!("{}store: sqlite:copy.db\n", fs::read_to_string(home.file()).unwrap()))
        .unwrap();
    assert!(home.run(&["init"], 0).0.contains("everything is there already"));
    home.run(&["audit", "verify"], 0);
}

#[test]
fn the_audit_names_the_row_that_was_touched() {
    let home = Home::with("");
    home.run(&["init"], 0);
    let whole = home.json(&["audit", "verify"], 0);
    let known = format!("{}:{}", whole["seq"], whole["hash"].as_str().unwrap());
    assert!(home.run(&["audit", "verify", "--known", &known], 0).0.contains(&known));
    home.run(&["audit", "verify", "--known", "nonsense"], 2);
    let future = format!("{}:{}", whole["seq"].as_i64().unwrap() + 1, whole["hash"].as_str().unwrap());
    let missing = home.json(&["audit", "verify", "--known", &future], 1);
    assert!(missing["ok"] == false && missing["why"].as_str().unwrap().contains("missing"), "{missing}");
    // Straight into the file, as somebody would who can.
    let mut bytes = fs::read(home.data("tollgate.db")).unwrap();
    let at = bytes.windows(15).position(|some| some == b"consumer.create").unwrap();
    bytes[at + 9] = b'C';
    fs::write(home.data("tollgate.db"), bytes).unwrap();
    let (text, _) = home.run(&["audit", "verify"], 1);
    assert!(text.starts_with("row ") && text.contains("is broken"), "{text}");
}

#[test]
fn tiers_and_routes_are_read_from_the_file() {
    let home = Home::with(
        "tiers: { free: { limits: [100 requests/h, { limit: 5 requests/s, burst: 9 }] }, paid: { weight: 9 } }\n",
    );
    let (tiers, _) = home.run(&["tier", "list"], 0);
    assert_eq!(
        tiers.lines().map(|line| line.split("  ").next().unwrap()).collect::<Vec<_>>(),
        ["name", "free", "paid"]
    );
    let routes = home.json(&["route", "list"], 0);
    assert_eq!(routes["items"][0]["name"], "r");
    let free = home.json(&["tier", "show", "free"], 0);
    assert_eq!((free["name"].as_str(), free["limits"][0].as_str()), (Some("free"), Some("100 requests/h")));
    assert!(home.run(&["route", "show", "r"], 0).0.contains("upstream  m"));
    assert!(home.run(&["tier", "show", "fre"], 1).1.contains("did you mean `free`?"));
    home.run(&["tier"], 2);
}
