//! How far each form of the ledger goes: `cargo bench -p tollgate-ledger --bench feeds`.
//!
//! A journal with events of two cores is shipped to each sink, and workers book what brokers have in PostgreSQL. Told are
//! the events a second, and the processor's time of this process for each, the kernel's part in it. The brokers are those
//! of the tests, on the same machine: what they cost themselves is in the rate alone.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench tells its figures, or fails"
)]
#![expect(clippy::disallowed_methods, reason = "the runtime of a bench ends with it, and its tasks with it")]
#![expect(dead_code, reason = "the tests use the rest of what they share with this")]

mod harness;

use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tollgate_ledger::sink::SinkAddress;
use tollgate_ledger::{Shipper, Sink, Worker, shipper, worker};
use tollgate_store::Store;

use harness::broker::Kind;
use harness::{Broker, LONG, Place, block_on, calls, journal, until};

const EVENTS: u64 = 200_000;

fn main() {
    // `cargo test --all-targets` starts benches too, and has no use for figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    block_on(async {
        for (name, place) in [("SQLite", Place::sqlite()), ("PostgreSQL", Place::postgres().await)] {
            let store = place.open().await;
            ship(name, SinkAddress::Store, &store).await;
            assert_eq!(place.count().await.events, EVENTS as i64);
            store.close().await;
        }
        for kind in [Kind::Nats, Kind::Kafka] {
            for workers in [1, 2] {
                let (broker, place) = (Broker::start(kind).await, Place::postgres().await);
                let store = place.open().await;
                ship(&format!("{kind:?}"), broker.address.clone(), &store).await;
                work(workers, &broker, &store).await;
                assert_eq!(place.count().await.events, EVENTS as i64);
                store.close().await;
            }
        }
    });
}

/// Ships a journal.
async fn ship(name: &str, address: SinkAddress, store: &Store) {
    let folder = TempDir::new().unwrap();
    let journal = journal(folder.path());
    for _ in 0..2 {
        calls(&journal, EVENTS / 2);
    }
    let mut shipper = Shipper::new(journal, Sink::new(address, store), shipper::Settings::default());
    let measured = Measured::begin();
    shipper.ship_all(tokio::time::Instant::now() + LONG).await.unwrap();
    measured.tell(&format!("a gate ships to {name}"));
}

/// Books what a broker has.
async fn work(count: usize, broker: &Broker, store: &Store) {
    let (stop, mut tasks, mut counters) = (CancellationToken::new(), JoinSet::new(), Vec::new());
    let measured = Measured::begin();
    for _ in 0..count {
        let worker = Worker::new(broker.address.clone(), store.clone(), worker::Settings::default()).unwrap();
        counters.push(worker.counters());
        let stop = stop.clone();
        tasks.spawn(async move { worker.run(&stop).await });
    }
    until("all is booked", async || {
        counters.iter().map(|counters| counters.read().events).sum::<u64>() == EVENTS
    })
    .await;
    measured.tell(&format!("{count} workers book what {:?} has", broker.kind));
    stop.cancel();
    while tasks.join_next().await.is_some() {}
}

/// Since when, by the clock and by the processor's time of this process.
struct Measured(Instant, Duration);

impl Measured {
    fn begin() -> Self {
        Self(Instant::now(), computed())
    }

    fn tell(self, what: &str) {
        let (took, computing) = (self.0.elapsed(), computed() - self.1);
        let each = computing.as_secs_f64() * 1e6 / EVENTS as f64;
        println!(
            "{what}: {:.0} events/s, {each:.1} µs of computing each",
            EVENTS as f64 / took.as_secs_f64()
        );
    }
}

/// What all threads of this process have had of a processor: user and system, the 14th and 15th field, in hundredths.
fn computed() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let hundredths: u64 =
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(hundredths * 10)
}
