use proptest::prelude::*;
use tollgate_core::usage::UsageEvent;
use tollgate_core::usage::chain::{Linked, Seal};
use tollgate_store::{Alarm, AlarmKind, Paging, Scope, Store, TableDigest, UsageFilter, UsageVerdict};
use ulid::Ulid;

use crate::events::asking::all;
use crate::events::blocks;
use crate::events::chain::{Chain, change, closing, intent, key};
use crate::harness::{Place, at, block_on, for_each_store};

/// What a store says of what came: inserted, duplicates, and its alarms in words.
async fn book(store: &Store, events: &[Linked]) -> (u64, u64, Vec<String>) {
    let booked = store.book(events, &[], at(60)).await.unwrap();
    (booked.inserted, booked.duplicates, booked.alarms.iter().map(Alarm::to_string).collect())
}

async fn kinds(store: &Store) -> Vec<AlarmKind> {
    let alarms = store.usage_alarms(&Paging::default()).await.unwrap();
    alarms.items.into_iter().map(|alarm| alarm.kind).collect()
}

#[test]
fn an_event_goes_in_once() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events = chain.calls(10);
        let seals = [chain.seal()];
        let booked = store.book(&events, &seals, at(60)).await.unwrap();
        assert_eq!((booked.inserted, booked.duplicates, booked.alarms.len()), (10, 0, 0));
        let before = store.digests().await.unwrap();
        let twice = [&events[..], &events[..3]].concat();
        let booked = store.book(&twice, &seals, at(61)).await.unwrap();
        assert_eq!((booked.inserted, booked.duplicates, booked.alarms.len()), (0, 13, 0));
        assert_eq!(store.book(&[], &[], at(62)).await.unwrap(), tollgate_store::Booked::default());
        assert_eq!(store.digests().await.unwrap(), before);
    });
}

#[test]
fn an_event_with_other_content_never_overwrites() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events = chain.calls(3);
        book(&store, &events).await;
        let before = store.digests().await.unwrap();
        // The same id and place; the same id elsewhere; the same place with another id.
        let mut changed = events[1].clone();
        change(&mut changed, |event| event.closing.response_bytes += 1);
        let mut elsewhere = events[0].clone();
        change(&mut elsewhere, |event| event.seq = 4);
        let mut other = events[2].clone();
        change(&mut other, |event| event.intent.id = Ulid(99));
        let (inserted, duplicates, alarms) = book(&store, &[changed.clone(), elsewhere, other]).await;
        assert_eq!((inserted, duplicates, alarms.len()), (0, 0, 3), "{alarms:?}");
        let stream = chain.stream;
        let id = changed.id();
        assert!(alarms.contains(&format!("event 2 of `{stream}` (`{id}`) came with other content")));
        // The same alarm is raised once.
        assert_eq!(book(&store, &[changed]).await, (0, 0, vec![]));
        assert_eq!(kinds(&store).await, [AlarmKind::Changed; 3]);
        let after = store.digests().await.unwrap();
        let alarms = |table: &&TableDigest| table.table != "usage_alarms";
        assert!(before.iter().filter(alarms).eq(after.iter().filter(alarms)));
    });
}

#[test]
fn of_two_that_differ_in_one_batch_the_first_goes_in() {
    for_each_store(async |store, _| {
        let first = Chain::new(0).calls(1).remove(0);
        let mut second = first.clone();
        change(&mut second, |event| event.closing.duration_ms += 1);
        let (inserted, duplicates, alarms) = book(&store, &[first, second]).await;
        assert_eq!((inserted, duplicates, alarms.len()), (1, 0, 1));
    });
}

