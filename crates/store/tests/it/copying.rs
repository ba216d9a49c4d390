use std::os::unix::fs::PermissionsExt;

use jiff::SignedDuration;
use tollgate_core::authn::hawk;
use tollgate_store::{
    Answer, Arrival, Error, FeedWorker, FileUse, IdempotencyKey, Kind, Lookup, NewCredential, NewProof,
    Plaintext, Posting, PostingKind, QuotaKey, Reservations, Retention, Scope, Store, Stray, Verdict, copy,
};

use crate::audit::raw;
use crate::credentials::open_keys;
use crate::events::asking;
use crate::events::chain::Chain;
use crate::harness::{Place, account, actor, api_key, at, block_on, change, consumer, name};

/// A store with rows in every table.
async fn fill(store: &Store, place: &Place) {
    open_keys(store, place).await;
    let c = consumer(store, "many").await;
    let key = api_key(store, &c, "one").await;
    change(store, async |change| {
        let keys = (0..1100)
            .map(|n| NewCredential::new(c.id, format!("☂ {n}"), NewProof::api_key(&format!("k{n}"))));
        change.create_credentials(Scope::All, keys.collect()).await.unwrap();
        let digest = tollgate_core::credential::Digest::of(b"request");
        let once = IdempotencyKey::new(&actor(), "key", digest).unwrap();
        let answer = Answer { status: 201, body: serde_json::json!({ "id": 1 }) };
        change.remember(&once, &answer).await.unwrap();
    })
    .await;
    let proof = NewProof::Hawk {
        id: "dh37".to_owned(),
        algorithm: hawk::Algorithm::Sha256,
        secret: Plaintext::new("s3cret"),
    };
    let new = NewCredential::new(c.id, "mac", proof);
    change(store, async |change| change.create_credential(Scope::All, new).await.unwrap()).await;
    store.touch_credentials(&[(key.id, at(1))]).await.unwrap();
    let declared = FileUse { kind: Kind::ApiKey, lookup: Lookup::text("x").unwrap(), at: at(1) };
    store.touch_declared(&[declared]).await.unwrap();
    let quota = QuotaKey { account: c.account, subject: "requests".to_owned(), period_start: at(0) };
    store.add_quotas(Scope::All, &[(quota, 5)]).await.unwrap();
    store.post_usage(Scope::All, &[posting(key.id)]).await.unwrap();
    let mut chain = Chain::new(0);
    let events = chain.calls(1200);
    // The last but one is missing: an alarm.
    let events = [&events[..1198], &events[1199..]].concat();
    store.book(&events, &[chain.seal()], at(1200)).await.unwrap();
    // The clock of this one was ahead at first.
    let mut ahead = Chain::new(2);
    store.book(&[ahead.call("a", 9000 * 1440), ahead.call("a", -200 * 1440)], &[], at(1200)).await.unwrap();
    assert_eq!(store.prune_usage(&Retention::default(), at(1200)).await.unwrap().events, 2);
    store.roll_up_usage().await.unwrap();
    // This one waits.
    store.book(&[Chain::new(1).call("a", 0)], &[], at(1200)).await.unwrap();
    let worker = FeedWorker {
        feed: "kafka://a/usage".to_owned(),
        worker: "a".to_owned(),
        lease: SignedDuration::from_mins(1),
    };
    store.lease_parts(&worker, &["0".to_owned()], at(0)).await.unwrap();
    let stray = Stray {
        feed: worker.feed,
        part: "0".to_owned(),
        position: "7".to_owned(),
        reason: "is no event".to_owned(),
        size: 1,
        bytes: vec![0],
    };
    store.book_arrival(Arrival { strays: &[stray], ..Arrival::default() }, at(0)).await.unwrap();
    let mut reservations = Reservations::default();
    reservations.consumer(&name("of-the-file"));
    assert!(store.reserve("tollgate.yaml", &reservations).await.unwrap().is_empty());
}

fn posting(credential: tollgate_store::CredentialId) -> Posting {
    Posting {
        credential: credential.into(),
        kind: PostingKind::Usage,
        idempotency_key: None,
        received_at: at(0),
        endpoint: Some("/predict".to_owned()),
        model: None,
        service_id: None,
        status_code: Some(200),
        response_us: None,
        compute_us: None,
        predictions: None,
        body: "{}".to_owned(),
        names: None,
    }
}

