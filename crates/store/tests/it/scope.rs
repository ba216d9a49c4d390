use tollgate_store::{
    ConsumerPatch, CredentialFilter, CredentialPatch, Error, Kind, NewConsumer, NewCredential, NewProof,
    Paging, Rotation, Scope, Set,
};

use crate::credentials::lookup;
use crate::harness::{actor, api_key, at, change, consumer, for_each_store, name};

#[test]
fn nothing_of_another_account_can_be_read() {
    for_each_store(async |store, _| {
        let theirs = consumer(&store, "theirs").await;
        let key = api_key(&store, &theirs, "one").await;
        let own = consumer(&store, "own").await;
        let scope = Scope::Account(own.account);
        let first = Paging::default();
        assert_eq!(store.account(scope, theirs.account).await, Err(Error::NotFound("account")));
        assert_eq!(store.account_named(scope, &name("theirs")).await, Err(Error::NotFound("account")));
        assert_eq!(store.consumer(scope, theirs.id).await, Err(Error::NotFound("consumer")));
        assert_eq!(store.consumer_named(scope, &name("theirs")).await, Err(Error::NotFound("consumer")));
        assert_eq!(store.credential(scope, key.id).await, Err(Error::NotFound("credential")));
        let found = store.find_credential(scope, Kind::ApiKey, &lookup("one")).await.unwrap();
        assert_eq!(found, None);
        assert_eq!(store.load_credentials(scope, &[key.id]).await.unwrap(), []);
        assert_eq!(store.load_directory(scope, &first).await.unwrap().items, []);
        assert_eq!(store.accounts(scope, &first).await.unwrap().items.len(), 1);
        assert_eq!(store.consumers(scope, &first).await.unwrap().items, [own]);
        let filter = CredentialFilter { consumer: Some(theirs.id), ..CredentialFilter::default() };
        assert_eq!(store.credentials(scope, filter, &first).await.unwrap().items, []);
        assert!(store.usage_summary(scope, key.id, at(0), at(0)).await.is_err());
        assert_eq!(store.usage_postings(scope, key.id, &first).await.unwrap().items, []);
    });
}

#[test]
fn nothing_of_another_account_can_be_changed() {
    for_each_store(async |store, _| {
        let theirs = consumer(&store, "theirs").await;
        let key = api_key(&store, &theirs, "one").await;
        let own = consumer(&store, "own").await;
        let scope = Scope::Account(own.account);
        let before = store.digests().await.unwrap();
        let mut change = store.change(&actor(), at(0)).await.unwrap();
        let account = Err(Error::NotFound("account"));
        let gone = Err(Error::NotFound("consumer"));
        let unknown = Err(Error::NotFound("credential"));
        let new = NewConsumer { account: theirs.account, name: name("x"), tier: None, scopes: None };
        let patch = ConsumerPatch { enabled: Set::To(false), ..ConsumerPatch::default() };
        let key_patch = CredentialPatch { enabled: Set::To(false), ..CredentialPatch::default() };
        let credential = NewCredential::new(theirs.id, "k", NewProof::api_key("two"));
        let rotation = Rotation { proof: NewProof::api_key("two"), grace_until: None, expires_at: Set::Keep };
        assert_eq!(change.create_account(scope, name("x")).await.map(|_| ()), account);
        assert_eq!(change.rename_account(scope, theirs.account, name("x")).await.map(|_| ()), account);
        assert_eq!(change.enable_account(scope, theirs.account, false).await.map(|_| ()), account);
        assert_eq!(change.remove_account(scope, theirs.account).await, account);
        assert_eq!(change.create_consumer(scope, new).await.map(|_| ()), account);
        assert_eq!(change.update_consumer(scope, theirs.id, patch).await.map(|_| ()), gone);
        assert_eq!(change.remove_consumer(scope, theirs.id).await, gone);
        assert_eq!(change.create_credential(scope, credential).await.map(|_| ()), gone);
        assert_eq!(change.update_credential(scope, key.id, key_patch).await.map(|_| ()), unknown);
        assert_eq!(change.revoke_credential(scope, key.id).await.map(|_| ()), unknown);
        assert_eq!(change.rotate_credential(scope, key.id, rotation).await.map(|_| ()), unknown);
        change.commit().await.unwrap();
        assert_eq!(store.digests().await.unwrap(), before);
    });
}

#[test]
fn its_own_is_inside() {
    for_each_store(async |store, _| {
        let own = consumer(&store, "own").await;
        let scope = Scope::Account(own.account);
        let new = NewConsumer { account: own.account, name: name("second"), tier: None, scopes: None };
        change(&store, async |change| {
            let second = change.create_consumer(scope, new).await.unwrap();
            let credential = NewCredential::new(second.id, "k", NewProof::api_key("two"));
            let made = change.create_credential(scope, credential).await.unwrap();
            change.revoke_credential(scope, made.id).await.unwrap();
            change.remove_consumer(scope, second.id).await.unwrap();
        })
        .await;
        store.account(scope, own.account).await.unwrap();
    });
}
