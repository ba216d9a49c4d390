//! The commands that speak to the admin API, against a gate that runs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::{checked, tollgate};

/// A gate with a store and an admin key, ended with the test.
struct Running {
    folder: tempfile::TempDir,
    child: Child,
    url: String,
}

impl Running {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = "listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0 }\n\
                      upstreams: { m: { targets: [http://127.0.0.1:1] } }\n\
                      tiers: { free: { limits: [100 requests/h], scopes: [model:read] } }\n\
                      routes: { r: { match: { path: /x }, upstream: m, accept: [api_key] } }\n";
        fs::write(folder.path().join("tollgate.yaml"), config).unwrap();
        let init = tollgate(&["init", "--admin-key-file", "admin.key"]).current_dir(folder.path()).output();
        checked(init.unwrap(), 0);
        let child = Self::child(&folder);
        // Made before anything can fail, so that the gate is ended with it.
        let mut gate = Self { folder, child, url: String::new() };
        gate.heed();
        gate
    }

    /// As documented: the admin key is in the environment of `serve`, too.
    fn child(folder: &tempfile::TempDir) -> Child {
        let key = fs::read_to_string(folder.path().join("admin.key")).unwrap();
        let mut command = tollgate(&["serve"]);
        command.current_dir(folder.path()).env("TOLLGATE_ADMIN_KEY", key.trim());
        command.env("TOLLGATE_LOG", "json:info").stderr(Stdio::piped()).spawn().unwrap()
    }

    fn serve(&mut self) {
        self.child = Self::child(&self.folder);
        self.heed();
    }

    /// Waits until it tells where it listens.
    fn heed(&mut self) {
        let log = BufReader::new(self.child.stderr.take().unwrap());
        for line in log.lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line["message"] == "admin listener" {
                self.url = format!("http://{}", line["address"].as_str().unwrap());
                return;
            }
        }
        unreachable!("the gate ended before it served")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("admin.key")
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> (String, String) {
        let mut command = tollgate(arguments);
        command.current_dir(self.folder.path()).env("TOLLGATE_URL", &self.url);
        let key = fs::read_to_string(self.key_file()).unwrap();
        checked(command.env("TOLLGATE_ADMIN_KEY", key).output().unwrap(), code)
    }

    /// Ends the gate, makes another admin key as one does who lost the first, and starts it again.
    fn recover(mut self, arguments: &[&str]) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::remove_file(self.key_file()).unwrap();
        let mut init = tollgate(&[&["init", "--admin-key-file", "admin.key"], arguments].concat());
        checked(init.current_dir(self.folder.path()).output().unwrap(), 0);
        self.serve();
        self
    }

    #[track_caller]
    fn json(&self, arguments: &[&str], code: i32) -> Value {
        let (out, err) = self.run(&[arguments, &["--json"]].concat(), code);
        serde_json::from_str(if code == 0 { &out } else { &err })
            .unwrap_or_else(|_| unreachable!("{out}{err}"))
    }

    /// Whether the key is accepted now.
    #[track_caller]
    fn accepts(&self, key: &str) -> bool {
        let mut command = tollgate(&["key", "validate", "--key-env", "KEY"]);
        let output = command.env("TOLLGATE_URL", &self.url).env("KEY", key).output().unwrap();
        output.status.success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test may have ended it.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| unreachable!("no `{member}` in {value}"))
}

#[test]
fn a_key_lives_from_its_making_to_its_end() {
    let gate = Running::start();
    gate.run(&["account", "add", "research"], 0);
    gate.run(&["consumer", "add", "shop", "--account", "research", "--tier", "free"], 0);
    let made = gate.json(&["key", "add", "first", "--consumer", "shop", "--environment", "test"], 0);
    let (id, key) = (text(&made, "key_id"), text(&made, "api_key"));
    assert!(key.starts_with("hk_test_") && gate.accepts(key), "{made}");
    let (table, err) = gate.run(&["key", "list", "--consumer", "shop"], 0);
    assert!(table.contains(id) && !table.contains(key) && err.is_empty(), "{table}{err}");

    let rotated = gate.json(&["key", "rotate", id, "--grace", "1h"], 0);
    let (second, other) = (text(&rotated, "key_id"), text(&rotated, "api_key"));
    assert!(gate.accepts(key) && gate.accepts(other));
    gate.run(&["key", "revoke", id], 0);
    assert!(!gate.accepts(key) && gate.accepts(other));
    gate.run(&["key", "set", second, "--disable"], 0);
    assert!(!gate.accepts(other));
    gate.run(&["key", "set", second, "--enable", "--name", "third"], 0);
    assert!(gate.accepts(other));
    assert_eq!(text(&gate.json(&["key", "show", second], 0), "name"), "third");

    let hawk = gate.json(&["consumer", "credential", "add", "hawk", "shop", "--id", "shop_id"], 0);
    assert!(hawk["secret"].is_string(), "{hawk}");
    let (kinds, _) = gate.run(&["consumer", "credential", "list", "shop"], 0);
    assert!(kinds.contains("hawk") && kinds.contains("shop_id"), "{kinds}");
    gate.run(&["consumer", "credential", "rm", "shop", text(&hawk, "key_id")], 0);
    gate.run(&["consumer", "rm", "shop"], 0);
    assert!(!gate.accepts(other));
}

