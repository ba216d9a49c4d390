use jiff::Timestamp;
use tollgate_core::usage::{Measure, Measures};
use tollgate_store::{
    AlarmKind, CredentialId, EndpointCount, Paging, Posted, Posting, PostingKind, Scope, UsageFilter,
    UsageVerdict, Used,
};

use crate::audit::raw;
use crate::events::chain::key;
use crate::harness::{api_key, at, consumer, for_each_store};

fn usage(credential: CredentialId, endpoint: &str, status: i64, minute: i64) -> Posting {
    Posting {
        credential: credential.into(),
        kind: PostingKind::Usage,
        idempotency_key: None,
        received_at: at(minute),
        endpoint: Some(endpoint.to_owned()),
        model: Some("21".to_owned()),
        service_id: Some("platform".to_owned()),
        status_code: Some(status),
        response_us: Some(1500),
        compute_us: None,
        predictions: None,
        body: format!(r#"{{"endpoint":"{endpoint}"}}"#),
        names: None,
    }
}

fn debit(credential: CredentialId, key: &str, body: &str) -> Posting {
    Posting {
        kind: PostingKind::Debit,
        idempotency_key: Some(key.to_owned()),
        body: body.to_owned(),
        ..usage(credential, "/predict", 0, 0)
    }
}

#[test]
fn a_debit_that_comes_again_is_counted_once() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let (one, two) = (api_key(&store, &c, "one").await.id, api_key(&store, &c, "two").await.id);
        let postings =
            [debit(one, "k", "a"), debit(one, "k", "a"), debit(one, "k", "b"), debit(two, "k", "b")];
        let posted = store.post_usage(Scope::All, &postings).await.unwrap();
        let Posted::New(first) = &posted[0] else { panic!("{posted:?}") };
        assert_eq!(posted[1], Posted::Repeated(first.clone()));
        assert_eq!(posted[2], Posted::Conflict);
        assert!(matches!(posted[3], Posted::New(_)), "{posted:?}");
        let alarms = store.usage_alarms(&Paging::default()).await.unwrap().items;
        let alarm = &alarms[0];
        assert_eq!((alarms.len(), alarm.kind, alarm.seq), (1, AlarmKind::Changed, 1));
        assert_eq!(alarm.id.unwrap().to_string(), *first);
        let again = store.post_usage(Scope::All, &postings[..1]).await.unwrap();
        assert_eq!(again, [Posted::Repeated(first.clone())]);
        // Usage has no key, and each is another call.
        let calls = vec![usage(one, "/predict", 200, 0); 2];
        let posted = store.post_usage(Scope::All, &calls).await.unwrap();
        assert!(posted.iter().all(|posted| matches!(posted, Posted::New(_))), "{posted:?}");
        let page = store.usage_postings(Scope::All, one, &Paging::default()).await.unwrap();
        assert_eq!(page.items.len(), 3);
        assert_eq!(page.items.iter().filter(|stored| stored.posting == postings[0]).count(), 1);
        assert_eq!(page.items[0].account, c.account);
    });
}

#[test]
fn a_debit_and_the_usage_that_follows_have_keys_of_their_own() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let key = api_key(&store, &c, "one").await.id;
        let follows = Posting { kind: PostingKind::Usage, ..debit(key, "k", "a") };
        let posted = store.post_usage(Scope::All, &[debit(key, "k", "a"), follows.clone()]).await.unwrap();
        let [Posted::New(debited), Posted::New(used)] = &posted[..] else { panic!("{posted:?}") };
        assert_ne!(debited, used);
        let again = store.post_usage(Scope::All, &[follows.clone(), debit(key, "k", "a")]).await.unwrap();
        assert_eq!(again, [Posted::Repeated(used.clone()), Posted::Repeated(debited.clone())]);
        let other = Posting { body: "b".to_owned(), ..follows };
        assert_eq!(store.post_usage(Scope::All, &[other]).await.unwrap(), [Posted::Conflict]);
        let alarms = store.usage_alarms(&Paging::default()).await.unwrap().items;
        assert_eq!((alarms.len(), &alarms[0].id.unwrap().to_string()), (1, used));
    });
}

