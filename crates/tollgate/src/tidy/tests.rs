use tollgate_core::consumer::Name;
use tollgate_store::{
    AccountId, Actor, NewConsumer, NewCredential, NewProof, Paging, Posting, PostingKind, QuotaKey, Scope,
    Used,
};

use super::*;

#[tokio::test]
async fn only_what_is_over_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", folder.path().join("store.db").display())).await.unwrap();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let days = |days: i64| now - SignedDuration::from_hours(24 * days);
    let mut change = store.change(&Actor::new("test").unwrap(), days(500)).await.unwrap();
    let account = change.create_account(Scope::All, Name::new("a").unwrap()).await.unwrap().id;
    let new = NewConsumer { account, name: Name::new("a").unwrap(), tier: None, scopes: None };
    let consumer = change.create_consumer(Scope::All, new).await.unwrap();
    let new = NewCredential::new(consumer.id, "k", NewProof::api_key("a key"));
    let credential = change.create_credential(Scope::All, new).await.unwrap().id;
    change.commit().await.unwrap();
    let posting = |ago| Posting {
        credential: Used::Stored(credential),
        kind: PostingKind::Usage,
        idempotency_key: None,
        received_at: days(ago),
        endpoint: None,
        model: None,
        service_id: None,
        status_code: None,
        response_us: None,
        compute_us: None,
        predictions: None,
        body: "{}".to_owned(),
        names: None,
    };
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
