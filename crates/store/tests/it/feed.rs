//! Who reads which part of a feed, and what comes of it.

use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};
use tollgate_store::{Arrival, Conflict, Error, FeedWorker, PartHeld, Step, Store, Stray};

use crate::harness::{at, for_each_store};

fn worker(name: &str) -> FeedWorker {
    FeedWorker {
        feed: "kafka://a/usage".to_owned(),
        worker: name.to_owned(),
        lease: SignedDuration::from_mins(1),
    }
}

/// The parts that a worker gets at a time.
async fn held(store: &Store, name: &str, now: Timestamp) -> Vec<String> {
    let parts: Vec<String> = (0..5).map(|part| part.to_string()).collect();
    let held = store.lease_parts(&worker(name), &parts, now).await.unwrap();
    let mut held: Vec<String> = held.into_iter().map(|held| held.part).collect();
    held.sort();
    held
}

async fn step(store: &Store, name: &str, part: &str, position: &str) -> Result<(), Error> {
    let by = worker(name);
    let step = Some(Step { by: &by, part, position });
    store.book_arrival(Arrival { step, ..Arrival::default() }, at(0)).await.map(|_| ())
}

#[test]
fn workers_share_parts_and_take_over_those_of_the_dead() {
    for_each_store(async |store, _| {
        assert_eq!(held(&store, "a", at(0)).await, ["0", "1", "2", "3", "4"]);
        // All is somebody's, until whoever has it knows of the other one.
        assert_eq!(held(&store, "b", at(0)).await, Vec::<String>::new());
        assert_eq!(held(&store, "a", at(0)).await, ["0", "1", "2"]);
        assert_eq!(held(&store, "b", at(0)).await, ["3", "4"]);
        assert_eq!(held(&store, "a", at(0)).await, ["0", "1", "2"]);
        // A third one, and then one of them dies.
        assert_eq!(held(&store, "c", at(0)).await, Vec::<String>::new());
        assert_eq!(held(&store, "a", at(1)).await, ["0", "1"]);
        assert_eq!(held(&store, "c", at(1)).await, ["2"]);
        assert_eq!(held(&store, "a", at(2)).await, ["0", "1", "3"]);
        assert_eq!(held(&store, "c", at(2)).await, ["2", "4"]);
        // One says that it goes.
        store.leave_feed(&worker("c")).await.unwrap();
        assert_eq!(held(&store, "a", at(2)).await, ["0", "1", "2", "3", "4"]);
    });
}

/// As after an outage that was longer than a lease: nobody is alive, and all come back at once.
#[test]
fn workers_that_come_back_together_do_not_block_each_other() {
    for_each_store(async |store, _| {
        for round in 0..20 {
            let now = at(round * 10);
            let (a, b) = tokio::join!(held(&store, "a", now), held(&store, "b", now));
            assert_eq!(a.len() + b.len(), 5, "{a:?} {b:?}");
        }
    });
}

#[test]
fn what_a_worker_books_of_a_part_that_went_to_another_one_is_refused() {
    for_each_store(async |store, _| {
        assert_eq!(held(&store, "a", at(0)).await.len(), 5);
        step(&store, "a", "3", "100").await.unwrap();
        let taken = store.lease_parts(&worker("b"), &["3".to_owned()], at(2)).await.unwrap();
        assert_eq!(taken, [PartHeld { part: "3".to_owned(), position: Some("100".to_owned()) }]);
        let late = step(&store, "a", "3", "150").await;
        assert_eq!(late, Err(Error::Conflict(Conflict::Part("3".to_owned()))));
        step(&store, "b", "3", "120").await.unwrap();
        let held = store.lease_parts(&worker("b"), &["3".to_owned()], at(2)).await.unwrap();
        assert_eq!(held[0].position.as_deref(), Some("120"));
        assert!(step(&store, "b", "never heard of", "1").await.is_err());
    });
}

#[test]
fn what_is_no_event_is_kept_within_bounds() {
    for_each_store(async |store, _| {
        let stray = |position: usize| Stray {
            feed: "f".to_owned(),
            part: "0".to_owned(),
            position: position.to_string(),
            reason: "a reason with a \0".to_owned(),
            size: 9000,
            bytes: vec![0; 9000],
        };
        let keep = async |strays: &[Stray], now| {
            store.book_arrival(Arrival { strays, ..Arrival::default() }, now).await.unwrap();
        };
        keep(&[stray(1), stray(2)], at(0)).await;
        // They may come again.
        keep(&[stray(2), stray(3)], at(1)).await;
        let kept = store.strays(NonZeroU32::new(2).unwrap()).await.unwrap();
        let kept: Vec<_> =
            kept.iter().map(|stray| (&*stray.position, stray.size, stray.bytes.len())).collect();
        assert_eq!(kept, [("3", 9000, 4096), ("1", 9000, 4096)]);
        let many: Vec<Stray> =
            (10..10_100).map(|position| Stray { bytes: Vec::new(), ..stray(position) }).collect();
        keep(&many, at(2)).await;
        keep(&[stray(20_000)], at(3)).await;
        let kept = store.strays(NonZeroU32::new(20_000).unwrap()).await.unwrap();
        assert_eq!(kept.len(), 10_000);
    });
}