#[test]
fn the_sealing_key_is_rotated_while_the_gate_rests() {
    let mut gate = Running::start();
    gate.run(&["consumer", "add", "shop"], 0);
    gate.run(&["consumer", "credential", "add", "hawk", "shop", "--id", "shop_id"], 0);
    assert!(gate.run(&["store", "reseal"], 1).1.contains("is in use by another process"));
    gate.child.kill().unwrap();
    gate.child.wait().unwrap();
    let keys = || -> Vec<String> {
        let text = fs::read_to_string(gate.folder.path().join("tollgate-data/sealing.key")).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    let before = keys();
    // Whoever seals anew has to open first, so the second run shows that the first one left all in order.
    for _ in 0..2 {
        let done = gate.json(&["store", "reseal"], 0);
        assert_eq!((&done["secrets"], done["dropped_keys"].as_array().unwrap().len()), (&1.into(), 1));
        assert!(keys().len() == 1 && keys() != before, "{done}");
    }
    let whole = gate.json(&["audit", "verify"], 0);
    assert_eq!(whole["ok"], true, "{whole}");
}

#[test]
fn a_running_gate_refuses_and_tells_of_itself() {
    let gate = Running::start();
    let refused = gate.json(&["consumer", "add", "shop", "--tier", "none"], 1);
    assert_eq!(refused["problem"]["field"], "tier", "{refused}");
    assert!(gate.run(&["consumer", "show", "nobody"], 1).1.starts_with("error: Not Found: "));
    gate.run(&["consumer", "add", "shop"], 0);
    assert!(gate.run(&["consumer", "add", "shop"], 1).1.starts_with("error: Conflict: "));
    assert_eq!(gate.run(&["account", "list", "-q", "--all"], 0).0.lines().count(), 2);

    // The store is the gate's, so the rows come from it, and the chain is walked here.
    let whole = gate.json(&["audit", "verify"], 0);
    assert!(whole["ok"] == true && whole["seq"].as_i64().unwrap() >= 4, "{whole}");
    let (rows, _) = gate.run(&["audit", "list", "--limit", "2"], 0);
    assert!(rows.lines().count() == 3 && rows.contains("init"), "{rows}");
    gate.run(&["doctor"], 0);
}

#[test]
fn an_admin_key_that_is_lost_or_over_is_replaced() {
    let first = |gate: &Running| text(&gate.json(&["key", "list"], 0)["items"][0], "key_id").to_owned();
    // What became of the first one, and what the recovery needs to be told.
    for (loss, again) in [
        (&["consumer", "rm", "tollgate-admin"][..], &[][..]),
        (&["consumer", "set", "tollgate-admin", "--disable"], &["--another-admin-key"]),
        (&["account", "set", "tollgate-admin", "--disable"], &[]),
        (&["key", "rm", "ID"], &[]),
        (&["key", "set", "ID", "--scope", "keys:read"], &[]),
    ] {
        let gate = Running::start();
        let old = fs::read_to_string(gate.key_file()).unwrap();
        let id = first(&gate);
        let loss: Vec<&str> = loss.iter().map(|word| if *word == "ID" { &*id } else { word }).collect();
        gate.run(&loss, 0);
        // `serve` has the same text in its environment, and it opens nothing any more.
        gate.run(&["account", "add", "refused"], 1);
        let gate = gate.recover(again);
        assert_ne!(fs::read_to_string(gate.key_file()).unwrap(), old);
        gate.run(&["account", "add", "made"], 0);
    }
}
