use tollgate_core::authn::hawk;
use tollgate_store::{
    CredentialPatch, Kind, NewCredential, NewProof, Plaintext, Rotation, Scope, Set, State,
};

use crate::credentials::lookup;
use crate::harness::{api_key, at, change, consumer, for_each_store, name, refusal};

fn rotation(key: &str) -> Rotation {
    Rotation { proof: NewProof::api_key(key), grace_until: None, expires_at: Set::Keep }
}

#[test]
fn without_grace_the_old_key_dies_at_once() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let mut new = NewCredential::new(c.id, "k", NewProof::api_key("one"));
        new.tier = Some(name("premium"));
        new.rate_limit_per_hour = Some(5);
        let old = change(&store, async |c| c.create_credential(Scope::All, new).await.unwrap()).await;
        let rotated =
            change(&store, async |c| c.rotate_credential(Scope::All, old.id, rotation("two")).await.unwrap())
                .await;
        assert_eq!((rotated.old.state(at(0)), rotated.new.state(at(0))), (State::Revoked, State::Live));
        assert_eq!(rotated.old.rotated_to, Some(rotated.new.id));
        assert_eq!(rotated.new.rotated_from, Some(old.id));
        assert_eq!((&rotated.new.tier, rotated.new.rate_limit_per_hour), (&old.tier, Some(5)));
        for (key, expected) in [("one", &rotated.old), ("two", &rotated.new)] {
            let found = store.find_credential(Scope::All, Kind::ApiKey, &lookup(key)).await.unwrap();
            assert_eq!(&found.unwrap().credential, expected);
        }
    });
}

#[test]
fn both_keys_live_until_the_grace_is_over() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let check = async |key: &str, expires: Option<i64>, grace: i64, end: i64| {
            let old = api_key(&store, &c, key).await;
            let patch =
                CredentialPatch { expires_at: Set::To(expires.map(at)), ..CredentialPatch::default() };
            change(&store, async |c| c.update_credential(Scope::All, old.id, patch).await.unwrap()).await;
            let rotation = Rotation { grace_until: Some(at(grace)), ..rotation(&format!("{key}, new")) };
            let rotated =
                change(&store, async |c| c.rotate_credential(Scope::All, old.id, rotation).await.unwrap())
                    .await;
            assert_eq!(rotated.old.valid_until, Some(at(end)));
            assert_eq!(rotated.old.state(at(end - 1)), State::Live);
            assert_ne!(rotated.old.state(at(end)), State::Live);
            assert_eq!(rotated.new.expires_at, expires.map(at));
        };
        check("no end", None, 60, 60).await;
        check("an end after the grace", Some(90), 60, 60).await;
        check("an end within the grace", Some(30), 60, 30).await;
    });
}

#[test]
fn what_is_over_is_not_rotated() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let refuse = async |id, rotation: Rotation| {
            refusal(&store, async |c| c.rotate_credential(Scope::All, id, rotation).await).await
        };
        let key = api_key(&store, &c, "one").await;
        assert_eq!(
            refuse(key.id, rotation("one")).await,
            "another `api_key` credential has the same key or id"
        );
        let past = Rotation { grace_until: Some(at(0)), ..rotation("two") };
        assert_eq!(refuse(key.id, past).await, "`grace` must be positive");
        let other = NewProof::Hawk {
            id: "dh".to_owned(),
            algorithm: hawk::Algorithm::Sha256,
            secret: Plaintext::new("s"),
        };
        let other = Rotation { proof: other, ..rotation("") };
        assert_eq!(refuse(key.id, other).await, "`kind` must be `api_key`, as before");
        let grace = Rotation { grace_until: Some(at(9)), ..rotation("two") };
        change(&store, async |c| c.rotate_credential(Scope::All, key.id, grace).await.unwrap()).await;
        assert_eq!(refuse(key.id, rotation("three")).await, "the credential is rotated already");
        let revoked = api_key(&store, &c, "four").await;
        change(&store, async |c| c.revoke_credential(Scope::All, revoked.id).await.unwrap()).await;
        assert_eq!(refuse(revoked.id, rotation("five")).await, "the credential is revoked");
    });
}
