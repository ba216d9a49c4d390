use jiff::SignedDuration;
use tollgate_core::authn::{hawk, jwt};
use tollgate_core::consumer::Name;
use tollgate_core::credential::Digest;
use tollgate_core::credential::api_key_text::{Environment, make};
use tollgate_store::{
    Consumer, ConsumerPatch, Credential, CredentialFilter, CredentialPatch, Kind, Lookup, NewCredential,
    NewProof, Paging, Plaintext, Scope, Secret, Set, State, Store,
};

use crate::harness::{Place, actor, api_key, at, change, consumer, for_each_store, name, refusal};

const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

/// An API key's proof, found as a request presents it.
pub fn lookup(key: &str) -> Lookup {
    Lookup::digest(Digest::of(key.as_bytes()))
}

pub async fn open_keys(store: &Store, place: &Place) {
    let path = place.folder.path().join("sealing-keys");
    store.open_sealing_keys(&path, &actor(), at(0)).await.unwrap();
}

async fn make_one(store: &Store, consumer: &Consumer, proof: NewProof) -> Credential {
    let new = NewCredential::new(consumer.id, "a key", proof);
    change(store, async |change| change.create_credential(Scope::All, new).await.unwrap()).await
}

fn hawk(id: &str, secret: &str) -> NewProof {
    NewProof::Hawk { id: id.to_owned(), algorithm: hawk::Algorithm::Sha256, secret: Plaintext::new(secret) }
}

#[test]
fn each_kind_is_stored_as_its_scheme_needs_it() {
    for_each_store(async |store, place| {
        open_keys(&store, place).await;
        let c = consumer(&store, "a").await;
        let text = make(Environment::Test, [3; 32]);
        let key = make_one(&store, &c, NewProof::api_key(&text)).await;
        assert_eq!(key.display.as_deref(), Some(&text[..12]));
        assert_eq!((key.environment.as_deref(), &key.secret), (Some("test"), &Secret::Lookup));
        let signer = NewProof::JwtPublic {
            key: "iss_a".to_owned(),
            algorithm: jwt::Algorithm::EdDsa,
            pem: PEM.to_owned(),
        };
        let public = make_one(&store, &c, signer).await;
        assert_eq!(public.secret, Secret::Public(PEM.to_owned()));
        let shared = NewProof::JwtSecret {
            key: "iss_b".to_owned(),
            algorithm: jwt::Algorithm::Hs256,
            secret: Plaintext::new("0123456789abcdef0123456789abcdef"),
        };
        let sealed = make_one(&store, &c, shared).await;
        let mac = make_one(&store, &c, hawk("dh37", "werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn")).await;
        assert_eq!(mac.algorithm.as_deref(), Some("sha256"));
        let kinds =
            [(Kind::Jwt, "iss_a", &public), (Kind::Jwt, "iss_b", &sealed), (Kind::Hawk, "dh37", &mac)];
        for (kind, id, expected) in kinds {
            let found = store.find_credential(Scope::All, kind, &Lookup::text(id).unwrap()).await.unwrap();
            assert_eq!(&found.unwrap().credential, expected);
        }
        let found = store.find_credential(Scope::All, Kind::ApiKey, &lookup(&text)).await.unwrap().unwrap();
        assert_eq!((&found.credential, &found.consumer), (&key, &c));
        assert_eq!(found.account.id, c.account);
        let secret = store.unseal(&sealed).unwrap();
        assert_eq!(secret.expose(), b"0123456789abcdef0123456789abcdef");
        let other = store.find_credential(Scope::All, Kind::Hawk, &Lookup::text("iss_a").unwrap()).await;
        assert_eq!(other.unwrap(), None);
    });
}

#[test]
fn a_secret_needs_a_sealing_key() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let new = NewCredential::new(c.id, "mac", hawk("dh37", "secret"));
        let why = refusal(&store, async |change| change.create_credential(Scope::All, new).await).await;
        assert_eq!(why, "no sealing key file is open");
    });
}

#[test]
fn bounds_are_told_by_field() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let check = async |change_it: fn(&mut NewCredential), expected: &str| {
            let mut new = NewCredential::new(c.id, "a key", NewProof::api_key("one"));
            change_it(&mut new);
            let why = refusal(&store, async |change| change.create_credential(Scope::All, new).await).await;
            assert!(why.starts_with(expected), "{why}");
        };
        check(|new| new.name.clear(), "`name` may not be empty").await;
        check(|new| new.name = "x".repeat(101), "`name` has at most 100 characters").await;
        check(|new| new.name = "a\nb".to_owned(), "`name` may hold no control characters").await;
        check(|new| new.rate_limit_per_hour = Some(0), "`rate_limit_per_hour` must be from 1 to 100000")
            .await;
        check(|new| new.rate_limit_per_hour = Some(100_001), "`rate_limit_per_hour` must be").await;
        check(|new| new.expires_at = Some(at(0)), "`expires_at` must be in the future").await;
        check(|new| new.networks = vec!["10.0.0.0/8".parse().unwrap(); 21], "`allowed_ips` has at most 20")
            .await;
        check(|new| new.scopes = Some(["a b"].into_iter().collect()), "`scopes` must be").await;
        let bad = |new: &mut NewCredential| {
            let (key, algorithm) = ("k".to_owned(), jwt::Algorithm::Rs256);
            new.proof = NewProof::JwtPublic { key, algorithm, pem: PEM.to_owned() };
        };
        check(bad, "`public_key` ").await;
        check(|new| new.service_id = Some(String::new()), "`service_id` may not be empty").await;
    });
}

