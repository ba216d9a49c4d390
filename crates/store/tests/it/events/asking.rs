use jiff::Timestamp;
use jiff::tz::TimeZone;
use tollgate_core::usage::chain::Linked;
use tollgate_core::usage::{Closing, Intent, Measure, Outcome, UsageEvent};
use tollgate_store::{
    Dimension, Error, Paging, Period, Scope, Store, UsageFilter, UsageQuery, UsageRow, UsageTotals, Used,
};

use crate::events::chain::{Chain, closing, intent};
use crate::harness::{api_key, at, consumer, for_each_store};

fn query(by: &[Dimension], period: Option<Period>) -> UsageQuery {
    UsageQuery {
        from: at(0),
        to: at(4000),
        period,
        zone: TimeZone::UTC,
        by: by.to_vec(),
        filter: UsageFilter::default(),
    }
}

/// Asks for the sum of nine days.
pub fn everything() -> UsageQuery {
    UsageQuery { to: at(12_960), ..query(&[], None) }
}

/// What everything comes to.
pub async fn all(store: &Store, scope: Scope) -> UsageTotals {
    let report = store.usage(scope, &everything(), &Paging::default()).await.unwrap();
    report.items.into_iter().next().map(|row| row.totals).unwrap_or_default()
}

/// Each row as its period, its values and its events.
async fn ask(store: &Store, query: &UsageQuery) -> Vec<String> {
    let mut paging = Paging { limit: Some(2), cursor: None };
    let mut rows = Vec::new();
    loop {
        let report = store.usage(Scope::All, query, &paging).await.unwrap();
        rows.extend(report.items.iter().map(show));
        paging.cursor = report.next;
        if paging.cursor.is_none() {
            return rows;
        }
        assert_eq!(report.items.len(), 2);
    }
}

fn show(row: &UsageRow) -> String {
    let start = row.start.map(|start| start.strftime("%dT%H:%M ").to_string()).unwrap_or_default();
    let values = row.values.iter().map(|value| value.as_deref().unwrap_or("-"));
    format!("{start}{}: {}", values.collect::<Vec<_>>().join(" "), row.totals.events())
}

/// Calls of two consumers on two models over three days, one of them by nobody who is known.
async fn fill(store: &Store) {
    let mut chain = Chain::new(0);
    let mut events = Vec::new();
    let mut call = |minute: i64, consumer: Option<&str>, model: Option<&str>, closing: &Closing| {
        let intent = Intent { consumer, model, ..intent(minute as u128, at(minute), "") };
        events.push(chain.next(&intent, closing));
    };
    let failed = Closing { status: None, outcome: Outcome::UpstreamError, ..closing(900, 0) };
    call(0, Some("a"), Some("small"), &closing(100, 5));
    call(1, Some("a"), Some("large"), &closing(300, 7));
    call(59, Some("b"), Some("small"), &closing(200, 1));
    call(1000, None, None, &failed);
    call(2000, Some("a"), Some("small"), &closing(50, 2));
    call(3999, Some("b"), Some("small"), &Closing { status: Some(404), ..closing(10, 0) });
    // Beyond the range.
    call(4000, Some("b"), Some("small"), &closing(10, 0));
    store.book(&events, &[], at(4000)).await.unwrap();
}

#[test]
fn usage_is_told_apart_as_asked() {
    for_each_store(async |store, _| {
        fill(&store).await;
        let check = async |query: &UsageQuery, expected: &[&str]| {
            assert_eq!(ask(&store, query).await, expected, "{query:?}");
        };
        check(&query(&[], None), &[": 6"]).await;
        check(&query(&[Dimension::Consumer], None), &["-: 1", "a: 3", "b: 2"]).await;
        let by = [Dimension::Model, Dimension::Status];
        let models = ["- -: 1", "large 200: 1", "small 200: 3", "small 404: 1"];
        check(&query(&by, None), &models).await;
        let outcomes = ["served: 5", "upstream_error: 1"];
        check(&query(&[Dimension::Outcome], None), &outcomes).await;
        // at(0) is 2027-01-15 08:00 in UTC.
        let mut by_day = query(&[], Some(Period::Day));
        check(&by_day, &["15T00:00 : 3", "16T00:00 : 2", "18T00:00 : 1"]).await;
        by_day.zone = TimeZone::get("America/New_York").unwrap();
        check(&by_day, &["15T05:00 : 4", "16T05:00 : 1", "17T05:00 : 1"]).await;
        let hours = query(&[Dimension::Consumer], Some(Period::Hour));
        let hours_expected =
            ["15T08:00 a: 2", "15T08:00 b: 1", "16T00:00 -: 1", "16T17:00 a: 1", "18T02:00 b: 1"];
        check(&hours, &hours_expected).await;
        let minutes = UsageQuery { to: at(60), ..query(&[], Some(Period::Minute)) };
        check(&minutes, &["15T08:00 : 1", "15T08:01 : 1", "15T08:59 : 1"]).await;
        let filter = UsageFilter { consumer: Some("a".to_owned()), ..UsageFilter::default() };
        check(&UsageQuery { filter, ..query(&[Dimension::Model], None) }, &["large: 1", "small: 2"]).await;
        let filter = UsageFilter {
            status: Some(404),
            outcome: Some(Outcome::Served),
            route: Some("chat".to_owned()),
            model: Some("small".to_owned()),
            account: Some("acme".to_owned()),
            credential: Some("key".to_owned()),
            ..UsageFilter::default()
        };
        check(&UsageQuery { filter, ..query(&[], None) }, &[": 1"]).await;
        check(&UsageQuery { to: at(0), ..query(&[], None) }, &[]).await;
    });
}

