use std::io::Write as _;
use std::time::Instant;

use jiff::SignedDuration;
use tollgate_core::usage::chain::Linked;
use tollgate_core::usage::{Intent, Outcome};

use crate::events::chain::{Chain, closing, intent};
use crate::harness::{Place, at, block_on};

/// Calls as a busy gate has them: two thousand a second of 500 keys, on four models, some of which fail.
fn busy(chain: &mut Chain, count: usize) -> Vec<Linked> {
    (0..count)
        .map(|_| {
            let number = chain.head.seq + 1;
            // Steps that visit every key and differ from one event to the next.
            let mixed = number.wrapping_mul(2_654_435_761) >> 8;
            let (account, key) =
                (format!("account-{}", mixed % 50), format!("01JD3X4M5N6P7Q8R9STVWX{:04}", mixed % 500));
            let model = ["small", "large", "embed", "vision"][(mixed / 500 % 4) as usize];
            let time = at(0) + SignedDuration::from_micros(number as i64 * 500);
            let id = (time.as_millisecond() as u128) << 80
                | u128::from(chain.stream.number) << 64
                | u128::from(number);
            let intent = Intent {
                account: Some(account.as_str()),
                account_id: Some("01JD3X4M5N6P7Q8R9STVWXYZ0A"),
                credential: Some(key.as_str()),
                model: Some(model),
                client_request_id: Some("0f8fad5b-d9cb-469f-a165-70867728950e"),
                ..intent(id, time, &key)
            };
            let mut closing = closing(mixed % 3000, mixed % 900);
            if mixed.is_multiple_of(37) {
                closing.outcome = Outcome::Cancelled;
            }
            chain.next(&intent, &closing)
        })
        .collect()
}

fn measure(place: &Place, batches: usize, size: usize, streams: u16) {
    block_on(async {
        let store = place.open().await;
        let mut work: Vec<Vec<Vec<Linked>>> = Vec::new();
        for number in 0..streams {
            let mut chain = Chain::new(number);
            work.push((0..batches).map(|_| busy(&mut chain, size)).collect());
        }
        let (begin, idle) = (Instant::now(), computed());
        let mut tasks = tokio::task::JoinSet::new();
        for batches in work {
            let store = store.clone();
            tasks.spawn(async move {
                for batch in batches {
                    let booked = store.book(&batch, &[], at(1000)).await.unwrap();
                    assert_eq!((booked.inserted, booked.alarms), (batch.len() as u64, Vec::new()));
                }
            });
        }
        tasks.join_all().await;
        let (took, computing) = (begin.elapsed(), computed() - idle);
        let events = batches * size * usize::from(streams);
        let rate = events as f64 / took.as_secs_f64();
        let name = if place.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let mut output = std::io::stderr();
        writeln!(
            output,
            "{name}: {events} events, {streams} writers, batches of {size}: {rate:.0} events/s; \
             this process computed {:.0} µs for each",
            computing * 1e6 / events as f64
        )
        .unwrap();
        store.close().await;
    });
}

/// What this process has computed so far, in seconds: user and system, the 14th and 15th field, in hundredths.
fn computed() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().unwrap() / 100.0).sum()
}

#[test]
#[ignore = "takes a minute and is for people: run it alone, with --release and --nocapture"]
fn how_many_events_a_second() {
    for size in [1000, 5000] {
        measure(&Place::sqlite(), 50_000 / size, size, 1);
        measure(&Place::postgres(), 100_000 / size, size, 1);
    }
    measure(&Place::postgres(), 10, 5000, 2);
}