#[test]
fn an_id_is_booked_once_in_whatever_stream() {
    for_each_store(async |store, _| {
        let (mut one, mut two) = (Chain::new(0), Chain::new(1));
        let call = |chain: &mut Chain, id: u128| chain.next(&intent(id, at(0), "a"), &closing(1, 1));
        // Within one batch the first is booked, whose place is the lower one; in later ones whatever came before.
        let batch = [call(&mut one, 1), call(&mut one, 2), call(&mut two, 2), call(&mut two, 3)];
        let booked = store.book(&batch, &[], at(60)).await.unwrap();
        assert_eq!(booked.inserted, 3);
        let told: Vec<_> = booked.alarms.iter().map(|alarm| (alarm.kind, alarm.stream, alarm.seq)).collect();
        let (changed, gap) = (AlarmKind::Changed, AlarmKind::Gap);
        assert_eq!(told, [(changed, two.stream, 1), (gap, two.stream, 1)]);
        let batch = [call(&mut one, 4), call(&mut one, 3), call(&mut one, 5)];
        let booked = store.book(&batch, &[], at(60)).await.unwrap();
        assert_eq!(booked.inserted, 2);
        let told: Vec<_> = booked.alarms.iter().map(|alarm| (alarm.kind, alarm.stream, alarm.seq)).collect();
        assert_eq!(told, [(changed, one.stream, 4), (gap, one.stream, 4)]);
        assert_eq!(crate::events::asking::all(&store, Scope::All).await.events(), 5);
    });
}

/// Events that fill gaps far from each other, in a stream of many small blocks; one of them comes twice.
#[test]
fn what_comes_late_finds_its_place() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events: Vec<Linked> = (0..4000).map(|n| chain.call("a", n % 120 / 2)).collect();
        let late = |linked: &&Linked| linked.seq() % 997 == 3;
        let some: Vec<Linked> = events.iter().filter(|linked| !late(linked)).cloned().collect();
        for batch in some.chunks(190) {
            store.book(batch, &[], at(300)).await.unwrap();
        }
        assert_eq!(kinds(&store).await, [AlarmKind::Gap]);
        let some: Vec<Linked> = events.iter().filter(late).rev().cloned().collect();
        let both = [&some[..], &events[2000..2010], &events[..5]].concat();
        let (inserted, duplicates, alarms) = book(&store, &both).await;
        assert_eq!((inserted, duplicates), (5, 15));
        assert_eq!((alarms, kinds(&store).await), (vec![], vec![]));
        assert_eq!(book(&store, &events).await, (0, 4000, vec![]));
        let whole = UsageVerdict::Whole { streams: 1, events: 4000, seals: 0 };
        assert_eq!(store.verify_usage(&[], at(400)).await.unwrap(), whole);
        assert_eq!(store.replay_usage().await.unwrap().mended, 0);
    });
}

#[test]
fn a_gap_is_an_alarm_until_it_closes() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events = chain.calls(9);
        let stream = chain.stream;
        let gap = |first, last| vec![format!("events {first} to {last} of `{stream}` are missing")];
        assert_eq!(book(&store, &events[..2]).await, (2, 0, vec![]));
        assert_eq!(book(&store, &events[5..7]).await, (2, 0, gap(3, 5)));
        assert_eq!(book(&store, &events[7..]).await, (2, 0, vec![]));
        assert_eq!(book(&store, &events[2..3]).await, (1, 0, gap(4, 5)));
        assert_eq!(book(&store, &events[4..5]).await, (1, 0, gap(4, 4)));
        assert_eq!(kinds(&store).await, [AlarmKind::Gap]);
        assert_eq!(book(&store, &events[3..4]).await, (1, 0, vec![]));
        assert_eq!(kinds(&store).await, []);
        // The floor is at the end: all of it is known.
        assert_eq!(book(&store, &events).await, (0, 9, vec![]));
    });
}

