use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::Connection as _;
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tollgate_ledger::Sink;
use tollgate_ledger::shipper::Shipped;
use tollgate_ledger::sink::SinkAddress;
use tollgate_store::Store;

use crate::harness::place::Count;
use crate::harness::{LONG, Place, Proxy, block_on, call, calls, journal, leave, shipper, until};

const DIRECTORY: &str = "TOLLGATE_TEST_SHIPPED_JOURNAL";
const STORE: &str = "TOLLGATE_TEST_SHIPPED_STORE";
const ENDED: &str = "ended ";

fn store_sink(store: &Store) -> Sink {
    Sink::new(SinkAddress::Store, store)
}

#[test]
fn every_event_is_in_the_store_once() {
    block_on(async {
        for place in [Place::sqlite(), Place::postgres().await] {
            let store = place.open().await;
            for boot in 1..=3 {
                let journal = journal(place.folder.path());
                calls(&journal, 1700);
                calls(&journal, 30);
                let mut shipper = shipper(&journal, store_sink(&store));
                let counters = shipper.counters();
                shipper.ship_all(Instant::now() + LONG).await.unwrap();
                assert_eq!(place.count().await, Count::of(1730 * boot));
                let shipped = counters.read(jiff::Timestamp::now());
                // What earlier boots shipped is noted beside their events.
                assert_eq!(Shipped { batches: 0, ..shipped }, Shipped { events: 1730, ..Shipped::default() });
                drop(shipper);
                leave(journal).await;
            }
            store.close().await;
        }
    });
}

/// The seal at the end of a stream comes when its events may have been shipped long before.
#[test]
fn the_end_of_a_stream_is_shipped_before_the_process_ends() {
    block_on(async {
        let place = Place::sqlite();
        let store = place.open().await;
        let journal = journal(place.folder.path());
        let mut shipper = shipper(&journal, store_sink(&store));
        for round in 1..=20 {
            let stream = journal.stream().unwrap();
            (0..5).for_each(|number| call(&stream, number));
            let (counters, stop) = (shipper.counters(), CancellationToken::new());
            let shipped = async {
                let shipped = || counters.read(jiff::Timestamp::now()).events;
                until("the events are shipped", async || shipped() == 5 * round).await;
                stop.cancel();
            };
            tokio::join!(shipper.run(&stop), shipped);
            drop(stream);
            shipper.ship_all(Instant::now() + LONG).await.unwrap();
            assert_eq!(place.seals().await, i64::try_from(round).unwrap());
        }
    });
}

#[test]
fn what_was_not_noted_as_shipped_is_shipped_again_and_counts_once() {
    block_on(async {
        let place = Place::sqlite();
        let store = place.open().await;
        for _ in 0..2 {
            let journal = journal(place.folder.path());
            if journal.streams().is_empty() {
                calls(&journal, 500);
            }
            shipper(&journal, store_sink(&store)).ship_all(Instant::now() + LONG).await.unwrap();
            for stream in journal.streams() {
                std::fs::remove_file(place.folder.path().join(stream.to_string()).join("checkpoint"))
                    .unwrap();
            }
            leave(journal).await;
        }
        assert_eq!(place.count().await, Count::of(500));
    });
}

#[test]
fn alarms_of_the_store_are_counted() {
    block_on(async {
        let place = Place::sqlite();
        let store = place.open().await;
        let first = journal(place.folder.path());
        calls(&first, 5);
        shipper(&first, store_sink(&store)).ship_all(Instant::now() + LONG).await.unwrap();
        for stream in first.streams() {
            std::fs::remove_file(place.folder.path().join(stream.to_string()).join("checkpoint")).unwrap();
        }
        leave(first).await;
        // What comes again has nothing to be held against.
        let mut other = sqlx::SqliteConnection::connect(&place.url).await.unwrap();
        sqlx::raw_sql("DELETE FROM usage_blocks").execute(&mut other).await.unwrap();
        let again = journal(place.folder.path());
        let mut shipper = shipper(&again, store_sink(&store));
        let counters = shipper.counters();
        shipper.ship_all(Instant::now() + LONG).await.unwrap();
        assert_eq!(counters.read(jiff::Timestamp::now()).alarms, 5);
    });
}