#[test]
fn totals_add_up() {
    for_each_store(async |store, _| {
        fill(&store).await;
        let report = store.usage(Scope::All, &query(&[], None), &Paging::default()).await.unwrap();
        let totals = &report.items[0].totals;
        assert_eq!((totals.events(), totals.qualities), (6, [6, 0, 0]));
        assert_eq!(totals.measures.of(Measure::Requests), Some(6));
        assert_eq!(totals.measures.of(Measure::TokensOut), Some(15));
        assert_eq!(totals.measures.of(Measure::TokensIn), None);
        assert_eq!((totals.duration_ms, totals.upstream_ms), (1560, 780));
        assert_eq!((totals.durations.count(), totals.durations.quantile(0)), (6, Some(10)));
        assert_eq!(report.as_of, Some(at(4000)));
    });
}

#[test]
fn what_cannot_be_answered_is_refused() {
    for_each_store(async |store, _| {
        let paged = |cursor: &str| Paging { cursor: Some(cursor.to_owned()), limit: None };
        let check = async |query: UsageQuery, paging: Paging, expected: &str| {
            let why = store.usage(Scope::All, &query, &paging).await.unwrap_err().to_string();
            assert_eq!(why, expected);
        };
        let plain = query(&[], None);
        let cursor = "`cursor` is not one that a list gave";
        check(UsageQuery { to: at(-1), ..plain.clone() }, Paging::default(), "`to` is before `from`").await;
        check(plain.clone(), paged("x"), cursor).await;
        check(plain.clone(), paged("W251bGwsWyJhIl1d"), cursor).await;
        check(plain.clone(), Paging { limit: Some(0), cursor: None }, "`limit` must be at least 1").await;
        let seconds = Timestamp::from_second(at(0).as_second() + 1).unwrap();
        check(UsageQuery { from: seconds, ..plain }, Paging::default(), "`from` must be a whole minute")
            .await;
        let none = UsageFilter::default();
        let why = store.usage_events(Scope::All, &none, at(0), at(1), &paged("1-x")).await.unwrap_err();
        assert_eq!(why.to_string(), cursor);
    });
}

#[test]
fn events_are_listed_in_the_order_of_time() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        // Two of them at the same moment, and none in the order in which they ended.
        let minutes = [5, 0, 9, 5, 3];
        let events: Vec<_> = minutes.iter().map(|minute| chain.call("a", *minute)).collect();
        store.book(&events, &[], at(60)).await.unwrap();
        let mut paging = Paging { limit: Some(2), cursor: None };
        let mut listed = Vec::new();
        loop {
            let none = UsageFilter::default();
            let page = store.usage_events(Scope::All, &none, at(0), at(9), &paging).await.unwrap();
            listed.extend(page.items);
            paging.cursor = page.next;
            if paging.cursor.is_none() {
                break;
            }
        }
        let expected = [1, 4, 0, 3].map(|index: usize| UsageEvent::from(events[index].event().unwrap()));
        assert_eq!(listed, expected);
        let filter = UsageFilter { status: Some(500), ..UsageFilter::default() };
        let page = store.usage_events(Scope::All, &filter, at(0), at(9), &Paging::default()).await.unwrap();
        assert_eq!(page.items, []);
    });
}