/// What comes again is known by its id where it cannot be compared, and what is missing goes in.
#[test]
fn a_block_that_cannot_be_read_stops_no_event() {
    for_each_store(async |store, place| {
        let mut chain = Chain::new(0);
        let events = chain.calls(40);
        let missing = 12;
        let came = [&events[..missing], &events[missing + 1..20]].concat();
        store.book(&came, &[], at(60)).await.unwrap();
        all(&store, Scope::All).await;
        blocks::garble(place, chain.stream, |bytes| bytes.truncate(100)).await;
        let booked = store.book(&events, &[], at(60)).await.unwrap();
        assert_eq!((booked.inserted, booked.duplicates), (21, 19));
        assert_eq!(all(&store, Scope::All).await.events(), 40);
        let other = Chain::new(0).next(&intent(99, at(0), "a"), &closing(1, 1));
        let changed = store.book(&[other], &[], at(60)).await.unwrap();
        assert_eq!((changed.inserted, changed.alarms[0].kind), (0, AlarmKind::Changed));
        let again = store.book(&events, &[], at(60)).await.unwrap();
        assert_eq!((again.inserted, again.duplicates, again.alarms), (0, 40, vec![]));
    });
}

#[test]
fn an_event_from_the_future_is_told() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events = [chain.call("a", 65), chain.call("a", 66)];
        let (inserted, _, alarms) = book(&store, &events).await;
        assert_eq!((inserted, alarms.len()), (2, 1), "{alarms:?}");
        assert!(alarms[0].ends_with("is from the future"), "{alarms:?}");
        // A clock that is wrong is one thing, however many events it makes.
        let events: Vec<_> = (0..500).map(|_| chain.call("a", 70)).collect();
        assert_eq!(book(&store, &events).await.2.len(), 1);
        assert_eq!(book(&store, &events).await, (0, 500, vec![]));
    });
}

#[test]
fn an_event_without_a_place_is_told() {
    for_each_store(async |store, _| {
        let mut event = Chain::new(0).calls(1).remove(0);
        change(&mut event, |event| event.seq = 0);
        assert_eq!(book(&store, &[event]).await.2.len(), 1);
    });
}

#[test]
fn a_point_has_one_seal() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events = chain.calls(1);
        let seal = chain.seal();
        let other = Seal { mac: [0; 32], ..seal };
        let booked = store.book(&events, &[seal, seal], at(60)).await.unwrap();
        assert_eq!(booked.alarms, []);
        let booked = store.book(&[], &[other, seal], at(60)).await.unwrap();
        assert_eq!(booked.alarms.iter().map(|alarm| alarm.kind).collect::<Vec<_>>(), [AlarmKind::Seal]);
    });
}

#[test]
fn events_with_every_extreme_go_in_and_come_out_as_they_were() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(u16::MAX);
        let odd = tollgate_core::usage::Intent {
            account: None,
            account_id: Some("☂"),
            consumer: None,
            credential: Some("☂\0'\"\\N\t\n"),
            model: None,
            client_request_id: Some(""),
            tier: Some("x"),
            ..intent(u128::MAX, at(0), "")
        };
        let all = tollgate_core::usage::Measure::ALL;
        let measures =
            all.into_iter().fold(closing(0, 0).measures, |measures, one| measures.with(one, u64::MAX));
        let end = tollgate_core::usage::Closing {
            status: None,
            duration_ms: u64::MAX,
            measures,
            quality: tollgate_core::usage::Quality::Estimated,
            ..closing(0, 0)
        };
        let mut events = vec![chain.next(&odd, &end)];
        let again = tollgate_core::usage::Intent { id: Ulid(7), ..odd };
        events.push(chain.next(&again, &end));
        // More than fit into one statement.
        events.extend(chain.calls(300));
        let booked = store.book(&events, &[], at(400)).await.unwrap();
        assert_eq!((booked.inserted, booked.alarms.len()), (302, 0));
        assert_eq!(book(&store, &events).await, (0, 302, vec![]));
        let verdict = store.verify_usage(&[], at(400)).await.unwrap();
        assert!(matches!(verdict, UsageVerdict::Whole { events: 302, .. }), "{verdict:?}");
        assert_eq!(store.replay_usage().await.unwrap().mended, 0);
    });
}

