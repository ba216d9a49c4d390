use tollgate_core::consumer::Name;
use tollgate_core::usage::chain::Head;
use tollgate_core::usage::{Closing, Intent, Outcome, StreamId, UsageEvent};
use tollgate_store::{
    AccountId, Actor, CredentialId, NewConsumer, NewCredential, NewProof, Paging, Posting, PostingKind,
    QuotaKey, Scope, UsageFilter, UsageQuery, UsageVerdict, Used,
};
use ulid::Ulid;

use super::*;
use crate::config::{self, source::Source};

/// The ledger of a file with this in it.
fn ledger(text: &str) -> config::process::Ledger {
    let text = format!(
        "upstreams: {{ m: {{ targets: [http://127.0.0.1:1] }} }}\n\
         routes: {{ r: {{ match: {{ path: /x }}, upstream: m, accept: [api_key] }} }}\nledger: {text}\n"
    );
    let source = Source::new("tollgate.yaml", text, std::path::Path::new("/nowhere"));
    config::compile(&source, &|_| None)
        .unwrap_or_else(|bad| unreachable!("{}", bad.render(false)))
        .process
        .ledger
}

/// A key of the store, made then.
async fn api_key(store: &Store, made: Timestamp) -> CredentialId {
    let mut change = store.change(&Actor::new("test").unwrap(), made).await.unwrap();
    let account = change.create_account(Scope::All, Name::new("a").unwrap()).await.unwrap().id;
    let new = NewConsumer { account, name: Name::new("a").unwrap(), tier: None, scopes: None };
    let consumer = change.create_consumer(Scope::All, new).await.unwrap();
    let new = NewCredential::new(consumer.id, "k", NewProof::api_key("a key"));
    let credential = change.create_credential(Scope::All, new).await.unwrap().id;
    change.commit().await.unwrap();
    credential
}

/// A call of it that a service reports.
fn report(credential: CredentialId, received_at: Timestamp) -> Posting {
    Posting {
        credential: Used::Stored(credential),
        kind: PostingKind::Usage,
        idempotency_key: None,
        received_at,
        endpoint: None,
        model: None,
        service_id: None,
        status_code: None,
        response_us: None,
        compute_us: None,
        predictions: None,
        body: "{}".to_owned(),
        names: None,
    }
}

#[tokio::test]
async fn events_go_when_the_file_says_and_sums_stay() {
    let settings = ledger("{ keep: 30d, max_bytes: 2GiB }");
    assert_eq!(settings.max_bytes, 2 << 30);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", folder.path().join("store.db").display())).await.unwrap();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let stream = StreamId { boot: Ulid(1), number: 0 };
    let (mut head, mut linked) = (Head::default(), Vec::new());
    for ago in [40, 32, 29, 0] {
        let time = now - SignedDuration::from_hours(24 * ago);
        let intent = Intent {
            id: Ulid(ago as u128),
            time_micros: u64::try_from(time.as_microsecond()).unwrap(),
            node: "gate-1",
            account: None,
            account_id: None,
            consumer: Some("a"),
            credential: None,
            route: "r",
            model: None,
            method: "GET",
            path: "/x",
            client_request_id: None,
            tier: None,
        };
        let event = UsageEvent::of(stream, head.seq + 1, &intent, &Closing::unknown(Outcome::Served));
        let next = head.followed_by(&event);
        head = next.head();
        linked.push(next);
    }
    store.book(&linked, &[], now).await.unwrap();
    let keep = SignedDuration::try_from(settings.keep).unwrap();
    tidy(&store, &Retention { events: keep, ..Retention::default() }, now).await.unwrap();
    let (filter, all) = (UsageFilter::default(), Paging::default());
    let kept = store.usage_events(Scope::All, &filter, Timestamp::MIN, Timestamp::MAX, &all).await.unwrap();
    assert_eq!(kept.items.iter().map(|event| event.intent.id.0).collect::<Vec<_>>(), [29, 0]);
    let day = SignedDuration::from_hours(24);
    let from = Timestamp::from_second(now.as_second() - now.as_second() % 86_400).unwrap();
    let query = UsageQuery {
        from: from - day * 50,
        to: from + day,
        period: None,
        zone: jiff::tz::TimeZone::UTC,
        by: Vec::new(),
        filter,
    };
    let sums = store.usage(Scope::All, &query, &all).await.unwrap();
    assert_eq!(sums.items[0].totals.events(), 4);
    assert!(matches!(store.verify_usage(&[], now).await.unwrap(), UsageVerdict::Whole { events: 2, .. }));
}

#[tokio::test]
async fn only_what_is_over_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", folder.path().join("store.db").display())).await.unwrap();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let days = |days: i64| now - SignedDuration::from_hours(24 * days);
    let credential = api_key(&store, days(500)).await;
    let posting = |ago| report(credential, days(ago));
    let old: Vec<Posting> = (0..1001).map(|_| posting(401)).collect();
    store.post_usage(Scope::All, &old).await.unwrap();
    store.post_usage(Scope::All, &[posting(399)]).await.unwrap();
    let counter = |ago| {
        let key =
            QuotaKey { account: AccountId::OF_THE_FILE, subject: "q".to_owned(), period_start: days(ago) };
        (key, 1)
    };
    store.add_quotas(Scope::All, &[counter(101), counter(99)]).await.unwrap();

    tidy(&store, &Retention::default(), now).await.unwrap();
    let kept = store.usage_postings(Scope::All, credential, &Paging::default()).await.unwrap().items;
    assert_eq!(kept.iter().map(|kept| kept.posting.received_at).collect::<Vec<_>>(), [days(399)]);
    let kept = store.quotas(Scope::All, Timestamp::MIN).await.unwrap();
    assert_eq!(kept.iter().map(|kept| kept.key.period_start).collect::<Vec<_>>(), [days(99)]);
    assert_eq!(store.rev().await.unwrap(), 3, "and the objects stay");
}

#[tokio::test]
async fn what_services_report_is_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", folder.path().join("store.db").display())).await.unwrap();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let (key, later) = (SealKey::new(&[7; 32]), now + SignedDuration::from_hours(1));
    let credential = api_key(&store, now).await;
    store.post_usage(Scope::All, &[report(credential, now)]).await.unwrap();
    let keys = [key.clone()];
    let retention = Retention::default();
    Turn::RollUp.of(&store, &retention, now, None).await.unwrap();
    let verdict = store.verify_usage(&keys, later).await.unwrap();
    assert!(matches!(verdict, UsageVerdict::Broken { seq: 1, .. }), "{verdict:?}");
    Turn::RollUp.of(&store, &retention, now, Some(&key)).await.unwrap();
    let whole = UsageVerdict::Whole { streams: 1, events: 1, seals: 1 };
    assert_eq!(store.verify_usage(&keys, later).await.unwrap(), whole);
}
