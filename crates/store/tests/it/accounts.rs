use tollgate_core::consumer::Scopes;
use tollgate_store::{ConsumerPatch, NewConsumer, Scope, Set};

use crate::harness::{account, api_key, at, change, consumer, for_each_store, name, refusal};

#[test]
fn an_account_is_made_found_renamed_and_removed() {
    for_each_store(async |store, _| {
        let made = account(&store, "research").await;
        assert_eq!((made.name.as_str(), made.created_at, made.rev), ("research", at(0), 1));
        assert_eq!(store.account(Scope::All, made.id).await.unwrap(), made);
        assert_eq!(store.account_named(Scope::All, &name("research")).await.unwrap(), made);
        let renamed =
            change(&store, async |c| c.rename_account(Scope::All, made.id, name("lab")).await.unwrap()).await;
        assert_eq!((renamed.name.as_str(), renamed.rev), ("lab", 2));
        store.account_named(Scope::All, &name("research")).await.unwrap_err();
        change(&store, async |c| c.remove_account(Scope::All, made.id).await.unwrap()).await;
        let gone = store.account(Scope::All, made.id).await.unwrap_err();
        assert_eq!(gone.to_string(), "there is no such account");
        let taken = refusal(&store, async |c| c.create_account(Scope::All, name("lab")).await).await;
        assert_eq!(taken, "the name `lab` is taken");
    });
}

#[test]
fn an_account_with_consumers_stays() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let why = refusal(&store, async |change| change.remove_account(Scope::All, c.account).await).await;
        assert_eq!(why, "the account still has consumers");
        change(&store, async |change| change.remove_consumer(Scope::All, c.id).await.unwrap()).await;
        change(&store, async |change| change.remove_account(Scope::All, c.account).await.unwrap()).await;
    });
}

#[test]
fn what_stays_as_it_is_is_not_written() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let rev = store.rev().await.unwrap();
        change(&store, async |change| {
            let patch = ConsumerPatch { enabled: Set::To(true), ..ConsumerPatch::default() };
            change.update_consumer(Scope::All, c.id, patch).await.unwrap();
            change.enable_account(Scope::All, c.account, true).await.unwrap();
            change.rename_account(Scope::All, c.account, name("a")).await.unwrap();
        })
        .await;
        assert_eq!(store.rev().await.unwrap(), rev);
    });
}

#[test]
fn a_consumer_is_changed_field_by_field() {
    for_each_store(async |store, _| {
        let before = consumer(&store, "a").await;
        let update = async |patch: ConsumerPatch| {
            change(&store, async |c| c.update_consumer(Scope::All, before.id, patch).await.unwrap()).await
        };
        let scopes: Scopes = ["model:read", "model:predict"].into_iter().collect();
        let patch = ConsumerPatch { scopes: Set::To(Some(scopes.clone())), ..ConsumerPatch::default() };
        assert_eq!(update(patch).await.scopes, Some(scopes.clone()));
        let patch = ConsumerPatch { tier: Set::To(Some(name("free"))), ..ConsumerPatch::default() };
        assert_eq!(update(patch).await.tier, Some(name("free")));
        let patch = ConsumerPatch { enabled: Set::To(false), ..ConsumerPatch::default() };
        let disabled = update(patch).await;
        assert_eq!(disabled.disabled_at, Some(at(0)));
        assert_eq!((disabled.scopes.as_ref(), disabled.tier.as_ref()), (Some(&scopes), Some(&name("free"))));
        let patch = ConsumerPatch { scopes: Set::To(None), tier: Set::To(None), enabled: Set::To(true) };
        let after = update(patch).await;
        assert_eq!((after.scopes, after.tier, after.disabled_at), (None, None, None));
        let patch = ConsumerPatch {
            scopes: Set::To(Some(["two words"].into_iter().collect())),
            ..ConsumerPatch::default()
        };
        let why = refusal(&store, async |c| c.update_consumer(Scope::All, before.id, patch).await).await;
        assert!(why.starts_with("`scopes` must be 1 to 100 printable"), "{why}");
    });
}

#[test]
fn a_removed_consumer_leaves_no_live_credential() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let key = api_key(&store, &c, "one").await;
        change(&store, async |change| change.remove_consumer(Scope::All, c.id).await.unwrap()).await;
        assert_eq!(store.credential(Scope::All, key.id).await.unwrap().revoked_at, Some(at(0)));
        store.consumer(Scope::All, c.id).await.unwrap_err();
        let new = NewConsumer { account: c.account, name: name("a"), tier: None, scopes: None };
        let why = refusal(&store, async |change| change.create_consumer(Scope::All, new).await).await;
        assert_eq!(why, "the name `a` is taken");
    });
}

#[test]
fn a_step_that_nobody_waited_for_spoils_its_change() {
    for_each_store(async |store, _| {
        let mut spoiled = None;
        // A database that answers at once leaves nobody the time to leave: then once more.
        for _ in 0..1000 {
            let mut change = store.change(&crate::harness::actor(), at(0)).await.unwrap();
            change.create_account(Scope::All, name("a")).await.unwrap();
            let left = {
                let mut step = std::pin::pin!(change.create_account(Scope::All, name("b")));
                // Polled once, which sends the first question, and then dropped.
                std::future::poll_fn(|context| {
                    std::task::Poll::Ready(step.as_mut().poll(context).is_pending())
                })
                .await
            };
            if left {
                spoiled = Some(change);
                break;
            }
        }
        spoiled.unwrap().commit().await.unwrap_err();
        assert_eq!(store.rev().await.unwrap(), 0);
        account(&store, "a").await;
    });
}

#[test]
fn a_dropped_change_never_happened() {
    for_each_store(async |store, _| {
        let mut change = store.change(&crate::harness::actor(), at(0)).await.unwrap();
        change.create_account(Scope::All, name("a")).await.unwrap();
        drop(change);
        assert_eq!(store.rev().await.unwrap(), 0);
        store.account_named(Scope::All, &name("a")).await.unwrap_err();
        account(&store, "a").await;
        assert_eq!(store.rev().await.unwrap(), 1);
    });
}
