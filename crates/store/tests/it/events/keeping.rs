use jiff::SignedDuration;
use sqlx::Connection as _;
use tollgate_core::usage::chain::Linked;
use tollgate_store::{AlarmKind, Paging, Retention, Scope, Store, Stored, UsageFilter, UsageVerdict};

use crate::audit::raw;
use crate::events::asking::all;
use crate::events::blocks;
use crate::events::chain::{Chain, change, key};
use crate::events::waiting::rows;
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

/// A stream that cannot be read stays, and nothing else with it.
#[test]
fn what_is_damaged_stays_alone() {
    for_each_store(async |store, place| {
        let mut chains = [Chain::new(0), Chain::new(1), Chain::new(2)];
        for chain in &mut chains {
            let events = chain.calls(20);
            store.book(&events, &[], at(60)).await.unwrap();
        }
        all(&store, Scope::All).await;
        blocks::garble(place, chains[0].stream, |bytes| bytes.truncate(100)).await;
        assert!(store.prune_usage(&keep(2), at(day(9))).await.is_err());
        assert_eq!(rows(&store, "usage_blocks").await, 1);
    });
}

/// Events of a clock that was ahead do not keep those that came behind them.
#[test]
fn what_came_from_the_future_goes_with_what_is_old() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events = [(0, 5), (6, 30), (0, 5), (7, 5), (4, 5), (8, 5)];
        let events = events
            .map(|(days, count)| (0..count).map(|n| chain.call("a", day(days) + n)).collect::<Vec<_>>());
        store.book(&events.concat(), &[chain.seal()], at(day(4))).await.unwrap();
        let before = all(&store, Scope::All).await;
        // What is behind the last old one stays, whenever it says that it was.
        assert_eq!(store.prune_usage(&keep(2), at(day(4))).await.unwrap().events, 40);
        assert_eq!(kept(&store).await, 15);
        assert_eq!(all(&store, Scope::All).await, before);
        let verdict = store.verify_usage(&[key()], at(day(4))).await.unwrap();
        assert_eq!(verdict, UsageVerdict::Whole { streams: 1, events: 15, seals: 1 });
        let replayed = store.replay_usage().await.unwrap();
        assert_eq!((replayed.events, replayed.mended), (15, 0));
        assert_eq!(all(&store, Scope::All).await, before);
        // What comes again is known.
        let booked = store.book(&events.concat(), &[], at(day(4))).await.unwrap();
        assert_eq!((booked.inserted, booked.duplicates), (0, 55));
        assert_eq!(rows(&store, "usage_holes").await, 1);
        // Once that day is old, nothing of all this is left.
        assert_eq!(store.prune_usage(&keep(2), at(day(20))).await.unwrap().events, 15);
        assert_eq!(rows(&store, "usage_holes").await, 0);
    });
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
        let verdict = store.verify_usage(&[key()], at(day(4))).await.unwrap();
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
        let verdict = store.verify_usage(&[key()], at(day(4))).await.unwrap();
        assert_eq!(verdict, UsageVerdict::Whole { streams: 1, events: 5, seals: 2 });
    });
}

#[test]
fn of_the_seals_of_deleted_events_the_newest_stays() {
    for_each_store(async |store, _| {
        let (mut chain, mut other) = (Chain::new(0), Chain::new(1));
        let (mut events, mut seals) = (Vec::new(), Vec::new());
        for days in 0..4 {
            for minutes in 0..3 {
                events.push(chain.call("a", day(days) + minutes));
                seals.push(chain.seal());
            }
        }
        events.push(other.call("a", 0));
        seals.push(other.seal());
        store.book(&events, &seals, at(day(4))).await.unwrap();
        let pruned = store.prune_usage(&keep(2), at(day(4))).await.unwrap();
        assert_eq!((pruned.events, pruned.seals), (7, 5));
        let whole = UsageVerdict::Whole { streams: 2, events: 6, seals: 8 };
        assert_eq!(store.verify_usage(&[key()], at(day(9))).await.unwrap(), whole);
        // Seals that come again go again.
        store.book(&events, &seals, at(day(4))).await.unwrap();
        assert_eq!(store.prune_usage(&keep(2), at(day(4))).await.unwrap().seals, 5);
        let pruned = store.prune_usage(&keep(0), at(day(9))).await.unwrap();
        assert_eq!((pruned.events, pruned.seals), (6, 6));
        let whole = UsageVerdict::Whole { streams: 2, events: 0, seals: 2 };
        assert_eq!(store.verify_usage(&[key()], at(day(9))).await.unwrap(), whole);
        store.book(&[chain.call("a", day(9))], &[chain.seal()], at(day(9))).await.unwrap();
        let whole = UsageVerdict::Whole { streams: 2, events: 1, seals: 3 };
        assert_eq!(store.verify_usage(&[key()], at(day(10))).await.unwrap(), whole);
    });
}

