//! Journals with events, empty stores, and brokers that can be cut off.

pub mod broker;
pub mod place;
pub mod proxy;
pub mod server;

use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::usage::{Closing, Intent, Outcome};
use tollgate_ledger::chain::SealKey;
use tollgate_ledger::journal::{Config, Entry, Opening, Stream};
use tollgate_ledger::{Journal, Shipper, Sink, shipper, worker};
use tollgate_store::Store;
use ulid::Ulid;

pub use broker::Broker;
pub use place::Place;
pub use proxy::Proxy;

/// Longer than anything here takes on a busy machine.
pub const LONG: Duration = Duration::from_secs(120);

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

pub fn journal(directory: &Path) -> Arc<Journal> {
    let key = SealKey::new(&[7; 32]);
    let journal = Journal::open(Config::new(directory, "gate-1", key)).unwrap();
    assert_eq!(journal.recover().unwrap().findings, []);
    Arc::new(journal)
}

/// Gives a journal up as a process does that ends: its streams are free to be adopted.
pub async fn leave(journal: Arc<Journal>) {
    // A look for old segments may still be under way, and holds it.
    until("nobody has the journal", async || Arc::strong_count(&journal) == 1).await;
}

/// Makes so many calls in a new stream, which ends with them.
pub fn calls(journal: &Journal, count: u64) {
    let stream = journal.stream().unwrap();
    for number in 0..count {
        call(&stream, number);
        if number % 64 == 0 {
            stream.tick(Duration::from_millis(number));
        }
    }
}

/// Makes a call in a stream.
pub fn call(stream: &Stream, number: u64) {
    let entry = loop {
        if let Ok(opening) = stream.open(&intent(stream, number))
            && let Some(entry) = opened(stream, opening)
        {
            break entry;
        }
        // The next segment is not made yet.
        std::thread::yield_now();
        stream.tick(Duration::ZERO);
    };
    let mut flushed = pin!(entry.close(&Closing::unknown(Outcome::Served)));
    stream.flush();
    while poll(flushed.as_mut()).is_pending() {
        std::thread::yield_now();
        stream.tick(Duration::ZERO);
    }
}

fn opened(stream: &Stream, opening: Opening) -> Option<Entry> {
    let mut opening = pin!(opening);
    stream.flush();
    loop {
        match poll(opening.as_mut()) {
            Poll::Ready(opened) => return opened.ok(),
            Poll::Pending => std::thread::yield_now(),
        }
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A call as a busy gate has them: 50 accounts with 500 keys, four models, half a millisecond apart.
fn intent(stream: &Stream, number: u64) -> Intent<String> {
    let time = 1_790_000_000_000_000 + number * 500;
    let mixed = number.wrapping_mul(2_654_435_761) >> 8;
    let own = (stream.id().boot.0 as u64).rotate_left(16) ^ u64::from(stream.id().number);
    Intent {
        id: Ulid::from_parts(time / 1000, u128::from(own) << 32 | u128::from(number)),
        time_micros: time,
        node: "gate-1".to_owned(),
        account: Some(format!("account-{}", mixed % 50)),
        account_id: Some("01JD3X4M5N6P7Q8R9STVWXYZ0A".to_owned()),
        consumer: Some(format!("consumer-{}", mixed % 500)),
        credential: Some(format!("01JD3X4M5N6P7Q8R9STVWX{:04}", mixed % 500)),
        route: "chat".to_owned(),
        model: Some(["small", "large", "embed", "vision"][(mixed / 500 % 4) as usize].to_owned()),
        method: "POST".to_owned(),
        path: "/v1/chat/completions".to_owned(),
        client_request_id: Some("0f8fad5b-d9cb-469f-a165-70867728950e".to_owned()),
        tier: None,
    }
}

/// A shipper that does not wait long for anything.
pub fn shipper(journal: &Arc<Journal>, sink: Sink) -> Shipper {
    let settings = shipper::Settings {
        linger: Duration::from_millis(20),
        shortest_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(200),
        patience: Duration::from_secs(20),
        ..shipper::Settings::default()
    };
    Shipper::new(journal.clone(), sink, settings)
}

/// Ships all that the journal has.
pub async fn ship(journal: &Arc<Journal>, broker: &Broker, store: &Store) {
    let mut shipper = shipper(journal, Sink::new(broker.address.clone(), store));
    shipper.ship_all(Instant::now() + LONG).await.unwrap();
}

pub fn quick_worker() -> worker::Settings {
    worker::Settings {
        linger: Duration::from_millis(100),
        lease: Duration::from_millis(1500),
        shortest_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(200),
        ..worker::Settings::default()
    }
}

/// Looks again and again whether something has come about.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    let mut turns = tokio::time::interval(Duration::from_millis(20));
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what}: it never came about");
        turns.tick().await;
    }
}
