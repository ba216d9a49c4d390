use std::num::NonZeroU32;
use std::sync::Arc;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tollgate_ledger::sink::{Fault, SinkAddress};
use tollgate_ledger::worker::{Counters, Worked};
use tollgate_ledger::{Sink, Worker};
use tollgate_store::Store;

use crate::harness::broker::Kind;
use crate::harness::place::Count;
use crate::harness::server::Server;
use crate::harness::{Broker, Place, Proxy, block_on, calls, journal, quick_worker, ship, shipper, until};

/// A worker that runs until it is stopped or killed.
struct Running {
    counters: Arc<Counters>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(broker: &Broker, store: &Store) -> Self {
        let worker = Worker::new(broker.address.clone(), store.clone(), quick_worker()).unwrap();
        let (counters, stop) = (worker.counters(), CancellationToken::new());
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { worker.run(&stop).await }
        });
        Self { counters, stop, task }
    }

    fn worked(&self) -> Worked {
        self.counters.read()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Ends it as a kill does: nothing is given back.
    fn kill(self) {
        self.task.abort();
    }
}

#[test]
fn nats() {
    tell(Kind::Nats);
}

#[test]
fn kafka() {
    tell(Kind::Kafka);
}

#[test]
fn kinesis() {
    tell(Kind::Kinesis);
}

/// What every broker goes through, one after the other, as each takes a while to start.
fn tell(kind: Kind) {
    block_on(async {
        let (broker, place) = (Broker::start(kind).await, Place::postgres().await);
        let store = place.open().await;
        delivered_twice_counts_once(&broker, &store, &place).await;
        what_is_no_event_stands_in_nobodys_way(&broker, &store, &place).await;
        while_it_is_away_nothing_is_lost(&broker, &store, &place).await;
        of_two_workers_one_is_killed(&broker, &store, &place).await;
        store.close().await;
    });
}

async fn delivered_twice_counts_once(broker: &Broker, store: &Store, place: &Place) {
    let folder = TempDir::new().unwrap();
    let journal = journal(folder.path());
    calls(&journal, 1300);
    calls(&journal, 200);
    ship(&journal, broker, store).await;
    for stream in journal.streams() {
        std::fs::remove_file(folder.path().join(stream.to_string()).join("checkpoint")).unwrap();
    }
    ship(&journal, broker, store).await;
    let worker = Running::start(broker, store);
    let twice = |worked: Worked| worked.events == 1500 && worked.duplicates >= 1500;
    // NATS knows the ids again.
    let once = |worked: Worked| broker.kind == Kind::Nats && worked.events == 1500;
    until("all is booked", async || once(worker.worked()) || twice(worker.worked())).await;
    worker.stop().await;
    assert_eq!(place.count().await, Count::of(1500));
}

async fn what_is_no_event_stands_in_nobodys_way(broker: &Broker, store: &Store, place: &Place) {
    let folder = TempDir::new().unwrap();
    let journal = journal(folder.path());
    broker.send(b"").await;
    broker.send(&[0xff; 9000]).await;
    broker.send(br#"{"specversion":"1.0","type":"tollgate.usage","hash":"00","#).await;
    calls(&journal, 100);
    ship(&journal, broker, store).await;
    broker.send(br#"{"type":"a.thing.of.others"}"#).await;
    let worker = Running::start(broker, store);
    until("all is read", async || worker.worked().events == 100 && worker.worked().strays >= 4).await;
    worker.stop().await;
    assert_eq!(place.count().await, Count::of(1600));
    let kept = store.strays(NonZeroU32::new(100).unwrap()).await.unwrap();
    assert_eq!(kept.len(), 4);
    assert!(kept.iter().any(|stray| stray.size == 9000 && stray.bytes == [0xff; 4096]));
    assert!(kept.iter().any(|stray| stray.reason.contains("none of ours")));
}

async fn while_it_is_away_nothing_is_lost(broker: &Broker, store: &Store, place: &Place) {
    let folder = TempDir::new().unwrap();
    let journal = journal(folder.path());
    let worker = Running::start(broker, store);
    let mut shipper = shipper(&journal, Sink::new(broker.address.clone(), store));
    let (shipped, stop) = (shipper.counters(), CancellationToken::new());
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { shipper.run(&stop).await }
    });
    let shipped = || shipped.read(jiff::Timestamp::now());
    for outage in 1..=2 {
        calls(&journal, 600);
        until("something is shipped", async || shipped().events > 0).await;
        broker.proxy.cut();
        calls(&journal, 700);
        let failures = shipped().failures[0];
        until("shipping fails", async || shipped().failures[0] > failures).await;
        broker.proxy.mend();
        until("all is shipped", async || shipped().lag_events == 0 && shipped().events == 1300 * outage)
            .await;
        until("all is booked", async || worker.worked().events == 1300 * outage).await;
    }
    stop.cancel();
    running.await.unwrap();
    worker.stop().await;
    assert_eq!(place.count().await, Count::of(1600 + 2600));
}