#[test]
fn everything_that_is_said_is_kept() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let new = NewCredential {
            service_id: Some("platform".to_owned()),
            scopes: Some(["model:read"].into_iter().collect()),
            tier: Some(name("premium")),
            rate_limit_per_hour: Some(1000),
            networks: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            // Less than a microsecond is cut off, where it is made as where it is kept.
            expires_at: Some(at(60) + SignedDuration::from_nanos(7)),
            ..NewCredential::new(c.id, "naïve ☂", NewProof::api_key("one"))
        };
        let made =
            change(&store, async |change| change.create_credential(Scope::All, new).await.unwrap()).await;
        assert_eq!(store.credential(Scope::All, made.id).await.unwrap(), made);
        assert_eq!((made.name.as_str(), made.created_by.as_str()), ("naïve ☂", "test"));
        assert_eq!(made.networks.len(), 2);
        assert_eq!(made.state(at(59)), State::Live);
        assert_eq!(made.state(at(60)), State::Expired);
    });
}

#[test]
fn a_credential_is_changed_until_it_is_revoked() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let key = api_key(&store, &c, "one").await;
        let patch = CredentialPatch {
            name: Set::To("other".to_owned()),
            enabled: Set::To(false),
            rate_limit_per_hour: Set::To(Some(7)),
            ..CredentialPatch::default()
        };
        let update = async |patch: CredentialPatch| {
            change(&store, async |c| c.update_credential(Scope::All, key.id, patch).await.unwrap()).await
        };
        let after = update(patch).await;
        assert_eq!((after.name.as_str(), after.rate_limit_per_hour), ("other", Some(7)));
        assert_eq!(after.state(at(0)), State::Disabled);
        let enable = CredentialPatch { enabled: Set::To(true), ..CredentialPatch::default() };
        assert_eq!(update(enable.clone()).await.state(at(0)), State::Live);
        let revoke =
            async || change(&store, async |c| c.revoke_credential(Scope::All, key.id).await.unwrap()).await;
        let revoked = revoke().await;
        assert_eq!(revoked.state(at(0)), State::Revoked);
        assert_eq!(revoke().await, revoked);
        let why = refusal(&store, async |c| c.update_credential(Scope::All, key.id, enable).await).await;
        assert_eq!(why, "the credential is revoked");
    });
}

#[test]
fn consumer_and_account_have_a_say() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        api_key(&store, &c, "one").await;
        let state = async || {
            let found = store.find_credential(Scope::All, Kind::ApiKey, &lookup("one")).await.unwrap();
            found.unwrap().state(at(0))
        };
        let consumer = async |enabled: bool| {
            let patch = ConsumerPatch { enabled: Set::To(enabled), ..ConsumerPatch::default() };
            change(&store, async |ch| ch.update_consumer(Scope::All, c.id, patch).await.unwrap()).await
        };
        let account = async |enabled: bool| {
            change(&store, async |ch| ch.enable_account(Scope::All, c.account, enabled).await.unwrap()).await
        };
        assert_eq!(state().await, State::Live);
        consumer(false).await;
        assert_eq!(state().await, State::Disabled);
        consumer(true).await;
        account(false).await;
        assert_eq!(state().await, State::Disabled);
        account(true).await;
        assert_eq!(state().await, State::Live);
        change(&store, async |ch| ch.remove_consumer(Scope::All, c.id).await.unwrap()).await;
        assert_eq!(state().await, State::Revoked);
    });
}

#[test]
fn last_use_is_noted_without_a_change() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let key = api_key(&store, &c, "one").await;
        let rev = store.rev().await.unwrap();
        let touch = async |minutes: &[i64]| {
            let used: Vec<_> = minutes.iter().map(|minute| (key.id, at(*minute))).collect();
            store.touch_credentials(&used).await.unwrap();
            store.credential(Scope::All, key.id).await.unwrap().last_used_at
        };
        assert_eq!(touch(&[]).await, None);
        assert_eq!(touch(&[5, 9, 7]).await, Some(at(9)));
        assert_eq!(touch(&[3]).await, Some(at(9)));
        assert_eq!(touch(&[10]).await, Some(at(10)));
        assert_eq!(store.rev().await.unwrap(), rev);
        // A change of the credential does not lose it.
        let patch = CredentialPatch { name: Set::To("x".to_owned()), ..CredentialPatch::default() };
        change(&store, async |c| c.update_credential(Scope::All, key.id, patch).await.unwrap()).await;
        assert_eq!(touch(&[]).await, Some(at(10)));
    });
}

