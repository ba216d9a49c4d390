use jiff::SignedDuration;
use tollgate_core::usage::chain::Linked;
use tollgate_store::{AlarmKind, Paging, Retention, Scope, Store, UsageFilter, UsageVerdict};

use crate::audit::raw;
use crate::events::asking::all;
use crate::events::chain::{Chain, key};
use crate::harness::{Place, at, block_on, for_each_store};

/// Days after the fixed moment, in minutes.
fn day(days: i64) -> i64 {
    days * 1440
}

fn keep(days: i64) -> Retention {
    Retention {
        events: SignedDuration::from_hours(days * 24),
        minutes: SignedDuration::from_hours(days * 24),
    }
}

/// Events of four days, two thousand and one hundred of them on the first.
fn events(chain: &mut Chain) -> Vec<Linked> {
    let mut events: Vec<Linked> = (0..2100).map(|n| chain.call("a", n % 900)).collect();
    for days in 1..4 {
        events.push(chain.call("a", day(days)));
        events.push(chain.call("b", day(days)));
    }
    events
}

async fn kept(store: &Store) -> usize {
    let paging = Paging { limit: Some(1000), cursor: None };
    let none = UsageFilter::default();
    store.usage_events(Scope::All, &none, at(0), at(day(9)), &paging).await.unwrap().items.len()
}

#[test]
fn what_is_deleted_stays_counted_and_stays_known() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events = events(&mut chain);
        store.book(&events, &[chain.seal()], at(day(4))).await.unwrap();
        let before = all(&store, Scope::All).await;
        // Nothing is old enough; and at once after its day, nothing is final.
        assert_eq!(store.prune_usage(&keep(5), at(day(4))).await.unwrap().events, 0);
        assert_eq!(store.prune_usage(&keep(0), at(day(1))).await.unwrap().events, 0);
        let pruned = store.prune_usage(&keep(2), at(day(4))).await.unwrap();
        assert_eq!((pruned.events, kept(&store).await), (2102, 4));
        assert!(pruned.minutes >= 900, "{pruned:?}");
        assert_eq!(store.prune_usage(&keep(2), at(day(4))).await.unwrap(), Default::default());
        assert_eq!(all(&store, Scope::All).await, before);
        // What comes again is known, though it cannot be compared.
        let booked = store.book(&events, &[], at(day(4))).await.unwrap();
        assert_eq!((booked.inserted, booked.duplicates, booked.alarms.len()), (0, 2106, 0));
        assert_eq!(all(&store, Scope::All).await, before);
        let verdict = store.verify_usage(&[key()]).await.unwrap();
        assert_eq!(verdict, UsageVerdict::Whole { streams: 1, events: 4, seals: 1 });
        // Roll-ups are made anew only as far back as all of their events are there.
        let replayed = store.replay_usage().await.unwrap();
        assert_eq!((replayed.events, replayed.mended), (4, 0));
        assert_eq!(replayed.from.unwrap(), at(day(2) - 480));
        // A part of an hour needs minutes.
        let mut query = tollgate_store::UsageQuery {
            from: at(30),
            to: at(day(4)),
            period: None,
            zone: jiff::tz::TimeZone::UTC,
            by: Vec::new(),
            filter: UsageFilter::default(),
        };
        let why = store.usage(Scope::All, &query, &Paging::default()).await.unwrap_err().to_string();
        assert!(why.starts_with("`from` reaches to where no minutes are kept any more"), "{why}");
        query.from = at(60);
        store.usage(Scope::All, &query, &Paging::default()).await.unwrap();
        // The stream goes on behind what is deleted.
        let booked = store.book(&[chain.call("a", day(4))], &[chain.seal()], at(day(4))).await.unwrap();
        assert_eq!((booked.inserted, booked.alarms.len()), (1, 0));
        let verdict = store.verify_usage(&[key()]).await.unwrap();
        assert_eq!(verdict, UsageVerdict::Whole { streams: 1, events: 5, seals: 2 });
    });
}

#[test]
fn a_late_event_of_a_deleted_day_is_counted() {
    for_each_store(async |store, _| {
        let (mut one, mut two) = (Chain::new(0), Chain::new(1));
        store.book(&events(&mut one), &[], at(day(4))).await.unwrap();
        store.prune_usage(&keep(1), at(day(4))).await.unwrap();
        let before = all(&store, Scope::All).await.events();
        store.book(&[two.call("a", 5)], &[], at(day(4))).await.unwrap();
        assert_eq!(store.replay_usage().await.unwrap().mended, 0);
        assert_eq!(all(&store, Scope::All).await.events(), before + 1);
    });
}

