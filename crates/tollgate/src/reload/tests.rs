use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Hangup, start};
use crate::config;
use crate::server::Server;
use crate::state::clock::Clock;
use crate::telemetry::Telemetry;

#[test]
fn what_is_written_while_the_gate_starts_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (folder.path().join("tollgate.yaml"), folder.path().join("key"));
    let text = |route: &str| {
        format!(
            "listen: 127.0.0.1:0\nworkers: 1\ndata_dir: data\n\
             upstreams: {{ model: {{ targets: [\"http://127.0.0.1:9\"] }} }}\n\
             routes: {{ {route}: {{ match: {{ path: /r }}, upstream: model, accept: [api_key] }} }}\n\
             consumers: {{ ann: {{ credentials: [{{ api_key: {{ file: key }} }}] }} }}\n"
        )
    };
    fs::write(&key, "a-key-that-is-long-enough").unwrap();
    fs::write(&file, text("first")).unwrap();
    let compiled = config::load(&file).map_err(|problems| problems.render(false)).unwrap();
    fs::write(&file, text("another")).unwrap();

    let watched = compiled.watched.clone();
    let server = Arc::new(Server::start(compiled, Clock::system(), Telemetry::default()).unwrap());
    let watching = start(&server, file, watched, Hangup::Ignore).unwrap();
    let began = Instant::now();
    while !server.gate().live().snapshot.routes.iter().any(|route| route.name.as_str() == "another") {
        assert!(began.elapsed() < Duration::from_secs(30), "the file is not loaded");
        std::thread::yield_now();
    }
    watching.abort();
    Server::stop_shared(server);
}
