use crate::config::process::Process;
use crate::config::{self, source::Source};

fn process(more: &str) -> Process {
    let text = format!(
        "{more}\nupstreams: {{ m: {{ targets: [\"http://127.0.0.1:9\"] }} }}\n\
         routes: {{ r: {{ match: {{ path: /r }}, upstream: m, accept: [public] }} }}\n"
    );
    let source = Source::new("tollgate.yaml", text, ".");
    config::compile(&source, &|name| Some(format!("redis://:{name}@cache"))).unwrap().process
}

#[test]
fn each_member_that_needs_a_start_is_named() {
    let check = |old: &str, new: &str, expected: &[&str]| {
        let (old, new) = (process(old), process(new));
        assert_eq!(old.changes(&new), expected);
        assert_eq!(new.changes(&old), expected);
        assert!(old.changes(&old.clone()).is_empty());
    };
    check("", "listen: 127.0.0.1:8080", &[]);
    check("", "listen: 127.0.0.1:9090", &["listen"]);
    check("", "listen: [{ address: 127.0.0.1:8080, trusted_proxies: [10.0.0.0/8] }]", &["listen"]);
    check("", "workers: 3", &["workers"]);
    check("", "drain: 3s", &["drain"]);
    check("", "admin: { listen: 127.0.0.1:8081 }", &["admin"]);
    check(
        "admin: { listen: 127.0.0.1:8081 }",
        "admin: { listen: 127.0.0.1:8081, hosts: [gate.example.com] }",
        &["admin"],
    );
    check("", "probes: { listen: 127.0.0.1:8082 }", &["probes"]);
    check(
        "auth_api: { listen: 127.0.0.1:8083 }",
        "auth_api: { listen: 127.0.0.1:8083, callers: [10.0.0.0/8] }",
        &["auth_api"],
    );
    check("", "bounds: { idle: 5s }", &["bounds"]);
    // The store is in there.
    check("", "data_dir: elsewhere", &["data_dir", "store"]);
    check("store: sqlite:a", "store: sqlite:b", &["store"]);
    check("", "directory: { max: 7 }", &["directory"]);
    check("", "auth_service: { url: \"http://127.0.0.1:9\" }", &["auth_service"]);
    check("", "shared: { env: A }", &["shared"]);
    check("shared: { env: A }", "shared: { env: A, nodes: 2 }", &["shared"]);
    check("shared: { env: A }", "shared: { env: B }", &["shared"]);
    check("shared: { env: A }", "shared: { env: A, key: 0123456789abcdef0123456789abcdef }", &["shared"]);
}