#[test]
fn while_the_sink_is_away_events_wait_and_nothing_is_lost_nor_doubled() {
    block_on(async {
        let place = Place::postgres().await;
        let mut proxy = Proxy::bind().await;
        proxy.lead_to(place.port());
        let away = place.url.replace(&format!(":{}/", place.port()), &format!(":{}/", proxy.port));
        let store = Store::open(&away).await.unwrap();
        let journal = journal(place.folder.path());
        let mut shipper = shipper(&journal, store_sink(&store));
        let (counters, stop) = (shipper.counters(), CancellationToken::new());
        let running = tokio::spawn({
            let stop = stop.clone();
            async move {
                shipper.run(&stop).await;
                shipper
            }
        });
        let lag = || counters.read(jiff::Timestamp::now());
        for outage in 1..=3 {
            calls(&journal, 900);
            until("something is shipped", async || lag().events > 0).await;
            proxy.cut();
            calls(&journal, 1100);
            let failures = lag().failures[0];
            until("shipping fails", async || lag().failures[0] > failures && counters.is_away()).await;
            // What waits is counted at the end of a turn, thus after the failure.
            let waits = |lag: Shipped| lag.lag_events > 0 && lag.lag_seconds > 0 && lag.lag_bytes > 0;
            until("what waits is counted", async || waits(lag())).await;
            proxy.mend();
            until("all is shipped", async || lag().lag_events == 0 && lag().events == 2000 * outage).await;
            assert!(!counters.is_away());
        }
        assert_eq!(place.count().await, Count::of(6000));
        // At the end there is no time for what nobody takes: it is counted.
        stop.cancel();
        let mut shipper = running.await.unwrap();
        proxy.cut();
        calls(&journal, 70);
        let unshipped = shipper.ship_all(Instant::now() + Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(unshipped.events, 70);
    });
}

/// A sink that does not answer is one that is away, and what comes meanwhile is counted.
#[test]
fn while_the_sink_hangs_the_lag_grows() {
    block_on(async {
        let place = Place::postgres().await;
        let store = place.open().await;
        let journal = journal(place.folder.path());
        let mut other = sqlx::PgConnection::connect(&place.url).await.unwrap();
        sqlx::raw_sql("BEGIN; LOCK TABLE tollgate.usage_blocks IN EXCLUSIVE MODE")
            .execute(&mut other)
            .await
            .unwrap();
        let mut shipper = shipper(&journal, store_sink(&store));
        let (counters, stop) = (shipper.counters(), CancellationToken::new());
        let running = tokio::spawn(async move { shipper.run(&stop).await });
        let lag = || counters.read(jiff::Timestamp::now());
        calls(&journal, 10);
        until("events wait", async || lag().lag_events == 10).await;
        calls(&journal, 700);
        until("all of them are counted", async || lag().lag_events == 710 && lag().lag_seconds > 0).await;
        until("the sink counts as away", async || counters.is_away()).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        until("all is shipped", async || lag().events == 710 && lag().lag_events == 0).await;
        until("nothing waits", async || lag().lag_seconds == 0 && !counters.is_away()).await;
        running.abort();
    });
}

/// Nobody knows how old what cannot be read is, but since when it cannot be.
#[test]
fn what_cannot_be_read_waits_and_is_told() {
    block_on(async {
        let place = Place::sqlite();
        let store = place.open().await;
        let journal = journal(place.folder.path());
        calls(&journal, 20);
        let segment = place.folder.path().join(journal.streams()[0].to_string()).join("00000001.seg");
        let aside = segment.with_extension("aside");
        std::fs::rename(&segment, &aside).unwrap();
        std::fs::create_dir(&segment).unwrap();
        let mut shipper = shipper(&journal, store_sink(&store));
        let counters = shipper.counters();
        let running = tokio::spawn(async move { shipper.run(&CancellationToken::new()).await });
        let lag = || counters.read(jiff::Timestamp::now());
        until("it is told", async || lag().lag_events == 20 && lag().lag_seconds > 0).await;
        std::fs::remove_dir(&segment).unwrap();
        std::fs::rename(&aside, &segment).unwrap();
        until("all is shipped", async || lag().events == 20 && lag().lag_seconds == 0).await;
        running.abort();
    });
}

/// A process of its own that makes calls and ships them until somebody ends it, and says of each that it has ended.
#[test]
#[ignore = "another test runs it in a process of its own"]
fn child() {
    let journal = journal(std::env::var(DIRECTORY).unwrap().as_ref());
    block_on(async {
        let store = Store::open(&std::env::var(STORE).unwrap()).await.unwrap();
        let mut shipper = shipper(&journal, store_sink(&store));
        tokio::spawn(async move { shipper.run(&CancellationToken::new()).await });
        tokio::task::spawn_blocking(move || {
            for _ in 0.. {
                let stream = journal.stream().unwrap();
                for number in 0..40 {
                    call(&stream, number);
                    let mut output = std::io::stdout().lock();
                    writeln!(output, "\n{ENDED}").unwrap();
                    output.flush().unwrap();
                }
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_kill_while_shipping_loses_nothing_and_doubles_nothing() {
    let directory = TempDir::new().unwrap();
    let place = Place::sqlite();
    let mut ended = 0;
    for last in [1, 200, 900, 50, 1500] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "shipping::child", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .env(STORE, &place.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut found = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if line.starts_with(ENDED) {
                found += 1;
                if found == last {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert!(found >= last);
        ended += found;
    }
    block_on(async {
        let store = place.open().await;
        let journal = journal(directory.path());
        shipper(&journal, store_sink(&store)).ship_all(Instant::now() + LONG).await.unwrap();
        let count = place.count().await;
        let made: u64 = journal.streams().into_iter().map(|stream| journal.newest(stream)).sum();
        assert_eq!(count, Count::of(made));
        // Those of which nobody heard that they had ended, at most one of each process, are events, too.
        assert!((ended..=ended + 5).contains(&made), "{ended} {made}");
    });
}