#[test]
fn a_list_goes_on_behind_any_event() {
    for_each_store(async |store, _| {
        // Blocks of three streams that overlap in time and in places; some events are of one moment.
        let mut chains = [Chain::new(0), Chain::new(1), Chain::new(2)];
        let mut events: Vec<Linked> = Vec::new();
        for n in 0..90 {
            let consumer = if n % 9 == 0 { "b" } else { "a" };
            events.push(chains[n % 3].call(consumer, n as i64 * 31 % 130));
        }
        for batch in events.chunks(8) {
            store.book(batch, &[], at(130)).await.unwrap();
        }
        events.sort_by_key(|linked| (linked.time_micros(), linked.id()));
        let events: Vec<UsageEvent> = events.iter().map(|linked| linked.event().unwrap().into()).collect();
        let list = async |filter: &UsageFilter, cursor: Option<String>, limit: u16| {
            let paging = Paging { cursor, limit: Some(limit) };
            store.usage_events(Scope::All, filter, at(0), at(200), &paging).await.unwrap()
        };
        let none = UsageFilter::default();
        let of_b = UsageFilter { consumer: Some("b".to_owned()), ..UsageFilter::default() };
        for (at, event) in events.iter().enumerate() {
            let cursor = format!("{}-{}", event.intent.time_micros, event.intent.id);
            let rest = &events[at + 1..];
            let page = list(&none, Some(cursor.clone()), 7).await;
            assert_eq!((&page.items[..], page.next.is_some()), (&rest[..rest.len().min(7)], rest.len() > 7));
            let b = rest.iter().filter(|event| event.intent.consumer.as_deref() == Some("b"));
            let page = list(&of_b, Some(cursor), 1000).await;
            assert!(page.items.iter().eq(b) && page.next.is_none());
        }
        assert_eq!(list(&none, None, 1000).await.items, events);
        let nobody = UsageFilter { consumer: Some("c".to_owned()), ..UsageFilter::default() };
        assert_eq!(list(&nobody, None, 1000).await.items, []);
        let some = store.usage_events(Scope::All, &none, at(10), at(70), &Paging::default()).await.unwrap();
        let within = |event: &&UsageEvent| {
            let time = Timestamp::from_microsecond(event.intent.time_micros as i64).unwrap();
            (at(10)..at(70)).contains(&time)
        };
        assert!(some.items.iter().eq(events.iter().filter(within)));
    });
}

#[test]
fn an_account_sees_its_own_usage() {
    for_each_store(async |store, _| {
        let (own, theirs) = (consumer(&store, "own").await, consumer(&store, "theirs").await);
        let key = api_key(&store, &own, "one").await;
        let (id, credential) = (own.account.to_string(), key.id.to_string());
        let mut chain = Chain::new(0);
        let mut events = Vec::new();
        for (minute, status) in [(0, 200), (1000, 500), (1999, 200)] {
            let intent = Intent {
                account: Some("own"),
                account_id: Some(id.as_str()),
                credential: Some(credential.as_str()),
                ..intent(minute as u128, at(minute), "own")
            };
            events.push(chain.next(&intent, &Closing { status: Some(status), ..closing(10, 1) }));
        }
        // An account of the file of the same name is another one.
        let filed = Intent { account: Some("own"), ..intent(4000, at(1), "filed") };
        events.push(chain.next(&filed, &closing(10, 1)));
        store.book(&events, &[], at(2000)).await.unwrap();
        assert_eq!(all(&store, Scope::All).await.events(), 4);
        assert_eq!(all(&store, Scope::Account(own.account)).await.events(), 3);
        let named = UsageFilter { account: Some("own".to_owned()), ..UsageFilter::default() };
        let by_name = UsageQuery { filter: named, ..query(&[], None) };
        assert_eq!(ask(&store, &by_name).await, [": 4"]);
        assert_eq!(all(&store, Scope::Account(theirs.account)).await.events(), 0);
        let (none, first) = (UsageFilter::default(), Paging::default());
        let mine = store.usage_events(Scope::Account(own.account), &none, at(0), at(4000), &first).await;
        assert_eq!(mine.unwrap().items.len(), 3);
        let other = store.usage_events(Scope::Account(theirs.account), &none, at(0), at(4000), &first).await;
        assert_eq!(other.unwrap().items.len(), 0);
        // The statistics of a key: at(960) is the beginning of a day, at(1980) that of an hour.
        let summary = store.usage_summary(Scope::All, key.id, at(960), at(1980)).await.unwrap();
        assert_eq!((summary.requests, summary.requests_today, summary.requests_this_hour), (3, 2, 1));
        assert_eq!((summary.errors, summary.timed, summary.response_us), (1, 3, 30_000));
        assert_eq!((summary.endpoints.len(), summary.endpoints[0].requests), (1, 3));
        let why = store.usage_summary(Scope::Account(theirs.account), key.id, at(0), at(0)).await;
        assert_eq!(why, Err(Error::NotFound("credential")));
        let filed = Used::Declared { id: "key".to_owned(), account: None };
        let summary = store.usage_summary(Scope::All, filed.clone(), at(0), at(0)).await.unwrap();
        assert_eq!(summary.requests, 1);
        let why = store.usage_summary(Scope::Account(own.account), filed, at(0), at(0)).await;
        assert_eq!(why, Err(Error::NotFound("credential")));
    });
}
