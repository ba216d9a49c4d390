//! What each part may not name.

use crate::assert_none;
use crate::sources::{Source, all, product, workspace};

/// The workspace's crates, and those of them that each may use.
const DIRECTION: [(&str, &[&str]); 6] = [
    ("core", &[]),
    ("secrets", &[]),
    ("models", &[]),
    ("store", &["tollgate-core"]),
    ("ledger", &["tollgate-core", "tollgate-store"]),
    (
        "tollgate",
        &["tollgate-core", "tollgate-ledger", "tollgate-models", "tollgate-secrets", "tollgate-store"],
    ),
];

fn naming(sources: &[Source], words: &[&str]) -> Vec<String> {
    sources.iter().flat_map(|source| source.naming(words)).collect()
}

#[test]
fn core_is_pure() {
    let banned = [
        "tokio",
        "hyper",
        "axum",
        "sqlx",
        "std::fs",
        "std::net::TcpStream",
        "std::net::TcpListener",
        "std::net::UdpSocket",
        "std::env",
        "std::process",
        "std::thread",
        "Instant::now",
        "SystemTime::now",
        "async",
    ];
    assert_none(
        "core decides; it does no I/O and is told the time",
        &naming(&all(&["crates/core/src"]), &banned),
    );
}

#[test]
fn the_store_knows_no_http_and_no_clock() {
    let banned = [
        "http",
        "hyper",
        "axum",
        "Instant::now",
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "std::env",
        "std::process",
        "std::thread",
    ];
    assert_none(
        "the store remembers what it is told, at the time that it is told",
        &naming(&all(&["crates/store/src"]), &banned),
    );
}

#[test]
fn the_ledger_knows_no_http_and_no_runtime_of_its_journal() {
    assert_none(
        "the ledger takes down what happened, whoever tells it",
        &naming(&all(&["crates/ledger/src"]), &["hyper", "axum", "std::env", "std::process"]),
    );
    assert_none(
        "the journal's one thread is its own, and whoever polls it brings the runtime and the wall clock",
        &naming(&all(&["crates/ledger/src/journal"]), &["tokio", "Timestamp::now", "Zoned::now"]),
    );
}

#[test]
fn crates_depend_in_one_direction() {
    let mut found = Vec::new();
    for (name, allowed) in DIRECTION {
        let manifest =
            std::fs::read_to_string(workspace().join(format!("crates/{name}/Cargo.toml"))).unwrap();
        for line in manifest.lines().filter(|line| line.starts_with("tollgate-")) {
            let used = line.split([' ', '.', '=']).next().unwrap();
            if !allowed.contains(&used) {
                found.push(format!("crates/{name}/Cargo.toml: `{used}`"));
            }
        }
        if !manifest.contains("[lints]\nworkspace = true\n") {
            found.push(format!("crates/{name}/Cargo.toml: takes no lints from the workspace"));
        }
    }
    let crates = std::fs::read_dir(workspace().join("crates")).unwrap().count();
    assert_eq!(crates, DIRECTION.len(), "every crate has its line in this test");
    assert_none("tollgate uses the other crates, and they nothing of the gate", &found);
}

#[test]
fn the_data_plane_and_the_control_plane_meet_in_the_state_alone() {
    let gateway = naming(&all(&["crates/tollgate/src/gateway"]), &["crate::admin", "super::admin"]);
    let admin = naming(&all(&["crates/tollgate/src/admin"]), &["crate::gateway", "super::gateway"]);
    assert_none("`gateway` and `admin` never import each other", &[gateway, admin].concat());
}

#[test]
fn tasks_are_tracked() {
    let banned = ["tokio::spawn", "task::spawn", "task::spawn_local", "task::spawn_blocking"];
    let sources = product(&[
        "crates/tollgate/src",
        "crates/models/src",
        "crates/secrets/src",
        "crates/store/src",
        "crates/ledger/src",
    ]);
    assert_none(
        "a task belongs to a tracker, a set or a runtime that its owner ends, so that a stop waits for it",
        &naming(&sources, &banned),
    );
}

#[test]
fn one_file_prints() {
    let mut sources = all(&[
        "crates/tollgate/src",
        "crates/models/src",
        "crates/secrets/src",
        "crates/store/src",
        "crates/ledger/src",
        "crates/core/src",
    ]);
    sources.retain(|source| {
        ![
            "crates/tollgate/src/cli/output.rs",
            // The process's own log goes to standard error through its library, filtered and in its own form.
            "crates/tollgate/src/telemetry/logging.rs",
        ]
        .contains(&source.path.as_str())
    });
    let banned = [
        "println!",
        "print!",
        "eprintln!",
        "eprint!",
        "dbg!",
        "stdout()",
        "stderr()",
        "io::stdout",
        "io::stderr",
    ];
    assert_none("`cli/output.rs` is the only place that prints", &naming(&sources, &banned));
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    // Put together here, so that this file does not find itself.
    let notes = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    let mut found = Vec::new();
    for source in all(&["crates"]) {
        for (line, number) in source.text.lines().zip(1..) {
            if notes.iter().any(|note| line.contains(note.as_str())) {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none("what is open belongs to the tracker, where somebody sees it", &found);
}