#[test]
fn a_gap_before_deleted_events_is_given_up() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events: Vec<Linked> = (0..8).map(|n| chain.call("a", n)).collect();
        let some = [&events[..2], &events[4..5], &events[6..]].concat();
        store.book(&some, &[], at(60)).await.unwrap();
        let pruned = store.prune_usage(&keep(1), at(day(5))).await.unwrap();
        assert_eq!(pruned.events, 5);
        let alarms = store.usage_alarms(None, 100).await.unwrap().items;
        let lost: Vec<_> = alarms.iter().map(|alarm| (alarm.kind, alarm.seq, alarm.last)).collect();
        assert_eq!(lost, [(AlarmKind::Lost, 3, 4), (AlarmKind::Lost, 6, 6)]);
        let booked = store.book(&events, &[], at(day(5))).await.unwrap();
        assert_eq!((booked.inserted, booked.duplicates), (0, 8));
        let booked = store.book(&[chain.call("a", 9)], &[], at(day(5))).await.unwrap();
        assert_eq!((booked.inserted, booked.alarms.len()), (1, 0));
    });
}

#[test]
fn replaying_mends_what_is_wrong() {
    for_each_store(async |store, place| {
        let mut chain = Chain::new(0);
        store.book(&events(&mut chain), &[], at(day(4))).await.unwrap();
        let before = store.digests().await.unwrap();
        let replayed = store.replay_usage().await.unwrap();
        assert_eq!((replayed.events, replayed.mended, replayed.from), (2106, 0, None));
        let table = if place.is_postgres() { "tollgate.usage_rollups" } else { "usage_rollups" };
        for change in [
            format!("UPDATE {table} SET requests = requests + 1 WHERE span = 86400"),
            format!("DELETE FROM {table} WHERE span = 3600"),
            format!(
                "INSERT INTO {table} SELECT span, start + 604800000000, series, reported, counted, estimated, \
                     requests, compute_units, rows, tokens_in, tokens_out, tokens_cached, metered_request_bytes, \
                     metered_response_bytes, duration_ms, upstream_ms, durations, upstreams \
                     FROM {table} WHERE span = 60"
            ),
        ] {
            raw(place, change.leak()).await.unwrap();
            let changed = store.digests().await.unwrap();
            let compared = store.compare_usage().await.unwrap();
            assert_eq!(store.digests().await.unwrap(), changed, "to compare is to change nothing");
            assert_eq!(compared.first.len() as u64, compared.mended.min(100));
            assert!(compared.first.iter().all(|one| one.route == "chat" && one.model == "small"));
            assert_eq!(store.replay_usage().await.unwrap(), compared);
            assert!(compared.mended > 0);
            assert_eq!(store.digests().await.unwrap(), before);
        }
    });
}

/// What somebody did to the tables, and what is said of it then.
#[test]
fn what_is_changed_missing_or_added_is_named() {
    let check = |place: Place, change: &'static str, seq: u64, why: &str| {
        block_on(async {
            let store = place.open().await;
            let (mut first, mut second) = (Chain::new(0), Chain::new(1));
            let events = [first.calls(20), second.calls(20)].concat();
            store.book(&events, &[first.seal(), second.seal()], at(60)).await.unwrap();
            let whole = UsageVerdict::Whole { streams: 2, events: 40, seals: 2 };
            assert_eq!(store.verify_usage(&[key()]).await.unwrap(), whole);
            raw(&place, change).await.unwrap();
            let verdict = store.verify_usage(&[key()]).await.unwrap();
            let UsageVerdict::Broken { stream, seq: found, id, why: said } = verdict else {
                panic!("{change}")
            };
            assert_eq!((stream, found, said), (second.stream, seq, why), "{change}");
            let there = events.iter().find(|linked| (linked.event.stream, linked.event.seq) == (stream, seq));
            if let (Some(id), Some(there)) = (id, there) {
                assert_eq!(id, there.event.intent.id);
            }
            store.close().await;
        });
    };
    let hash = "its hash is not that of what it says and of the event before it";
    let cases = [
        ("UPDATE usage_events SET tokens_out = 1000 WHERE seq = 7 AND stream LIKE '%/1'", 7, hash),
        ("UPDATE usage_events SET tier = 'free' WHERE seq = 20 AND stream LIKE '%/1'", 20, hash),
        ("DELETE FROM usage_events WHERE seq = 7 AND stream LIKE '%/1'", 7, "it is missing"),
        ("DELETE FROM usage_events WHERE seq = 20 AND stream LIKE '%/1'", 20, "it is missing"),
        (
            "UPDATE usage_events SET seq = 21 WHERE seq = 20 AND stream LIKE '%/1'",
            21,
            "it was added: it was never booked",
        ),
        ("UPDATE usage_seals SET mac = hash WHERE stream LIKE '%/1'", 20, "the seal at it does not hold"),
        ("UPDATE usage_seals SET hash = mac WHERE stream LIKE '%/1'", 20, "the seal at it does not hold"),
    ];
    for (change, seq, why) in cases {
        check(Place::sqlite(), change, seq, why);
    }
    let change = "UPDATE tollgate.usage_events SET tokens_out = 1000 WHERE seq = 7 AND stream LIKE '%/1'";
    check(Place::postgres(), change, 7, hash);
}