#[test]
fn lists_are_filtered() {
    for_each_store(async |store, _| {
        let (a, b) = (consumer(&store, "a").await, consumer(&store, "b").await);
        let one = api_key(&store, &a, "one").await;
        api_key(&store, &b, "two").await;
        let (key, algorithm) = ("iss".to_owned(), jwt::Algorithm::EdDsa);
        make_one(&store, &a, NewProof::JwtPublic { key, algorithm, pem: PEM.to_owned() }).await;
        change(&store, async |c| c.revoke_credential(Scope::All, one.id).await.unwrap()).await;
        let count = async |filter: CredentialFilter| {
            store.credentials(Scope::All, filter, &Paging::default()).await.unwrap().items.len()
        };
        let all = CredentialFilter { revoked: true, ..CredentialFilter::default() };
        assert_eq!(count(all).await, 3);
        assert_eq!(count(CredentialFilter::default()).await, 2);
        assert_eq!(count(CredentialFilter { consumer: Some(a.id), ..all }).await, 2);
        assert_eq!(count(CredentialFilter { kind: Some(Kind::ApiKey), ..all }).await, 2);
        let directory = store.load_directory(Scope::All, &Paging::default()).await.unwrap();
        assert_eq!(directory.items.len(), 2);
    });
}

#[test]
fn many_are_made_and_loaded_at_once() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let new = |from: u32, to: u32| -> Vec<NewCredential> {
            let key = |number| NewProof::api_key(&format!("key {number}"));
            (from..to).map(|number| NewCredential::new(c.id, format!("key {number}"), key(number))).collect()
        };
        let made =
            change(&store, async |change| change.create_credentials(Scope::All, new(0, 1200)).await.unwrap())
                .await;
        assert_eq!(store.rev().await.unwrap(), 1202);
        assert_eq!(made[1199].rev, 1202);
        let ids: Vec<_> = made.iter().map(|credential| credential.id).collect();
        let loaded = store.load_credentials(Scope::All, &ids).await.unwrap();
        assert_eq!(loaded.len(), 1200);
        let mut sorted = made.clone();
        sorted.sort_by_key(|credential| credential.id);
        assert!(loaded.iter().map(|found| &found.credential).eq(&sorted));
        // The last one of them is taken, so none is made.
        let why = refusal(&store, async |c| c.create_credentials(Scope::All, new(1199, 2400)).await).await;
        assert_eq!(why, "another `api_key` credential has the same key or id");
        let twice = [new(5000, 5001), new(5000, 5001)].concat();
        refusal(&store, async |c| c.create_credentials(Scope::All, twice).await).await;
        assert_eq!(store.rev().await.unwrap(), 1202);
    });
}

#[test]
fn the_end_may_move_only_by_a_patch() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let key = api_key(&store, &c, "one").await;
        let end = at(0) + SignedDuration::from_hours(24);
        let patch = CredentialPatch { expires_at: Set::To(Some(end)), ..CredentialPatch::default() };
        let after =
            change(&store, async |c| c.update_credential(Scope::All, key.id, patch).await.unwrap()).await;
        assert_eq!(
            (after.state(end - SignedDuration::from_secs(1)), after.state(end)),
            (State::Live, State::Expired)
        );
    });
}

#[test]
fn what_a_consumer_may_present_is_few_however_many_it_has() {
    for_each_store(async |store, place| {
        open_keys(&store, place).await;
        let (a, b) = (consumer(&store, "a").await, consumer(&store, "b").await);
        let first = api_key(&store, &a, "a-0").await;
        for more in 1..5 {
            api_key(&store, &a, &format!("a-{more}")).await;
        }
        let mac = make_one(&store, &a, hawk("dh37", "werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn")).await;
        let mut scoped = NewCredential::new(b.id, "a key", NewProof::api_key("b-0"));
        scoped.scopes = Some(["x"].into_iter().collect());
        scoped.expires_at = Some(at(10));
        let scoped =
            change(&store, async |change| change.create_credential(Scope::All, scoped).await.unwrap()).await;
        let check = async |scope, minutes, expected: &[&Credential]| {
            let found = store.live_variety(scope, &[a.id, b.id], at(minutes)).await.unwrap();
            let found: Vec<_> =
                found.into_iter().map(|found| (found.consumer.name, found.credential.kind)).collect();
            let owner = |one: &Credential| if one.consumer == a.id { a.name.clone() } else { b.name.clone() };
            // Ids of one millisecond have no order.
            let sorted = |mut list: Vec<(Name, Kind)>| {
                list.sort_by_key(|(name, kind)| (name.clone(), kind.as_str()));
                list
            };
            let expected = expected.iter().map(|one| (owner(one), one.kind)).collect();
            assert_eq!(sorted(found), sorted(expected));
        };
        check(Scope::All, 0, &[&first, &mac, &scoped]).await;
        check(Scope::All, 10, &[&first, &mac]).await;
        check(Scope::Account(b.account), 0, &[&scoped]).await;
        change(&store, async |change| change.revoke_credential(Scope::All, mac.id).await.unwrap()).await;
        check(Scope::All, 10, &[&first]).await;
    });
}