#[test]
fn parallel_copies_of_a_debit_are_counted_once() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let key = api_key(&store, &c, "one").await.id;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            tasks.spawn(async move {
                store.post_usage(Scope::All, &[debit(key, "k", "a")]).await.unwrap().remove(0)
            });
        }
        let posted = tasks.join_all().await;
        assert_eq!(posted.iter().filter(|posted| matches!(posted, Posted::New(_))).count(), 1, "{posted:?}");
        assert!(!posted.contains(&Posted::Conflict));
    });
}

#[test]
fn unknown_credentials_are_told_apart() {
    for_each_store(async |store, _| {
        let (a, b) = (consumer(&store, "a").await, consumer(&store, "b").await);
        let key = api_key(&store, &a, "one").await.id;
        let nobody = "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let postings = [usage(key, "/x", 200, 0), usage(nobody, "/x", 200, 0)];
        let posted = store.post_usage(Scope::All, &postings).await.unwrap();
        assert!(matches!(posted.as_slice(), [Posted::New(_), Posted::NotFound]), "{posted:?}");
        let posted = store.post_usage(Scope::Account(b.account), &postings).await.unwrap();
        assert_eq!(posted, [Posted::NotFound, Posted::NotFound]);
        let bad = Posting { body: "x".repeat(20_000), ..usage(key, "/x", 200, 0) };
        let why = store.post_usage(Scope::All, &[usage(key, "/x", 200, 0), bad]).await.unwrap_err();
        assert_eq!(why.to_string(), "`body` has at most 16384 bytes");
        let page = store.usage_postings(Scope::All, key, &Paging::default()).await.unwrap();
        assert_eq!(page.items.len(), 1);
    });
}

#[test]
fn a_summary_adds_up() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let key = api_key(&store, &c, "one").await.id;
        let calls = [
            usage(key, "/a", 200, 0),
            usage(key, "/b", 500, 100),
            usage(key, "/b", 404, 200),
            Posting { response_us: None, ..usage(key, "/b", 200, 201) },
            debit(key, "k", "{}"),
        ];
        store.post_usage(Scope::All, &calls).await.unwrap();
        let summary = store.usage_summary(Scope::All, key, at(100), at(200)).await.unwrap();
        let counts = (summary.requests, summary.requests_today, summary.requests_this_hour);
        assert_eq!(counts, (4, 3, 2));
        assert_eq!((summary.errors, summary.timed, summary.response_us), (2, 3, 4500));
        let endpoint = |text: &str, requests| EndpointCount { endpoint: text.to_owned(), requests };
        assert_eq!(summary.endpoints, [endpoint("/b", 3), endpoint("/a", 1)]);
    });
}

#[test]
fn what_a_file_declares_is_posted_too() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let other = consumer(&store, "b").await;
        let key = api_key(&store, &c, "one").await.id;
        let declared = |id: &str, account| Used::Declared { id: id.to_owned(), account };
        let postings: Vec<Posting> = [
            declared("filed.api_key.1", Some(c.account)),
            declared("elsewhere.api_key.1", None),
            Used::Stored(key),
        ]
        .map(|credential| Posting { credential, ..debit(key, "k", "a") })
        .into();
        let posted = store.post_usage(Scope::Account(c.account), &postings).await.unwrap();
        assert!(matches!(&posted[..], [Posted::New(_), Posted::NotFound, Posted::New(_)]), "{posted:?}");
        let posted = store.post_usage(Scope::All, &postings).await.unwrap();
        assert!(
            matches!(&posted[..], [Posted::Repeated(_), Posted::New(_), Posted::Repeated(_)]),
            "{posted:?}"
        );
        for posting in &postings {
            let used = posting.credential.clone();
            let page = store.usage_postings(Scope::All, used, &Paging::default()).await.unwrap();
            assert_eq!(page.items.iter().map(|stored| &stored.posting).collect::<Vec<_>>(), [posting]);
        }
        let calls =
            vec![Posting { credential: postings[0].credential.clone(), ..usage(key, "/x", 200, 0) }; 2];
        store.post_usage(Scope::All, &calls).await.unwrap();
        let summary = async |scope| {
            let used = postings[0].credential.clone();
            store.usage_summary(scope, used, at(0), at(0)).await.map(|summary| summary.requests)
        };
        assert_eq!(summary(Scope::Account(c.account)).await.unwrap(), 2);
        assert!(summary(Scope::Account(other.account)).await.is_err());
    });
}

