//! Blocks that wait to be rolled up.

use jiff::SignedDuration;
use sqlx::Connection as _;
use tollgate_core::usage::Intent;
use tollgate_store::{AlarmKind, Paging, Retention, Scope, Store};

use crate::audit::raw;
use crate::events::asking::{all, everything};
use crate::events::blocks;
use crate::events::chain::{Chain, closing, intent};
use crate::harness::{Place, at, block_on, for_each_store};

/// How many rows a table has.
pub async fn rows(store: &Store, table: &str) -> u64 {
    let tables = store.digests().await.unwrap();
    tables.into_iter().find(|digest| digest.table == table).unwrap().rows
}

#[test]
fn what_waits_is_in_every_sum() {
    for_each_store(async |store, _| {
        let (mut one, mut other) = (Chain::new(0), Chain::new(1));
        for asked in 1..=3 {
            store.book(&[one.calls(20), other.calls(5)].concat(), &[], at(60)).await.unwrap();
            assert_eq!(rows(&store, "usage_waiting").await, 2);
            assert_eq!(all(&store, Scope::All).await.events(), asked * 25);
            assert_eq!(rows(&store, "usage_waiting").await, 0);
        }
        assert_eq!(store.replay_usage().await.unwrap().mended, 0);
    });
}

#[test]
fn who_asks_a_store_that_cannot_be_written_is_told_how_old_the_sums_are() {
    let place = Place::sqlite();
    block_on(async {
        let store = place.open().await;
        let mut chain = Chain::new(0);
        store.book(&chain.calls(5), &[], at(60)).await.unwrap();
        assert_eq!(all(&store, Scope::All).await.events(), 5);
        let late = [chain.call("a", 30), chain.call("a", 20)];
        store.book(&late, &[], at(60)).await.unwrap();
        let mut other = sqlx::SqliteConnection::connect(&place.url).await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let report = store.usage(Scope::All, &everything(), &Paging::default()).await.unwrap();
        assert_eq!((report.items[0].totals.events(), report.as_of), (5, Some(at(20))));
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        let report = store.usage(Scope::All, &everything(), &Paging::default()).await.unwrap();
        assert_eq!((report.items[0].totals.events(), report.as_of), (7, Some(at(30))));
    });
}

#[test]
fn enough_events_are_rolled_up_while_they_are_booked() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        for batch in 1..=20 {
            assert_eq!(rows(&store, "usage_waiting").await, batch - 1);
            let events: Vec<_> = (0..1000).map(|_| chain.call("a", 1)).collect();
            store.book(&events, &[], at(60)).await.unwrap();
        }
        assert_eq!((rows(&store, "usage_waiting").await, rows(&store, "usage_rollups").await), (0, 3));
        assert_eq!(all(&store, Scope::All).await.events(), 20_000);
    });
}

#[test]
fn what_is_damaged_while_it_waits_is_told_and_stops_nothing() {
    for_each_store(async |store, place| {
        let mut chains = [Chain::new(0), Chain::new(1), Chain::new(2)];
        let events = chains.each_mut().map(|chain| chain.calls(20)).concat();
        store.book(&events, &[], at(60)).await.unwrap();
        blocks::garble(place, chains[0].stream, |bytes| bytes.truncate(100)).await;
        raw(place, "DELETE FROM usage_blocks WHERE stream LIKE '%/1'").await.unwrap();
        for asked in [20, 21] {
            assert_eq!(all(&store, Scope::All).await.events(), asked);
            let alarms = store.usage_alarms(&Paging::default()).await.unwrap().items;
            let told: Vec<_> =
                alarms.iter().map(|alarm| (alarm.kind, alarm.stream, alarm.seq, alarm.last)).collect();
            let expected = [0, 1].map(|number: usize| (AlarmKind::Damaged, chains[number].stream, 1, 20));
            assert_eq!(told, expected);
            store.book(&[chains[0].call("a", 21)], &[], at(60)).await.unwrap();
        }
        assert_eq!(
            store.usage_alarms(&Paging::default()).await.unwrap().items[0].to_string(),
            format!("events 1 to 20 of `{}` cannot be read and are in no sum", chains[0].stream)
        );
    });
}

#[test]
fn what_is_deleted_while_it_waits_stays_in_the_sums() {
    for_each_store(async |store, _| {
        let day = 24 * 60;
        let mut chain = Chain::new(0);
        let events = [0, 1, 2 * day, 2].map(|minutes| chain.call("a", minutes));
        store.book(&events, &[], at(3 * day)).await.unwrap();
        let keep = Retention { events: SignedDuration::from_hours(24), ..Retention::default() };
        assert_eq!(store.prune_usage(&keep, at(3 * day)).await.unwrap().events, 2);
        assert_eq!(rows(&store, "usage_waiting").await, 0);
        assert_eq!(all(&store, Scope::All).await.events(), 4);
    });
}

/// What one process brings in one order, the other one brings in the other order.
#[test]
fn processes_that_roll_up_together_do_not_wait_for_each_other() {
    let place = Place::postgres();
    block_on(async {
        let (one, other) = (place.open().await, place.open().await);
        for round in 0..5 {
            let book = async |store: &Store, number: u16, is_up: bool| {
                let mut chain = Chain::new(2 * round + number);
                // Enough hours for several blocks of names at once, and enough events for rolling up.
                let events: Vec<_> = (0..20_000)
                    .map(|n: i64| {
                        let hour = if is_up { n / 500 } else { 39 - n / 500 };
                        let consumer = format!("consumer-{hour}-{}", n % 5);
                        let id = u128::from(2 * round + number) << 64 | n as u128;
                        let model = format!("model-{round}-{hour}");
                        let intent = Intent {
                            model: Some(model.as_str()),
                            ..intent(id, at(hour % 20 * 60), &consumer)
                        };
                        chain.next(&intent, &closing(1, 1))
                    })
                    .collect();
                store.book(&events, &[], at(60)).await
            };
            let (up, down) = tokio::join!(book(&one, 0, true), book(&other, 1, false));
            assert_eq!((up.unwrap().inserted, down.unwrap().inserted), (20_000, 20_000));
        }
        one.roll_up_usage().await.unwrap();
        assert_eq!(one.replay_usage().await.unwrap().mended, 0);
    });
}
