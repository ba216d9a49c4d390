use std::io::Write as _;
use std::time::Instant;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tollgate_ledger::sink::SinkAddress;
use tollgate_ledger::{Sink, Worker, worker};

use crate::harness::broker::Kind;
use crate::harness::place::Count;
use crate::harness::{Broker, LONG, Place, block_on, calls, journal, shipper, until};

const CALLS: u64 = 100_000;

fn tell(what: &str, events: u64, since: Instant) {
    let rate = events as f64 / since.elapsed().as_secs_f64();
    let mut output = std::io::stderr().lock();
    writeln!(output, "{what}: {events} events, {rate:.0} events/s").unwrap();
}

#[test]
#[ignore = "takes minutes and is for people: run it alone, optimised, with --nocapture"]
fn how_many_events_a_second() {
    block_on(async {
        for place in [Place::sqlite(), Place::postgres().await] {
            let folder = TempDir::new().unwrap();
            let journal = journal(folder.path());
            calls(&journal, CALLS);
            let store = place.open().await;
            let name = if place.is_postgres() { "journal -> PostgreSQL" } else { "journal -> SQLite" };
            let mut shipper = shipper(&journal, Sink::new(SinkAddress::Store, &store));
            let begin = Instant::now();
            shipper.ship_all(tokio::time::Instant::now() + LONG).await.unwrap();
            tell(name, CALLS, begin);
            assert_eq!(place.count().await, Count::of(CALLS));
        }
        for kind in [Kind::Nats, Kind::Kafka, Kind::Kinesis] {
            through(kind).await;
        }
    });
}

async fn through(kind: Kind) {
    let (broker, place, folder) =
        (Broker::start(kind).await, Place::postgres().await, TempDir::new().unwrap());
    let (store, journal) = (place.open().await, journal(folder.path()));
    // As many streams as a gate of four cores has.
    for _ in 0..4 {
        calls(&journal, CALLS / 4);
    }
    let mut shipper = shipper(&journal, Sink::new(broker.address.clone(), &store));
    let begin = Instant::now();
    shipper.ship_all(tokio::time::Instant::now() + LONG).await.unwrap();
    tell(&format!("journal -> {kind:?}"), CALLS, begin);
    let worker = Worker::new(broker.address.clone(), store.clone(), worker::Settings::default()).unwrap();
    let (counters, stop) = (worker.counters(), CancellationToken::new());
    let begin = Instant::now();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { worker.run(&stop).await }
    });
    until("all is booked", async || counters.read().events == CALLS).await;
    tell(&format!("{kind:?} -> PostgreSQL"), CALLS, begin);
    stop.cancel();
    running.await.unwrap();
    assert_eq!(place.count().await, Count::of(CALLS));
}
