//! Gates that share a PostgreSQL and no Redis: a quota is a hard bound for all of them together.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tollgate::config::{self, source::Source};
use tollgate::server::Server;
use tollgate::state::clock::Clock;
use tollgate::telemetry::Telemetry;

use crate::gates::{ask, model, status};
use crate::postgres;

/// Calls that each consumer may make in a month.
const QUOTA: usize = 60;

fn gate(url: &str, folder: &Path, nth: usize, model: std::net::SocketAddr) -> Server {
    let text = format!(
        "listen: 127.0.0.1:0\nworkers: 1\ndrain: 2s\ndata_dir: data{nth}\nstore: {{ env: STORE }}\n\
         upstreams: {{ model: {{ targets: [\"http://{model}\"] }} }}\n\
         tiers: {{ free: {{ quota: {QUOTA} requests/month }} }}\n\
         routes: {{ r: {{ match: {{ path: /r }}, upstream: model, accept: [api_key] }} }}\n\
         consumers:\n  \
           ann: {{ tier: free, credentials: [{{ api_key: {{ env: KEY_A }} }}] }}\n  \
           bob: {{ tier: free, credentials: [{{ api_key: {{ env: KEY_B }} }}] }}\n"
    );
    let url = url.to_owned();
    let env = move |name: &str| match name {
        "STORE" => Some(url.clone()),
        name => Some(format!("a-long-enough-value-{name}")),
    };
    let compiled = config::compile(&Source::new("test.yaml", text, folder), &env)
        .map_err(|problems| problems.render(false))
        .unwrap();
    Server::start(compiled, Clock::system(), Telemetry::default()).unwrap()
}

/// How many of the calls are let through at this gate, of a few callers at once who call until then.
fn admitted(gate: &Server, key: &str, until: Instant) -> usize {
    let field = format!("x-api-key: a-long-enough-value-{key}\r\n");
    let admitted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while Instant::now() < until {
                    match status(&ask(gate, "GET", "/r", &field)) {
                        "200" => drop(admitted.fetch_add(1, Relaxed)),
                        // A store that others keep busy may be late for a call.
                        "429" | "503" => std::thread::yield_now(),
                        other => panic!("{other}"),
                    }
                }
            });
        }
    });
    admitted.load(Relaxed)
}

fn together(gates: &[&Server], key: &str, time: Duration) -> usize {
    let until = Instant::now() + time;
    std::thread::scope(|scope| {
        let calls: Vec<_> =
            gates.iter().map(|gate| scope.spawn(move || admitted(gate, key, until))).collect();
        calls.into_iter().map(|calls| calls.join().unwrap()).sum()
    })
}

#[test]
fn gates_on_one_postgres_admit_a_quota_together_and_no_call_more() {
    let (url, folder, model) = (postgres::database(), tempfile::tempdir().unwrap(), model());
    let start = |nth| gate(&url, folder.path(), nth, model);
    let (one, two) = (start(0), start(1));
    // Long enough for what one holds unspent to come back and be used by the other.
    assert_eq!(together(&[&one, &two], "KEY_A", Duration::from_secs(4)), QUOTA, "all of it, and no more");

    // Some of it is used when another gate starts, of which nobody has heard, and when one leaves.
    let mut used = together(&[&one], "KEY_B", Duration::from_millis(1));
    let three = start(2);
    used += together(&[&one, &three], "KEY_B", Duration::from_millis(20));
    one.stop();
    used += together(&[&two, &three], "KEY_B", Duration::from_secs(4));
    assert_eq!(used, QUOTA);
    two.stop();
    three.stop();

    let again = start(3);
    assert_eq!(together(&[&again], "KEY_A", Duration::from_millis(50)), 0, "nor after a restart");
    again.stop();
}