#[test]
fn what_is_reported_becomes_an_event_of_its_own() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let (one, two) = (api_key(&store, &c, "one").await.id, api_key(&store, &c, "two").await.id);
        let reported = Posting {
            idempotency_key: Some("k".to_owned()),
            compute_us: Some(2_500_000),
            predictions: Some(7),
            ..usage(one, "/predict", 200, 1)
        };
        // The call that the debit announces has its key; it is another posting.
        let debited = Posting {
            compute_us: Some(12_500),
            predictions: Some(3),
            ..debit(one, "k", r#"{"endpoint":"/predict"}"#)
        };
        let calls = [debited, reported.clone(), reported.clone(), usage(two, "/x", 500, 2)];
        let posted = store.post_usage(Scope::All, &calls).await.unwrap();
        store.post_usage(Scope::All, &calls[..3]).await.unwrap();
        let scope = Scope::Account(c.account);
        let filter = UsageFilter::default();
        let (from, to) = (Timestamp::MIN, Timestamp::MAX);
        let events = store.usage_events(scope, &filter, from, to, &Paging::default()).await.unwrap().items;
        let told: Vec<_> = events.iter().map(|event| (&*event.intent.route, &*event.intent.path)).collect();
        assert_eq!(told, [("@debited", "/predict"), ("@reported", "/predict"), ("@reported", "/x")]);
        let event = &events[1];
        let Posted::New(id) = &posted[1] else { panic!("{posted:?}") };
        assert_eq!(event.intent.id.to_string(), *id, "never the caller's own");
        let texts = [&event.intent.consumer, &event.intent.credential, &event.intent.client_request_id];
        assert_eq!(texts.map(|text| text.as_deref().unwrap().to_owned()), ["a", &one.to_string(), "k"]);
        let measures: Vec<_> =
            event.closing.measures.iter().map(|(what, value)| (what.as_str(), value)).collect();
        assert_eq!(measures, [("requests", 1), ("compute_units", 2_500_000), ("rows", 7)]);
        assert_eq!((event.closing.duration_ms, event.closing.upstream_ms), (1, 2500));
        let debited = Measures::default().with(Measure::ComputeUnits, 12_500).with(Measure::Rows, 3);
        assert_eq!(events[0].closing.measures, debited, "usage counts the call that a debit announces");
        let verdict = store.verify_usage(&[], at(10)).await.unwrap();
        assert!(matches!(verdict, UsageVerdict::Whole { events: 3, seals: 0, .. }), "{verdict:?}");
        assert_eq!(store.replay_usage().await.unwrap().mended, 0);
    });
}

#[test]
fn reports_are_sealed_as_far_as_they_go() {
    for_each_store(async |store, place| {
        let c = consumer(&store, "a").await;
        let credential = api_key(&store, &c, "one").await.id;
        assert_eq!(store.seal_reports(&key()).await.unwrap(), 0);
        store.post_usage(Scope::All, &vec![usage(credential, "/a", 200, 0); 3]).await.unwrap();
        let verdict = store.verify_usage(&[key()], at(60)).await.unwrap();
        assert!(matches!(verdict, UsageVerdict::Broken { seq: 1, .. }), "{verdict:?}");
        assert_eq!(store.seal_reports(&key()).await.unwrap(), 1);
        assert_eq!(store.seal_reports(&key()).await.unwrap(), 0);
        store.post_usage(Scope::All, &[usage(credential, "/a", 200, 1)]).await.unwrap();
        // Two gates may do it at once.
        let other = store.clone();
        let two = (key(), key());
        let (one, two) = tokio::join!(store.seal_reports(&two.0), other.seal_reports(&two.1));
        assert_eq!(one.unwrap() + two.unwrap(), 1);
        let whole = UsageVerdict::Whole { streams: 1, events: 4, seals: 2 };
        assert_eq!(store.verify_usage(&[key()], at(60)).await.unwrap(), whole);
        assert!(store.usage_alarms(&Paging::default()).await.unwrap().items.is_empty());
        raw(place, "UPDATE usage_seals SET hash = mac WHERE seq = 3").await.unwrap();
        let verdict = store.verify_usage(&[key()], at(60)).await.unwrap();
        assert!(matches!(verdict, UsageVerdict::Broken { seq: 3, .. }), "{verdict:?}");
    });
}
