//! What it costs to book usage events: `cargo bench -p tollgate-store --bench book`, on SQLite, and on PostgreSQL where
//! `TOLLGATE_TEST_POSTGRES` names a server (`crates/store/tests/postgres-server` starts one and prints its URL).
//!
//! Told are events a second, the processor's time of all threads of this process for each, and what the database takes on
//! disk for each. A server computes besides, in processes of its own.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench tells its figures, or fails"
)]

#[path = "../tests/it/harness/postgres.rs"]
mod postgres;

use std::time::Instant;

use jiff::Timestamp;
use sqlx::Connection as _;
use tollgate_core::usage::chain::{Head, Linked};
use tollgate_core::usage::{Closing, Intent, Measure, Measures, Outcome, Quality, StreamId, UsageEvent};
use tollgate_store::Store;
use ulid::Ulid;

/// Events and how many of them are booked at once.
const RUNS: [(usize, usize); 3] = [(2_000, 1), (30_000, 30), (300_000, 1000)];
/// Keys that call: a small service, and one whose roll-ups are most of the work.
const KEYS: [u64; 2] = [5, 500];
const START: u64 = 1_800_000_000_000_000;

fn main() {
    // `cargo test --all-targets` starts benches too, and has no use for figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for keys in KEYS {
        for (count, size) in RUNS {
            let path = folder.path().join(format!("{keys}-{size}.db"));
            let url = format!("sqlite:{}", path.display());
            let told = block_on(measure(&url, keys, count, size));
            let bytes = std::fs::metadata(&path).unwrap().len();
            println!("SQLite, {keys} keys, batches of {size}: {told}, {} bytes each", bytes / count as u64);
        }
    }
    if std::env::var("TOLLGATE_TEST_POSTGRES").is_err() {
        return;
    }
    for keys in KEYS {
        for (count, size) in RUNS {
            let url = postgres::database();
            let told = block_on(measure(&url, keys, count, size));
            let bytes = block_on(size_of(&url)) / count as i64;
            println!("PostgreSQL, {keys} keys, batches of {size}: {told}, {bytes} bytes each");
        }
    }
}

async fn measure(url: &str, keys: u64, count: usize, size: usize) -> String {
    let store = Store::open(url).await.unwrap();
    let events = events(keys, count);
    let now = Timestamp::from_microsecond(START as i64).unwrap();
    let (begin, idle) = (Instant::now(), computed());
    for batch in events.chunks(size) {
        let booked = store.book(batch, &[], now).await.unwrap();
        assert_eq!(booked.inserted, batch.len() as u64);
    }
    let (took, computing) = (begin.elapsed(), computed() - idle);
    store.close().await;
    let rate = count as f64 / took.as_secs_f64();
    format!("{rate:.0} events/s, {:.2} µs of computing each", computing * 1e6 / count as f64)
}

/// Calls as one core of a gate has them, a thousand a second, on four models; some fail, and each has its caller's id.
fn events(keys: u64, count: usize) -> Vec<Linked> {
    let stream = StreamId { boot: Ulid(1 << 100), number: 0 };
    let mut head = Head::default();
    let mut event = |number: u64| {
        // Steps that visit every key and differ from one event to the next.
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let key = format!("01JD3X4M5N6P7Q8R9STVWX{:04}", mixed % keys);
        let name = format!("service-{}", mixed % keys);
        let caller = format!("{mixed:08x}-d9cb-469f-a165-{:012x}", mixed.wrapping_mul(number) >> 16);
        let time = START + number * 1000;
        let intent = Intent {
            id: Ulid::from_parts(time / 1000, u128::from(mixed) << 32 | u128::from(number)),
            time_micros: time,
            node: "gate-1",
            account: Some("acme"),
            account_id: Some("01JD3X4M5N6P7Q8R9STVWXYZ0A"),
            consumer: Some(name.as_str()),
            credential: Some(key.as_str()),
            route: "chat",
            model: Some(["small", "large", "embed", "vision"][(mixed / keys % 4) as usize]),
            method: "POST",
            path: "/v1/chat/completions",
            client_request_id: Some(caller.as_str()),
            tier: Some("free"),
        };
        let failed = mixed.is_multiple_of(37);
        let closing = Closing {
            outcome: if failed { Outcome::Cancelled } else { Outcome::Served },
            status: Some(200),
            duration_ms: mixed % 3000,
            upstream_ms: mixed % 2900,
            queue_ms: 0,
            request_bytes: mixed % 5000,
            response_bytes: mixed % 90_000,
            measures: Measures::request().with(Measure::TokensOut, mixed % 900),
            quality: Quality::Reported,
        };
        let event = UsageEvent::of(stream, head.seq + 1, &intent, &closing);
        let linked = head.followed_by(&event);
        head = linked.head();
        linked
    };
    (1..=count as u64).map(&mut event).collect()
}

async fn size_of(url: &str) -> i64 {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let tables = "SELECT CAST(sum(pg_total_relation_size(c.oid)) AS BIGINT) FROM pg_class c \
                  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'tollgate' AND c.relkind = 'r'";
    sqlx::query_scalar(tables).fetch_one(&mut connection).await.unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Seconds that all threads of this process have had of a processor, those included that have ended: user and system, the
/// 14th and 15th field, in hundredths.
fn computed() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().unwrap() / 100.0).sum()
}
