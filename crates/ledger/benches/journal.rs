//! What a metered request costs: `cargo bench -p tollgate-ledger --bench journal`.
//!
//! One request is an intent, its flush, an outcome and its flush; so many requests share the flushes of a loop's turn.
//! Told is the processor's time, which does not depend on who else has work: of the thread that serves, and of the
//! journal's own thread, which syncs and makes segments. The kernel's part of both is in it.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a bench tells its figures, or fails")]

use std::fs::File;
use std::path::Path;
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
        let (mine, all) = (processor_time("thread-self"), all_threads());
        let start = Instant::now();
        let (requests, refused) = run(&stream, group);
        let elapsed = start.elapsed();
        let mine = processor_time("thread-self") - mine;
        let others = all_threads() - all - mine;
        drop(stream);
        drop(journal);
        let each = |nanos: u64| nanos / requests as u64;
        println!(
            "groups of {group}: {} ns a request, {} ns of the journal's thread; {} requests/s, {refused} refusals",
            each(mine),
            each(others),
            (requests as f64 / elapsed.as_secs_f64()).round()
        );
        if group == 64 {
            reopen(&directory);
        }
    }
}

/// Nanoseconds that a thread had of a processor, as Linux tells them.
fn processor_time(thread: &str) -> u64 {
    let told = std::fs::read_to_string(format!("/proc/{thread}/schedstat")).unwrap_or_default();
    told.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default()
}

/// The same of all threads of this process.
fn all_threads() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    let name = |thread: std::io::Result<std::fs::DirEntry>| thread.expect("a thread").file_name();
    threads.map(|thread| processor_time(&format!("self/task/{}", name(thread).display()))).sum()
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

/// What a start finds after a kill, and how fast it is read.
fn reopen(directory: &TempDir) {
    forget_end(directory.path());
    let start = Instant::now();
    let journal = Journal::open(config(directory)).expect("a journal");
    println!("open beside {REQUESTS} events: {} us", start.elapsed().as_micros());
    let start = processor_time("thread-self");
    let recovered = journal.recover().expect("a recovery");
    let each = (processor_time("thread-self") - start) / REQUESTS as u64;
    println!("recover: {each} ns an event, {} findings", recovered.findings.len());
    let start = processor_time("thread-self");
    let mut events = 0_u64;
    for stream in recovered.streams {
        let mut reader = journal.reader(stream).expect("a reader");
        while let Some(read) = reader.next().expect("a record") {
            events += u64::from(matches!(read, Read::Event(_)));
        }
    }
    println!("read: {} ns an event of {events}", (processor_time("thread-self") - start) / events.max(1));
}

/// Takes the last record, which ends the stream, from its last segment.
fn forget_end(directory: &Path) {
    let newest = |directory: &Path| {
        let entries = std::fs::read_dir(directory).expect("a directory");
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| !path.ends_with("lock")).max()
    };
    let mut path = directory.to_owned();
    while path.is_dir() {
        path = newest(&path).expect("a segment");
    }
    let file = File::options().write(true).open(path).expect("a segment");
    let length = file.metadata().expect("its length").len();
    file.set_len(length - 8).expect("a shorter segment");
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
        account_id: Some("01JD3X4M5N6P7Q8R9STVWXYZ0A"),
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