#[test]
fn several_who_write_and_roll_up_neither_block_each_other_nor_lose_sums() {
    for_each_store(async |store, _| {
        let mut tasks = tokio::task::JoinSet::new();
        let mut seals = Vec::new();
        for number in 0..6 {
            let mut chain = Chain::new(number);
            let events = chain.calls(240);
            seals.push(chain.seal());
            // Each stream comes by two writers in other batches; all of them add to the same roll-ups.
            for size in [40, 60] {
                let (store, events) = (store.clone(), events.clone());
                tasks.spawn(async move {
                    for batch in events.chunks(size) {
                        store.book(batch, &[], at(600)).await.unwrap();
                    }
                });
            }
        }
        for _ in 0..2 {
            let store = store.clone();
            tasks.spawn(async move {
                for _ in 0..10 {
                    store.roll_up_usage().await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
        }
        tasks.join_all().await;
        store.book(&[], &seals, at(600)).await.unwrap();
        let replayed = store.replay_usage().await.unwrap();
        assert_eq!((replayed.events, replayed.mended), (6 * 240, 0));
        let total = crate::events::asking::all(&store, Scope::All).await;
        assert_eq!(total.events(), 6 * 240);
        assert!(!kinds(&store).await.contains(&AlarmKind::Changed));
    });
}

/// Everything that can be told of what is booked.
#[derive(Debug, PartialEq)]
struct Told {
    /// But for the blocks, which are as the batches were.
    tables: Vec<TableDigest>,
    listed: Vec<UsageEvent>,
    verdict: UsageVerdict,
    mended: u64,
}

/// Two streams over three hours, in which calls end in another order than they began.
fn two_streams() -> (Vec<Linked>, [Seal; 2]) {
    let (mut one, mut two) = (Chain::new(0), Chain::new(1));
    let mut events = Vec::new();
    for n in 0..30 {
        events.push(one.call("a", n * 37 % 180));
        events.push(two.call("b", n * 53 % 180));
    }
    (events, [one.seal(), two.seal()])
}

/// Books batches of these events in this order, and at last whatever did not come yet.
async fn told(place: &Place, batches: &[Vec<usize>]) -> Told {
    let store = place.open().await;
    let (events, seals) = two_streams();
    for batch in batches {
        let batch: Vec<Linked> = batch.iter().map(|index| events[*index].clone()).collect();
        let booked = store.book(&batch, &seals, at(200)).await.unwrap();
        assert_eq!(booked.inserted + booked.duplicates, batch.len() as u64);
    }
    store.book(&events, &seals, at(200)).await.unwrap();
    store.roll_up_usage().await.unwrap();
    let mut tables = store.digests().await.unwrap();
    tables.retain(|table| table.table != "usage_blocks");
    let (none, first) = (UsageFilter::default(), Paging::default());
    let listed = store.usage_events(Scope::All, &none, at(0), at(200), &first).await.unwrap().items;
    let verdict = store.verify_usage(&[key()], at(200)).await.unwrap();
    let mended = store.replay_usage().await.unwrap().mended;
    store.close().await;
    Told { tables, listed, verdict, mended }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_order_and_any_repetition_come_to_the_same(
        batches in prop::collection::vec(prop::collection::vec(0_usize..60, 1..25), 1..8)
    ) {
        for (place, plain) in [(Place::sqlite(), Place::sqlite()), (Place::postgres(), Place::postgres())] {
            let (found, expected) = block_on(async { (told(&place, &batches).await, told(&plain, &[]).await) });
            prop_assert_eq!(&found, &expected);
            let (mut events, _) = two_streams();
            events.sort_by_key(|linked| (linked.time_micros(), linked.id()));
            prop_assert!(events.iter().map(|linked| UsageEvent::from(linked.event().unwrap())).eq(found.listed));
            prop_assert_eq!(&found.verdict, &UsageVerdict::Whole { streams: 2, events: 60, seals: 2 });
            prop_assert_eq!(found.mended, 0);
        }
    }
}
