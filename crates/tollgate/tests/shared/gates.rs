//! Whole gates on one Redis: what callers see.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tollgate::config::{self, source::Source};
use tollgate::decisions::Outcome;
use tollgate::explain::{Explanation, live};
use tollgate::server::Server;
use tollgate::state::clock::Clock;
use tollgate::telemetry::Telemetry;
use tollgate_core::authn::hawk;
use tollgate_store::Scope;

use crate::server::Redis;

const SECRET: &str = "werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn";

/// Answers every request until the process ends.
pub fn model() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// A gate that has heard of the whole fleet.
fn gates<const COUNT: usize>(redis: &Redis, folder: &std::path::Path) -> [Server; COUNT] {
    let model = model();
    let gates: [Server; COUNT] = std::array::from_fn(|nth| {
        let text = format!(
            "listen: 127.0.0.1:0\nworkers: 1\ndrain: 2s\ndata_dir: data{nth}\nshared: {{ env: REDIS_URL }}\n\
             upstreams: {{ model: {{ targets: [http://{model}] }} }}\n\
             routes:\n  limited:\n    match: {{ path: /limited }}\n    upstream: model\n    accept: [public]\n    \
             limits: [3 requests/day, 10 concurrent]\n  signed:\n    match: {{ path: /signed }}\n    upstream: model\n    \
             accept: [hawk]\n  keyed:\n    match: {{ path: /keyed }}\n    upstream: model\n    accept: [api_key]\n    \
             limits: [6 requests/day, 10 concurrent]\n\
             consumers:\n  shop: {{ credentials: [{{ api_key: {{ env: KEY }} }}] }}\n  dh: {{ credentials: [{{ hawk: {{ id: dh, key: {{ env: HAWK }} }} }}] }}\n"
        );
        let url = redis.url();
        let env = move |name: &str| match name {
            "REDIS_URL" => Some(url.clone()),
            _ => Some(SECRET.to_owned()),
        };
        let compiled = config::compile(&Source::new("test.yaml", text, folder), &env)
            .map_err(|problems| problems.render(false))
            .unwrap();
        assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings);
        Server::start(compiled, Clock::system(), Telemetry::default()).unwrap()
    });
    let whole = |gate: &Server| {
        let shared = gate.gate().shared.as_ref().unwrap();
        shared.is_up() && usize::try_from(shared.nodes()).unwrap() == COUNT
    };
    let patience = Instant::now();
    while !gates.iter().all(whole) {
        assert!(patience.elapsed() < Duration::from_secs(20), "the gates do not find each other");
        std::thread::yield_now();
    }
    gates
}

/// The whole answer to a request without a body.
pub fn ask(gate: &Server, method: &str, path: &str, fields: &str) -> String {
    let mut stream = TcpStream::connect(gate.addresses()[0]).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n{fields}\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

#[test]
fn a_limit_and_a_signature_hold_over_all_gates() {
    let mut redis = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    let gates: [Server; 2] = gates(&redis, folder.path());

    let answers: Vec<String> =
        [0, 1, 0, 1].iter().map(|nth: &usize| ask(&gates[*nth], "GET", "/limited", "")).collect();
    assert_eq!(answers.iter().map(|answer| status(answer)).collect::<Vec<_>>(), ["200", "200", "200", "429"]);
    let left = |nth: usize| answers[nth].lines().find(|line| line.starts_with("ratelimit:")).unwrap();
    assert_eq!(left(1), "ratelimit: \"route:requests/day\";r=1;t=57600, \"route:concurrent\";r=4");
    assert!(answers[3].contains("retry-after: 28800"), "{}", answers[3]);

    let key = hawk::Key::new("dh", hawk::Algorithm::Sha256, SECRET.as_bytes()).unwrap();
    let sign = |nonce: &str| {
        let request = hawk::Request {
            key: &key,
            ts: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs(),
            nonce,
            method: &http::Method::GET,
            resource: "/signed",
            host: Some(("example.com", 80)),
            payload: None,
            ext: None,
            app: None,
            dlg: None,
        };
        format!("authorization: {}\r\n", hawk::sign(&request).unwrap())
    };
    let signed = sign("one");
    assert_eq!(status(&ask(&gates[0], "GET", "/signed", &signed)), "200");
    let replayed = ask(&gates[1], "GET", "/signed", &signed);
    assert_eq!(status(&replayed), "401");
    assert!(replayed.contains("Invalid nonce"), "{replayed}");
    assert_eq!(status(&ask(&gates[1], "GET", "/signed", &sign("two"))), "200");

    redis.end();
    assert_eq!(status(&ask(&gates[0], "GET", "/signed", &sign("three"))), "200");
    for gate in &gates {
        let began = Instant::now();
        let mut admitted = 0;
        // For longer than a refusal is believed.
        while began.elapsed() < Duration::from_millis(150) {
            admitted += usize::from(status(&ask(gate, "GET", "/limited", "")) == "200");
        }
        assert_eq!(admitted, 1, "each gate grants its share");
    }
    for gate in gates {
        gate.stop();
    }
}

#[test]
fn what_the_fleet_counts_is_explained_at_every_gate() {
    let mut redis = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    let gates: [Server; 2] = gates(&redis, folder.path());
    let explain = |nth: usize| {
        let gate: &Server = &gates[nth];
        let asked = live::of_pair(gate.gate(), Scope::All, "shop", "keyed");
        gate.control().block_on(asked).unwrap()
    };
    let key = format!("x-api-key: {SECRET}\r\n");
    let call = |nth: usize| status(&ask(&gates[nth], "GET", "/keyed", &key)).to_owned();
    let remaining =
        |explanation: &Explanation| explanation.counters.iter().map(|one| one.remaining).collect();
    let said = |explanation: &Explanation| explanation.steps.last().unwrap().detail.clone();

    assert_eq!([call(0), call(0), call(0), call(0)], ["200"; 4].map(str::to_owned));
    for nth in [0, 1] {
        let explanation = explain(nth);
        let left: Vec<u64> = remaining(&explanation);
        assert_eq!(left, [2, 5], "the gate's share of what is at once");
        assert!(
            said(&explanation).ends_with("; rates are those of the fleet of 2"),
            "{}",
            said(&explanation)
        );
    }
    assert_eq!([call(1), call(1), call(1)], ["200", "200", "429"].map(str::to_owned));
    let explanation = explain(0);
    assert_eq!((explanation.outcome, explanation.denial), (Outcome::Denied, Some("rate_limited")));
    assert_eq!(remaining(&explanation), [0, 5]);

    redis.end();
    let explanation = explain(0);
    let said = said(&explanation);
    assert!(said.contains("the fleet's Redis is away") && said.contains("one in 2"), "{said}");
    let left: Vec<u64> = remaining(&explanation);
    assert_eq!((explanation.outcome, left), (Outcome::Allowed, vec![3, 5]));
    for gate in gates {
        gate.stop();
    }
}
