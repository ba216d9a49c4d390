use tollgate_core::usage::chain::Linked;
use tollgate_store::{Dimension, Paging, Retention, Scope, Store, UsageFilter, UsageQuery};

use crate::events::chain::{Chain, closing, intent};
use crate::harness::{at, for_each_store};

/// The next event: a call of a model with this credential and this status.
fn call(chain: &mut Chain, minute: i64, credential: &str, model: &str, status: u16) -> Linked {
    let number = u128::from(chain.head.seq + 1);
    let intent = tollgate_core::usage::Intent {
        credential: Some(credential),
        model: Some(model),
        ..intent(number, at(minute), "a")
    };
    let closing = tollgate_core::usage::Closing { status: Some(status), ..closing(1, 1) };
    chain.next(&intent, &closing)
}

/// How many calls of a credential each model has on the days after the fixed moment, as many as that.
async fn told(store: &Store, credential: &str, days: (i64, i64)) -> Vec<(String, u64)> {
    let filter = UsageFilter { credential: Some(credential.to_owned()), ..UsageFilter::default() };
    let (from, to) = (at(days.0 * 1440 - 480), at(days.1 * 1440 - 480));
    let zone = jiff::tz::TimeZone::UTC;
    let query = UsageQuery { from, to, period: None, zone, by: vec![Dimension::Model], filter };
    let (mut told, mut cursor) = (Vec::new(), None);
    loop {
        let paging = Paging { limit: Some(1000), cursor: cursor.take() };
        let report = store.usage(Scope::All, &query, &paging).await.unwrap();
        for row in report.items {
            told.push((row.values[0].clone().unwrap_or_default(), row.totals.events()));
        }
        match report.next {
            Some(next) => cursor = Some(next),
            None => return told,
        }
    }
}

fn of<'a>(told: &'a [(String, u64)], model: &str) -> Option<&'a u64> {
    told.iter().find(|(name, _)| name == model).map(|(_, events)| events)
}

#[test]
fn names_that_callers_invent_are_bounded_by_day_and_credential() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let mut events = vec![call(&mut chain, 0, "key", "real", 500)];
        for n in 0..1300 {
            events.push(call(&mut chain, n % 60, "key", &format!("invented-{n:04}"), 404));
        }
        store.book(&events, &[], at(60)).await.unwrap();
        store.roll_up_usage().await.unwrap();
        let first = told(&store, "key", (0, 1)).await;
        assert_eq!((first.len(), of(&first, "(other)")), (1001, Some(&301)));
        assert_eq!(first.iter().map(|(_, events)| events).sum::<u64>(), 1301, "no call is lost");
        // What a model answered to keeps its name, and other credentials and days have bounds of their own.
        let more = [
            call(&mut chain, 61, "key", "real", 200),
            call(&mut chain, 61, "key", "one-more", 404),
            call(&mut chain, 61, "key", "invented-0001", 404),
            call(&mut chain, 61, "other", "one-more", 404),
            call(&mut chain, 1440, "key", "one-more", 404),
            // In an hour of its own.
            call(&mut chain, 200, "key", "never-seen", 404),
        ];
        store.book(&more, &[], at(1440)).await.unwrap();
        let second = told(&store, "key", (0, 1)).await;
        assert_eq!((of(&second, "real"), of(&second, "(other)")), (Some(&1), Some(&303)));
        assert_eq!(of(&second, "invented-0001"), Some(&2));
        assert_eq!(told(&store, "other", (0, 1)).await, [("one-more".to_owned(), 1)]);
        assert_eq!(told(&store, "key", (1, 2)).await, [("one-more".to_owned(), 1)]);
        // Roll-ups that are made anew have the same names, and events have their own.
        assert_eq!(store.replay_usage().await.unwrap().mended, 0);
        for (model, events) in [("one-more", 3), ("never-seen", 1), ("nobodys", 0)] {
            let filter = UsageFilter { model: Some(model.to_owned()), ..UsageFilter::default() };
            let page = Paging::default();
            let listed = store.usage_events(Scope::All, &filter, at(0), at(9999), &page).await.unwrap();
            assert_eq!(listed.items.len(), events, "{model}");
        }
        // They are forgotten with the events, and the sums stay.
        let keep = Retention { events: jiff::SignedDuration::ZERO, ..Retention::default() };
        store.prune_usage(&keep, at(9999)).await.unwrap();
        let digests = store.digests().await.unwrap();
        let models = digests.iter().find(|table| table.table == "usage_models").unwrap();
        assert_eq!(models.rows, 0);
        assert_eq!(told(&store, "key", (0, 1)).await, second);
    });
}
