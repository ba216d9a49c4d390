//! What a metered request costs: `cargo bench -p tollgate-ledger --bench journal`.
//!
//! One request is an intent, its flush, an outcome and its flush; so many requests share the flushes of a loop's turn.
//! Time is the processor's as well as the clock's: one thread does nothing else. The journal's own thread is told apart.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a bench tells its figures, or fails")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate_core::usage::{Closing, Intent, Measure, Measures, Outcome};
use tollgate_ledger::Journal;
use tollgate_ledger::chain::SealKey;
use tollgate_ledger::journal::{Config, Entry, Opening, Read, Stream};
use ulid::Ulid;

const REQUESTS: usize = 200_000;

fn main() {
    // `cargo test --all-targets` starts benches too, and has no use for figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    for group in [1, 4, 16, 64] {
        let directory = TempDir::new().expect("a directory");
        let journal = Journal::open(config(&directory)).expect("a journal");
        let stream = journal.stream().expect("a stream");
        let start = Instant::now();
        let (requests, refused) = run(&stream, group);
        let each = start.elapsed() / u32::try_from(requests).unwrap_or(u32::MAX);
        println!("groups of {group}: {} ns a request, {refused} refusals on the way", each.as_nanos());
        drop(stream);
        drop(journal);
        if group == 64 {
            reopen(&directory);
        }
    }
}

/// Makes requests; answers how many, and how often one was refused because the disk did not keep up.
fn run(stream: &Stream, group: usize) -> (usize, usize) {
    let (mut done, mut refused) = (0, 0);
    let mut openings: Vec<Opening> = Vec::with_capacity(group);
    let mut entries: Vec<Entry> = Vec::with_capacity(group);
    while done < REQUESTS {
        for number in 0..group {
            match stream.open(&intent(done + number)) {
                Ok(opening) => openings.push(opening),
                Err(_) => refused += 1,
            }
        }
        stream.flush();
        for opening in openings.drain(..) {
            if let Poll::Ready(Ok(entry)) = pin!(opening).poll(&mut Context::from_waker(Waker::noop())) {
                entries.push(entry);
            }
        }
        for entry in entries.drain(..) {
            drop(entry.close(&closing(done as u64)));
            done += 1;
        }
        stream.flush();
        if refused > 0 && done % 1024 == 0 {
            std::thread::yield_now();
        }
    }
    (done, refused)
}

/// What a start finds, and how fast it is read.
fn reopen(directory: &TempDir) {
    let start = Instant::now();
    let journal = Journal::open(config(directory)).expect("a journal");
    println!("open beside {REQUESTS} events: {} us", start.elapsed().as_micros());
    let start = Instant::now();
    let recovered = journal.recover().expect("a recovery");
    println!("recover: {} ms, {} findings", start.elapsed().as_millis(), recovered.findings.len());
    let start = Instant::now();
    let mut events = 0_u32;
    for stream in recovered.streams {
        let mut reader = journal.reader(stream).expect("a reader");
        while let Some(read) = reader.next().expect("a record") {
            events += u32::from(matches!(read, Read::Event(_)));
        }
    }
    println!("read: {} ns an event of {events}", (start.elapsed() / events.max(1)).as_nanos());
}

fn config(directory: &TempDir) -> Config {
    let keep = Duration::ZERO;
    Config { keep, ..Config::new(directory.path(), "gate-1", SealKey::new(&[7; 32])) }
}

fn intent(number: usize) -> Intent<&'static str> {
    Intent {
        id: Ulid(number as u128),
        time_micros: 1_800_000_000_000_000,
        node: "gate-1",
        account: Some("acme"),
        consumer: Some("service_a"),
        credential: Some("01JD3X4M5N6P7Q8R9STVWXYZ01"),
        route: "chat",
        model: Some("small-chat-model"),
        method: "POST",
        path: "/v1/chat/completions",
        client_request_id: None,
        tier: Some("premium"),
    }
}

fn closing(tokens: u64) -> Closing {
    let measures = Measures::request().with(Measure::TokensIn, 31).with(Measure::TokensOut, tokens);
    Closing { status: Some(200), duration_ms: 12, measures, ..Closing::unknown(Outcome::Served) }
}