#[test]
fn a_store_moves_from_either_database_to_the_other() {
    let check = |from: Place, to: Place| {
        block_on(async {
            let source = from.open().await;
            fill(&source, &from).await;
            let target = to.open().await;
            let copied = copy(&source, &target).await.unwrap();
            assert!(copied.iter().all(|table| table.rows > 0), "{copied:?}");
            assert_eq!(source.digests().await.unwrap(), target.digests().await.unwrap());
            assert!(matches!(target.verify_audit(None).await.unwrap(), Verdict::Whole(_)));
            let usage = asking::all(&source, Scope::All).await;
            assert_eq!((usage.events(), &usage), (1201, &asking::all(&target, Scope::All).await));
            assert_eq!(target.replay_usage().await.unwrap().mended, 0);
            let again = copy(&source, &target).await.unwrap_err().to_string();
            assert_eq!(again, "the target is not empty: it has rows in `head`");
            // With the same key file, what is sealed opens.
            let keys = from.folder.path().join("sealing-keys");
            target.open_sealing_keys(&keys, &actor(), at(0)).await.unwrap();
            let hawk = Lookup::text("dh37").unwrap();
            let found = target.find_credential(Scope::All, Kind::Hawk, &hawk).await.unwrap().unwrap();
            assert_eq!(target.unseal(&found.credential).unwrap().expose(), b"s3cret");
            // The copy goes on where the original stopped.
            account(&target, "later").await;
            assert_eq!(target.rev().await.unwrap(), source.rev().await.unwrap() + 1);
            assert_ne!(source.digests().await.unwrap(), target.digests().await.unwrap());
        });
    };
    check(Place::sqlite(), Place::postgres());
    check(Place::postgres(), Place::sqlite());
}

#[test]
fn a_target_in_use_is_refused_and_left_alone() {
    let (from, to) = (Place::sqlite(), Place::sqlite());
    block_on(async {
        let (source, target) = (from.open().await, to.open().await);
        account(&source, "a").await;
        account(&target, "b").await;
        let before = target.digests().await.unwrap();
        copy(&source, &target).await.unwrap_err();
        assert_eq!(target.digests().await.unwrap(), before);
    });
}

#[test]
fn a_backup_is_a_store_of_its_own() {
    let place = Place::sqlite();
    block_on(async {
        let store = place.open().await;
        fill(&store, &place).await;
        let path = place.folder.path().join("backup.db");
        store.backup(&path).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        account(&store, "later").await;
        let restored = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
        assert_eq!(restored.rev().await.unwrap() + 1, store.rev().await.unwrap());
        assert!(matches!(restored.verify_audit(None).await.unwrap(), Verdict::Whole(_)));
        let why = store.backup(&path).await.unwrap_err().to_string();
        assert!(why.ends_with("is there already"), "{why}");
        raw(&place, "PRAGMA integrity_check").await.unwrap();
    });
}

#[test]
fn postgres_has_its_own_backup() {
    let place = Place::postgres();
    block_on(async {
        let why = place.open().await.backup(&place.folder.path().join("x")).await.unwrap_err().to_string();
        assert!(why.contains("pg_dump"), "{why}");
    });
}

#[test]
fn a_gate_that_uses_the_store_is_noticed() {
    crate::harness::for_each_store(async |store, place| {
        let gate = place.open().await;
        let watch = gate.watch().await.unwrap();
        assert_eq!(store.alone().await.unwrap().is_none(), place.is_postgres());
        drop(watch);
        gate.close().await;
        // The server learns of the end of a connection, and of a transaction that is dropped, a moment later.
        let alone = async || loop {
            match store.alone().await.unwrap() {
                Some(alone) => break alone,
                None => tokio::task::yield_now().await,
            }
        };
        drop(alone().await);
        let alone = alone().await;
        // Nor does one begin to use it meanwhile.
        let gate = place.open().await;
        let began = gate.watch().await;
        assert_eq!(matches!(began, Err(Error::Locked(_))), place.is_postgres(), "{began:?}");
        drop((alone, began));
        while matches!(gate.watch().await, Err(Error::Locked(_))) {
            tokio::task::yield_now().await;
        }
        gate.close().await;
    });
}