#[test]
fn series_without_roll_ups_are_deleted() {
    for_each_store(async |store, place| {
        let mut chain = Chain::new(0);
        store.book(&[chain.call("a", 0), chain.call("b", 1)], &[], at(1)).await.unwrap();
        store.roll_up_usage().await.unwrap();
        assert_eq!(store.prune_usage(&keep(9), at(day(4))).await.unwrap(), Default::default());
        let gone = "DELETE FROM usage_rollups WHERE series IN \
                    (SELECT series FROM usage_series WHERE consumer = 'b')";
        raw(place, gone).await.unwrap();
        assert_eq!(store.prune_usage(&keep(9), at(day(4))).await.unwrap().series, 1);
        assert_eq!(store.replay_usage().await.unwrap().mended, 3);
        assert_eq!(all(&store, Scope::All).await.events(), 2);
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
        let alarms = store.usage_alarms(&Paging::default()).await.unwrap().items;
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
        store.roll_up_usage().await.unwrap();
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

/// Sums are nobody's without the names of their series.
#[test]
fn replaying_puts_names_right() {
    for_each_store(async |store, place| {
        let mut chain = Chain::new(0);
        store.book(&events(&mut chain), &[], at(day(4))).await.unwrap();
        store.roll_up_usage().await.unwrap();
        let before = store.digests().await.unwrap();
        let table = if place.is_postgres() { "tollgate.usage_series" } else { "usage_series" };
        let named = |name: &str| Some(Stored::Name(name.to_owned()));
        for (change, what, was, is) in [
            ("UPDATE {} SET consumer = 'c' WHERE consumer = 'a'", "consumer", named("c"), named("a")),
            ("UPDATE {} SET model = '' WHERE consumer = 'a'", "model", named(""), named("small")),
            ("UPDATE {} SET status = 70000 WHERE consumer = 'a'", "status", named("70000"), named("200")),
            ("DELETE FROM {} WHERE consumer = 'a'", "consumer", None, named("a")),
        ] {
            raw(place, change.replace("{}", table).leak()).await.unwrap();
            let changed = store.digests().await.unwrap();
            let compared = store.compare_usage().await.unwrap();
            assert_eq!(store.digests().await.unwrap(), changed, "to compare is to change nothing");
            let first = &compared.first[0];
            assert_eq!((first.time, first.what, &first.was, &first.is), (None, what, &was, &is));
            assert_eq!((compared.mended, compared.lost), (1, 0));
            assert_eq!(store.replay_usage().await.unwrap(), compared);
            assert_eq!(store.digests().await.unwrap(), before);
        }
        // Where the events are gone, nothing says what a name was.
        store.prune_usage(&keep(1), at(day(9))).await.unwrap();
        assert_eq!(store.replay_usage().await.unwrap().lost, 0);
        raw(place, format!("UPDATE {table} SET consumer = 'c' WHERE consumer = 'a'").leak()).await.unwrap();
        let replayed = store.replay_usage().await.unwrap();
        assert_eq!((replayed.mended, replayed.lost, replayed.first.len()), (0, 1, 1));
        assert_eq!(replayed.first[0].is, None);
    });
}

/// Sums that count more events than are there may be all that tells of those.
#[test]
fn replaying_takes_no_events_out_of_sums_unless_it_is_wanted() {
    for_each_store(async |store, place| {
        let mut chain = Chain::new(0);
        store.book(&events(&mut chain), &[], at(day(4))).await.unwrap();
        store.roll_up_usage().await.unwrap();
        let sums = rows(&store, "usage_rollups").await;
        let schema = if place.is_postgres() { "tollgate." } else { "" };
        // A block that is gone, and one that says another hour.
        let gone = format!(
            "DELETE FROM {schema}usage_blocks WHERE first = (SELECT max(first) FROM {schema}usage_blocks)"
        );
        let moved = format!(
            "UPDATE {schema}usage_blocks SET hour = hour + 3600000000 \
             WHERE first = (SELECT min(first) FROM {schema}usage_blocks)"
        );
        for change in [gone, moved] {
            raw(place, change.leak()).await.unwrap();
        }
        let compared = store.compare_usage().await.unwrap();
        assert_eq!(compared.short.len(), 2);
        let replayed = store.replay_usage().await.unwrap();
        assert_eq!((replayed.mended, replayed.short), (0, compared.short));
        assert_eq!(rows(&store, "usage_rollups").await, sums);
        // A name that is wrong on such a day is put right on the next one.
        let renamed = format!("UPDATE {schema}usage_series SET consumer = 'c' WHERE consumer = 'a'");
        raw(place, renamed.leak()).await.unwrap();
        assert_eq!(store.replay_usage().await.unwrap().mended, 1);
        assert_eq!(store.replay_usage().await.unwrap().mended, 0);
        assert!(store.lower_usage().await.unwrap().mended > 0);
        assert_eq!(store.replay_usage().await.unwrap().short, []);
    });
}

/// What no program of ours wrote is in nobody's way.
#[test]
fn replaying_replaces_what_cannot_be_read() {
    for_each_store(async |store, place| {
        let mut chain = Chain::new(0);
        store.book(&events(&mut chain), &[], at(day(4))).await.unwrap();
        store.roll_up_usage().await.unwrap();
        let before = store.digests().await.unwrap();
        let table = if place.is_postgres() { "tollgate.usage_rollups" } else { "usage_rollups" };
        for change in [
            "SET start = 9223372036854775807 - start % 1000000000",
            "SET start = -start",
            "SET requests = -1",
            "SET durations = series",
            "SET series = durations",
        ] {
            raw(place, format!("UPDATE {table} {change} WHERE span = 86400").leak()).await.unwrap();
            let replayed = store.replay_usage().await.unwrap();
            assert!(replayed.first.iter().any(|one| one.was == Some(Stored::Damaged)), "{replayed:?}");
            assert_eq!(replayed.lost, 0);
            assert_eq!(store.digests().await.unwrap(), before);
        }
        // Where the events are gone, it is told.
        store.prune_usage(&keep(1), at(day(9))).await.unwrap();
        assert_eq!(store.replay_usage().await.unwrap().lost, 0);
        for change in ["SET requests = -1", "SET series = durations"] {
            raw(place, format!("UPDATE {table} {change} WHERE span = 86400").leak()).await.unwrap();
            let told = store.compare_usage().await.unwrap();
            assert!(told.lost > 0 && told.mended == 0, "{told:?}");
        }
    });
}

/// Another process may delete what is old between two of its days.
#[test]
fn replaying_leaves_the_sums_of_what_is_deleted_meanwhile() {
    let place = Place::postgres();
    block_on(async {
        let store = place.open().await;
        store.book(&events(&mut Chain::new(0)), &[], at(day(4))).await.unwrap();
        store.roll_up_usage().await.unwrap();
        let before = rows(&store, "usage_rollups").await;
        let mut other = sqlx::PgConnection::connect(&place.url).await.unwrap();
        let hold = "BEGIN; LOCK TABLE tollgate.usage_waiting IN EXCLUSIVE MODE";
        sqlx::raw_sql(hold).execute(&mut other).await.unwrap();
        let delete = async {
            let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted \
                         AND relation = 'tollgate.usage_waiting'::regclass";
            while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut other).await.unwrap() == 0 {}
            let gone = "INSERT INTO tollgate.usage_floors VALUES (0, 9000000000000000); \
                        DELETE FROM tollgate.usage_blocks; COMMIT";
            sqlx::raw_sql(gone).execute(&mut other).await.unwrap();
        };
        let (replayed, ()) = tokio::join!(store.replay_usage(), delete);
        assert_eq!(replayed.unwrap().mended, 0);
        assert_eq!(rows(&store, "usage_rollups").await, before);
    });
}

/// What somebody did to the events of the second of two streams, which come as one block.
enum Tampering {
    Events(fn(&mut Vec<Linked>)),
    Bytes(fn(&mut Vec<u8>)),
    Added(fn(&[Linked]) -> Vec<Linked>),
    Table(&'static str),
}

/// What is said of it then: of which event, and why.
async fn verdict(place: &Place, tampering: &Tampering) -> (u64, &'static str) {
    let store = place.open().await;
    let (mut first, mut second) = (Chain::new(0), Chain::new(1));
    let events = [first.calls(20), second.calls(20)].concat();
    store.book(&events, &[first.seal(), second.seal()], at(60)).await.unwrap();
    let whole = UsageVerdict::Whole { streams: 2, events: 40, seals: 2 };
    assert_eq!(store.verify_usage(&[key()], at(day(4))).await.unwrap(), whole);
    match tampering {
        Tampering::Events(change) => blocks::tamper(place, second.stream, change).await,
        Tampering::Bytes(change) => blocks::garble(place, second.stream, change).await,
        Tampering::Added(made) => blocks::insert(place, &made(&events[20..])).await,
        Tampering::Table(change) => raw(place, change).await.unwrap(),
    }
    let verdict = store.verify_usage(&[key()], at(day(4))).await.unwrap();
    let UsageVerdict::Broken { stream, seq, id, why } = verdict else { panic!("{verdict:?}") };
    assert_eq!(stream, second.stream);
    let there = events.iter().find(|linked| (linked.stream(), linked.seq()) == (stream, seq));
    if let (Some(id), Some(there)) = (id, there) {
        assert_eq!(id, there.id());
    }
    store.close().await;
    (seq, why)
}

#[test]
fn what_is_changed_missing_or_added_is_named() {
    use Tampering::{Added, Bytes, Events, Table};
    let check = |tampering: Tampering, seq: u64, why: &str| {
        for place in [Place::sqlite(), Place::postgres()] {
            assert_eq!(block_on(verdict(&place, &tampering)), (seq, why), "{}", place.url);
        }
    };
    let hash = "its hash is not that of what it says and of the event before it";
    check(Events(|events| change(&mut events[6], |event| event.closing.response_bytes = 1000)), 7, hash);
    check(
        Events(|events| change(&mut events[19], |event| event.intent.tier = Some("free".into()))),
        20,
        hash,
    );
    check(Events(|events| events[0] = Linked::new(&events[0].event().unwrap(), [0; 32])), 1, hash);
    check(Events(|events| drop(events.remove(6))), 7, "it is missing");
    check(Events(|events| drop(events.remove(0))), 1, "it is missing");
    check(Events(|events| drop(events.pop())), 20, "it is missing");
    check(
        Events(|events| change(&mut events[19], |event| event.seq = 21)),
        21,
        "it was added: it was never booked",
    );
    let swap = |events: &mut Vec<Linked>| {
        events.swap(6, 7);
        let ids = [events[7].id(), events[6].id()];
        for (at, id) in [6, 7].into_iter().zip(ids) {
            change(&mut events[at], |event| (event.seq, event.intent.id) = (at as u64 + 1, id));
        }
    };
    check(Events(swap), 7, hash);
    check(Added(|events| vec![events[19].clone()]), 20, "it was added: it is there twice");
    check(Table("DELETE FROM usage_blocks WHERE stream LIKE '%/1'"), 1, "it is missing");
    let unread = "the block that begins with it cannot be read";
    check(Events(|events| events.swap(6, 7)), 1, unread);
    check(Bytes(|bytes| bytes.truncate(100)), 1, unread);
    check(Bytes(|bytes| bytes[0] = 2), 1, unread);
    check(Bytes(|bytes| bytes[1..5].fill(0xff)), 1, unread);
    check(Bytes(|bytes| bytes[5..].fill(0xff)), 1, unread);
    check(Bytes(Vec::clear), 1, unread);
    check(Table("UPDATE usage_blocks SET events = 19 WHERE stream LIKE '%/1'"), 1, unread);
    check(Table("UPDATE usage_blocks SET last_time = last_time + 1 WHERE stream LIKE '%/1'"), 1, unread);
    let sealed = "it is missing: a seal tells of it";
    let cut = "DELETE FROM usage_blocks WHERE stream LIKE '%/1'; \
               UPDATE usage_streams SET floor = 0, highest = 0 WHERE stream LIKE '%/1'";
    check(Table(cut), 1, sealed);
    let gone = "DELETE FROM usage_blocks WHERE stream LIKE '%/1'; \
                DELETE FROM usage_streams WHERE stream LIKE '%/1'";
    check(Table(gone), 20, sealed);
    let seal = "the seal at it does not hold";
    check(Table("UPDATE usage_seals SET mac = hash WHERE stream LIKE '%/1'"), 20, seal);
    check(Table("UPDATE usage_seals SET hash = mac WHERE stream LIKE '%/1'"), 20, seal);
}

#[test]
fn a_block_that_cannot_be_read_is_told_with_its_place() {
    for_each_store(async |store, place| {
        let mut chain = Chain::new(0);
        store.book(&chain.calls(20), &[], at(60)).await.unwrap();
        blocks::garble(place, chain.stream, |bytes| bytes[0] = 9).await;
        let (none, first) = (UsageFilter::default(), Paging::default());
        let listed = store.usage_events(Scope::All, &none, at(0), at(9), &first).await.unwrap_err();
        let expected = format!(
            "the database is damaged: the block of usage events of `{}` that begins with 1 is of a version that is \
             not known here; restore a backup",
            chain.stream
        );
        assert_eq!(listed.to_string(), expected);
        assert_eq!(store.replay_usage().await.unwrap_err(), listed);
        assert_eq!(store.prune_usage(&keep(0), at(day(9))).await.unwrap_err(), listed);
        // What has nothing to do with it goes on.
        store.book(&[chain.call("a", 21)], &[], at(60)).await.unwrap();
    });
}

/// A call that took long ends behind others that began after it: its day is old, and its place is not yet.
#[test]
fn a_block_is_cut_where_what_is_deleted_ends() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events: Vec<Linked> = [0, 1, day(2), 2, 3, day(2)].map(|minutes| chain.call("a", minutes)).into();
        store.book(&events, &[chain.seal()], at(day(3))).await.unwrap();
        let before = all(&store, Scope::All).await;
        assert_eq!(store.prune_usage(&keep(1), at(day(3))).await.unwrap().events, 2);
        let whole = UsageVerdict::Whole { streams: 1, events: 4, seals: 1 };
        assert_eq!(store.verify_usage(&[key()], at(day(4))).await.unwrap(), whole);
        let (none, first) = (UsageFilter::default(), Paging::default());
        let listed = store.usage_events(Scope::All, &none, at(0), at(day(9)), &first).await.unwrap().items;
        assert_eq!(listed.iter().map(|event| event.seq).collect::<Vec<_>>(), [4, 5, 3, 6]);
        let booked = store.book(&events, &[], at(day(3))).await.unwrap();
        assert_eq!((booked.inserted, booked.duplicates, booked.alarms.len()), (0, 6, 0));
        assert_eq!(all(&store, Scope::All).await, before);
        // An id that is deleted with its event may be anybody's.
        let mut other = events[0].clone();
        change(&mut other, |event| event.stream.number = 9);
        let mut kept = events[3].clone();
        change(&mut kept, |event| (event.stream.number, event.seq) = (9, 2));
        let booked = store.book(&[other, kept], &[], at(day(3))).await.unwrap();
        assert_eq!((booked.inserted, booked.alarms.len()), (1, 1));
        assert_eq!(store.prune_usage(&keep(0), at(day(9))).await.unwrap().events, 5);
    });
}
