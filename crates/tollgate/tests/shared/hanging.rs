//! A PostgreSQL that keeps its connections and answers nobody.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tollgate::config::{self, source::Source};
use tollgate::server::{Server, Stopped};
use tollgate::state::clock::Clock;
use tollgate::telemetry::Telemetry;

use crate::gates::{ask, model, status};
use crate::postgres;

/// An answer may take a second, and is looked for each second; the rest is for a busy machine.
const NOTICED: Duration = Duration::from_secs(10);

/// Stands before a database, and passes nothing on while it is held.
#[derive(Clone, Default)]
struct Valve(Arc<(Mutex<bool>, Condvar)>);

impl Valve {
    fn set(&self, held: bool) {
        *self.0.0.lock().unwrap() = held;
        self.0.1.notify_all();
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16384];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |held| *held).unwrap());
            if to.write_all(&buffer[..read]).is_err() {
                return;
            }
        }
    }

    /// Where the database is found behind it.
    fn before(&self, url: &str) -> String {
        let (server, database) = url.rsplit_once('/').unwrap();
        let (scheme, address) = server.rsplit_once('@').unwrap();
        let (address, valve) = (address.to_owned(), self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}@{}/{database}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let far = TcpStream::connect(&address).unwrap();
                let (valve, back) = (valve.clone(), valve.clone());
                let (near_end, far_end) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                std::thread::spawn(move || valve.pass(near, far));
                std::thread::spawn(move || back.pass(far_end, near_end));
            }
        });
        url
    }
}

fn gate(url: &str, folder: &std::path::Path) -> Server {
    let text = format!(
        "listen: 127.0.0.1:0\nworkers: 1\ndrain: 2s\ndata_dir: data\nstore: {{ env: STORE }}\n\
         upstreams: {{ model: {{ targets: [\"http://{}\"] }} }}\n\
         tiers: {{ free: {{ quota: 1000 requests/month }} }}\n\
         routes: {{ r: {{ match: {{ path: /r }}, upstream: model, accept: [api_key] }} }}\n\
         consumers: {{ ann: {{ tier: free, credentials: [{{ api_key: {{ env: KEY }} }}] }},\n\
           bob: {{ credentials: [{{ api_key: {{ env: BOB }} }}] }} }}\n",
        model()
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

#[test]
fn a_postgres_that_hangs_costs_one_wait() {
    let (valve, folder) = (Valve::default(), tempfile::tempdir().unwrap());
    let gate = gate(&valve.before(&postgres::database()), folder.path());
    let call = |key: &str| status(&ask(&gate, "GET", "/r", &format!("x-api-key: {key}\r\n"))).to_owned();
    let began = Instant::now();
    // The first connection may take more than the second that a call waits.
    while call("nobody-has-this-key") != "401" {
        assert!(began.elapsed() < NOTICED, "the store does not answer");
    }

    valve.set(true);
    let began = Instant::now();
    assert_eq!(call("nor-has-anybody-this-one"), "503");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    while !gate.gate().directory.is_away() {
        assert!(began.elapsed() < NOTICED, "nobody notices");
        std::thread::yield_now();
    }
    let began = Instant::now();
    for nth in 0..20 {
        assert_eq!(call(&format!("hk_live_rubbish{nth}")), "503");
    }
    assert_eq!(call("a-long-enough-value-KEY"), "503", "nobody knows what was used of its quota");
    // One wait each would be twenty seconds.
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());

    valve.set(false);
    let began = Instant::now();
    while gate.gate().directory.is_away() {
        assert!(began.elapsed() < NOTICED, "it is not found again");
        std::thread::yield_now();
    }
    // A new connection may take longer than a call waits.
    for (key, told) in [("hk_live_rubbish0", "401"), ("a-long-enough-value-KEY", "200")] {
        while call(key) != told {
            assert!(began.elapsed() < NOTICED, "{key} does not get {told}");
        }
    }
    gate.stop();
}

/// A gate ends in time and tells that usage waits; the next one ships it.
#[test]
fn what_a_postgres_that_hangs_did_not_take_is_shipped_by_the_next_gate() {
    let (valve, folder) = (Valve::default(), tempfile::tempdir().unwrap());
    let url = valve.before(&postgres::database());
    let first = gate(&url, folder.path());
    let began = Instant::now();
    while first.gate().ledger.counters().is_none() {
        assert!(began.elapsed() < NOTICED, "the store is not reached");
        std::thread::yield_now();
    }
    valve.set(true);
    for _ in 0..3 {
        let answer = ask(&first, "GET", "/r", "x-api-key: a-long-enough-value-BOB\r\n");
        assert_eq!(status(&answer), "200");
    }
    let began = Instant::now();
    assert_eq!(first.stop(), Stopped::Unshipped);
    assert!(began.elapsed() < NOTICED, "{:?}", began.elapsed());

    valve.set(false);
    let next = gate(&url, folder.path());
    let began = Instant::now();
    while next.gate().ledger.counters().is_none_or(|counters| counters.read(Timestamp::now()).events < 3) {
        assert!(began.elapsed() < NOTICED, "it is not shipped");
        std::thread::yield_now();
    }
    assert_eq!(next.stop(), Stopped::Clean);
}