async fn of_two_workers_one_is_killed(broker: &Broker, store: &Store, place: &Place) {
    let folder = TempDir::new().unwrap();
    let journal = journal(folder.path());
    let (one, other) = (Running::start(broker, store), Running::start(broker, store));
    if broker.kind != Kind::Nats {
        until("they share the parts", async || one.worked().parts > 0 && other.worked().parts > 0).await;
    }
    for _ in 0..8 {
        calls(&journal, 400);
    }
    ship(&journal, broker, store).await;
    until("something is booked", async || one.worked().events + other.worked().events > 0).await;
    let killed = one.worked().events;
    one.kill();
    for _ in 0..8 {
        calls(&journal, 50);
    }
    ship(&journal, broker, store).await;
    until("all is booked", async || place.count().await.events == 4200 + 3600).await;
    assert!(killed + other.worked().events <= 3600);
    other.stop().await;
    assert_eq!(place.count().await, Count::of(4200 + 3600));
}

#[test]
fn a_server_of_nats_that_is_started_again_goes_on() {
    block_on(async {
        let (place, folder) = (Place::sqlite(), TempDir::new().unwrap());
        let store = place.open().await;
        let journal = journal(place.folder.path());
        let mut proxy = Proxy::bind().await;
        let first = Server::broker(&["nats", "0", &folder.path().display().to_string()]);
        let address = format!("nats://127.0.0.1:{}/USAGE?retention=workqueue", proxy.port);
        let port = first.port();
        proxy.lead_to(port);
        let address = SinkAddress::parse(&address).unwrap();
        let broker = Broker { kind: Kind::Nats, address, proxy, server: first };
        let worker = Running::start(&broker, &store);
        calls(&journal, 300);
        ship(&journal, &broker, &store).await;
        let Broker { address, proxy, server, .. } = broker;
        drop(server);
        calls(&journal, 300);
        let server = Server::broker(&["nats", &port.to_string(), &folder.path().display().to_string()]);
        let broker = Broker { kind: Kind::Nats, address, proxy, server };
        ship(&journal, &broker, &store).await;
        until("all is booked", async || worker.worked().events == 600).await;
        worker.stop().await;
        assert_eq!(place.count().await, Count::of(600));
    });
}

#[test]
fn a_stream_of_nats_that_may_drop_messages_is_refused() {
    block_on(async {
        let (broker, place) = (Broker::start(Kind::Nats).await, Place::sqlite());
        let store = place.open().await;
        let context = async_nats::jetstream::new(broker.nats().await);
        let right = Config {
            subjects: vec!["tollgate.*".to_owned()],
            discard: DiscardPolicy::New,
            max_bytes: 1 << 20,
            storage: StorageType::File,
            ..Config::default()
        };
        let cases = [
            (right.clone(), None),
            (Config { retention: RetentionPolicy::WorkQueue, ..right.clone() }, None),
            (Config { discard: DiscardPolicy::Old, ..right.clone() }, Some("drops the oldest")),
            (Config { max_age: std::time::Duration::from_hours(1), ..right.clone() }, Some("certain age")),
            (Config { max_messages_per_subject: 5, ..right.clone() }, Some("of a subject")),
            (Config { retention: RetentionPolicy::Interest, ..right.clone() }, Some("while nobody reads")),
            (Config { subjects: vec!["other".to_owned()], ..right.clone() }, Some("does not take")),
            (Config { storage: StorageType::Memory, ..right.clone() }, Some("memory of one server")),
        ];
        // With the last stream the server deletes the folder of all of them, also while it makes another.
        let kept = Config { name: "KEPT".to_owned(), subjects: vec!["kept".to_owned()], ..right };
        context.create_stream(kept).await.unwrap();
        for (number, (config, expected)) in cases.into_iter().enumerate() {
            // The server may still be deleting the files of a stream of the same name.
            let name = format!("USAGE-{number}");
            let made = context.create_stream(Config { name: name.clone(), ..config }).await;
            made.unwrap_or_else(|error| panic!("{name}: {error}"));
            let address = format!("nats://127.0.0.1:{}/{name}", broker.proxy.port);
            let sink = Sink::new(SinkAddress::parse(&address).unwrap(), &store);
            let prepared = sink.prepare().await;
            match (prepared, expected) {
                (Ok(_), None) => {}
                (Err(error), Some(why)) => {
                    assert!(error.to_string().contains(why), "{error}");
                    assert_eq!(error.fault, Fault::Setup);
                }
                (prepared, expected) => panic!("{prepared:?} {expected:?}"),
            }
            context.delete_stream(name).await.unwrap();
        }
    });
}
