use jiff::{SignedDuration, Timestamp};
use tollgate_core::usage::StreamId;
use tollgate_core::usage::chain::Linked;
use tollgate_store::{Store, UsageVerdict};

use crate::audit::raw;
use crate::events::blocks;
use crate::events::chain::{Chain, change, closing, intent, key};
use crate::harness::{at, for_each_store};

fn seconds(seconds: i64) -> Timestamp {
    at(0) + SignedDuration::from_secs(seconds)
}

/// The next event: a call that began then and took so long.
fn call(chain: &mut Chain, begin: i64, took: u64) -> Linked {
    let number = u128::from(chain.stream.number) << 64 | u128::from(chain.head.seq + 1);
    chain.next(&intent(number, seconds(begin), "a"), &closing(took * 1000, 1))
}

/// The stream and the place of the first event without a seal; nothing where all that must have one has it.
async fn unsealed(store: &Store, now: Timestamp) -> Option<(StreamId, u64)> {
    match store.verify_usage(&[key()], now).await.unwrap() {
        UsageVerdict::Whole { .. } => None,
        UsageVerdict::Broken { stream, seq, id, why } => {
            assert_eq!(why, "it is not sealed, nor is what follows in its stream");
            assert!(id.is_some());
            Some((stream, seq))
        }
        other @ UsageVerdict::Uncounted { .. } => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_without_a_seal_is_named_once_one_must_have_come() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events = [call(&mut chain, 0, 1), call(&mut chain, 3, 1)];
        store.book(&events, &[], at(0)).await.unwrap();
        assert_eq!(unsealed(&store, seconds(61)).await, None);
        assert_eq!(unsealed(&store, seconds(62)).await, Some((chain.stream, 1)));
        // Whoever has no key cannot tell a seal from what looks like one, and asks for none.
        let verdict = store.verify_usage(&[], at(60)).await.unwrap();
        assert_eq!(verdict, UsageVerdict::Whole { streams: 1, events: 2, seals: 0 });
        store.book(&[], &[chain.seal()], at(0)).await.unwrap();
        assert_eq!(unsealed(&store, at(60)).await, None);
    });
}

#[test]
fn events_behind_the_newest_seal_are_few_and_end_together() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let first = call(&mut chain, 0, 0);
        store.book(&[first], &[chain.seal()], at(0)).await.unwrap();
        // A call that took an hour ends behind one that began after it.
        let late = [call(&mut chain, 3600, 1), call(&mut chain, 0, 3610)];
        store.book(&late, &[], at(61)).await.unwrap();
        assert_eq!(unsealed(&store, at(9999)).await, None);
        let later = call(&mut chain, 3662, 0);
        store.book(&[later], &[], at(62)).await.unwrap();
        assert_eq!(unsealed(&store, at(62)).await, Some((chain.stream, 2)));
        store.book(&[], &[chain.seal()], at(62)).await.unwrap();
        assert_eq!(unsealed(&store, at(62)).await, None);

        let many: Vec<Linked> = (0..2000).map(|_| call(&mut chain, 3700, 1)).collect();
        store.book(&many, &[], at(62)).await.unwrap();
        assert_eq!(unsealed(&store, at(62)).await, None);
        let one_more = call(&mut chain, 3700, 1);
        store.book(&[one_more], &[], at(62)).await.unwrap();
        assert_eq!(unsealed(&store, at(62)).await, Some((chain.stream, 5)));
    });
}

#[test]
fn a_chain_that_was_made_anew_without_seals_is_named() {
    for_each_store(async |store, place| {
        let (mut whole, mut forged) = (Chain::new(0), Chain::new(1));
        store.book(&whole.calls(20), &[whole.seal()], at(60)).await.unwrap();
        store.book(&forged.calls(20), &[forged.seal()], at(60)).await.unwrap();
        let mut anew = Chain::new(1);
        blocks::tamper(place, forged.stream, |events| {
            for linked in events {
                change(linked, |event| event.closing.response_bytes = 0);
                let next = anew.head.followed_by(&linked.event().unwrap());
                anew.head = next.head();
                *linked = next;
            }
        })
        .await;
        let verdict = store.verify_usage(&[key()], at(60)).await.unwrap();
        assert!(matches!(verdict, UsageVerdict::Broken { seq: 20, .. }), "{verdict:?}");
        raw(place, "DELETE FROM usage_seals WHERE stream LIKE '%/1'").await.unwrap();
        assert_eq!(unsealed(&store, at(60)).await, Some((forged.stream, 1)));
        // What is broken in any other stream is told before.
        blocks::tamper(place, whole.stream, |events| {
            change(&mut events[6], |event| event.closing.response_bytes = 0);
        })
        .await;
        let verdict = store.verify_usage(&[key()], at(60)).await.unwrap();
        let UsageVerdict::Broken { stream, seq: 7, .. } = verdict else { panic!("{verdict:?}") };
        assert_eq!(stream, whole.stream);
    });
}

#[test]
fn a_stream_that_was_taken_away_with_its_seals_is_missed_by_the_sums() {
    for_each_store(async |store, place| {
        let (mut one, mut two) = (Chain::new(0), Chain::new(1));
        store.book(&one.calls(20), &[one.seal()], at(60)).await.unwrap();
        store.book(&two.calls(7), &[two.seal()], at(60)).await.unwrap();
        let whole = UsageVerdict::Whole { streams: 2, events: 27, seals: 2 };
        // Whether it is in the roll-ups yet or waits.
        assert_eq!(store.verify_usage(&[key()], at(60)).await.unwrap(), whole);
        store.roll_up_usage().await.unwrap();
        assert_eq!(store.verify_usage(&[key()], at(60)).await.unwrap(), whole);
        for table in ["usage_blocks", "usage_seals", "usage_streams"] {
            raw(place, format!("DELETE FROM {table} WHERE stream LIKE '%/1'").leak()).await.unwrap();
        }
        let day = at(-480);
        let verdict = store.verify_usage(&[key()], at(60)).await.unwrap();
        assert_eq!(verdict, UsageVerdict::Uncounted { day, events: 20, counted: 27 });
    });
}
