use std::path::Path;

use super::*;
use crate::config::{self, source::Source};

const ROUTES: &str = "upstreams: { m: { targets: [http://127.0.0.1:1] } }\n\
                      routes: { r: { match: { path: /x }, upstream: m, accept: [api_key] } }\n";
const FEED: &str = "ledger: { sink: nats://127.0.0.1:4222/USAGE }\n";

fn process(more: &str) -> Process {
    let source = Source::new("tollgate.yaml", format!("{ROUTES}{more}"), Path::new("/nowhere"));
    let env = |name: &str| (name == "DATABASE").then(|| "postgres://127.0.0.1/tollgate".to_owned());
    config::compile(&source, &env)
        .unwrap_or_else(|problems| unreachable!("{}", problems.render(false)))
        .process
}

#[track_caller]
fn check(role: Role, more: &str, misfits: &[&str]) {
    let found = role.misfits(&process(more));
    assert_eq!(found.len(), misfits.len(), "{found:?}");
    for (found, expected) in found.iter().zip(misfits) {
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn a_role_needs_what_it_works_with() {
    let database = "store: { env: DATABASE }\n";
    for role in [Role::All, Role::Gateway] {
        check(role, "", &[]);
    }
    check(Role::Admin, "", &["no `admin`"]);
    check(Role::Admin, "admin: { listen: 127.0.0.1:0 }\n", &[]);
    check(Role::Worker, "", &["`ledger.sink`", "`store`"]);
    check(Role::Worker, FEED, &["`store`"]);
    check(Role::Worker, database, &["`ledger.sink`"]);
    check(Role::Worker, &format!("{FEED}{database}"), &[]);
}

#[test]
fn a_role_leaves_out_what_others_do() {
    let all = || process("admin: { listen: 127.0.0.1:0 }\nlisten: 127.0.0.1:0\n");
    let left = |role: Role| {
        let process = role.of(all());
        (process.role, process.listen.len(), process.admin.is_some())
    };
    assert_eq!(left(Role::All), (Role::All, 1, true));
    assert_eq!(left(Role::Gateway), (Role::Gateway, 1, false));
    assert_eq!(left(Role::Admin), (Role::Admin, 0, true));
}
