use tollgate_store::QuotaFigure::{AtLeast, Exactly};
use tollgate_store::{Lease, Leased, Paging, QuotaKey, Scope};

use crate::harness::{account, actor, at, for_each_store};

#[test]
fn counters_add_up_and_are_set_anew() {
    for_each_store(async |store, _| {
        let a = account(&store, "a").await.id;
        let key = |subject: &str, minute| QuotaKey {
            account: a,
            subject: subject.to_owned(),
            period_start: at(minute),
        };
        let used = |quotas: Vec<tollgate_store::Quota>| -> Vec<(String, i64)> {
            quotas.into_iter().map(|quota| (quota.key.subject, quota.used)).collect()
        };
        let added = [(key("r", 0), 2), (key("t", 0), 10), (key("r", 0), 3)];
        let quotas = used(store.add_quotas(Scope::All, &added).await.unwrap());
        assert_eq!(quotas, [("r".to_owned(), 5), ("t".to_owned(), 10)]);
        let quotas = used(store.add_quotas(Scope::All, &[(key("r", 0), -1)]).await.unwrap());
        assert_eq!(quotas, [("r".to_owned(), 4)]);
        let set = async |scope, minute, used| {
            let mut change = store.change(&actor(), at(0)).await.unwrap();
            let after = change.set_quota(scope, &key("r", minute), "a tier:requests/day", used).await?;
            change.commit().await.map(|()| after)
        };
        assert_eq!(set(Scope::All, 0, Exactly(40)).await.unwrap(), 40);
        assert_eq!(set(Scope::All, 60, AtLeast(1)).await.unwrap(), 1);
        // What it has already is no change that an audit would tell of.
        assert_eq!(set(Scope::All, 0, AtLeast(40)).await.unwrap(), 40);
        assert_eq!(set(Scope::All, 0, AtLeast(3)).await.unwrap(), 40);
        assert_eq!(
            set(Scope::All, 60, Exactly(-1)).await.unwrap_err().to_string(),
            "`used` must not be below 0"
        );
        let audit = store.audit(Scope::All, &Paging::default()).await.unwrap().items;
        let rows = audit.iter().filter(|row| row.action == "quota.set");
        let shown: Vec<_> = rows.map(|row| (row.before.clone().unwrap(), row.account)).collect();
        assert_eq!((shown.len(), shown[0].1), (2, Some(a)));
        assert!(shown.iter().any(|(before, _)| before["used"] == 4), "{shown:?}");
        // What was held is given back, and the counter stays at what nobody used.
        store.add_quotas(Scope::All, &[(key("r", 120), 3)]).await.unwrap();
        let given_back = used(store.add_quotas(Scope::All, &[(key("r", 120), -5)]).await.unwrap());
        assert_eq!(given_back, [("r".to_owned(), 0)]);
        store.prune_quotas(at(0)).await.unwrap();
        assert_eq!(store.quotas(Scope::All, at(60)).await.unwrap().len(), 2);
        let all = used(store.quotas(Scope::Account(a), at(0)).await.unwrap());
        assert_eq!(
            all,
            [("r", 40), ("r", 1), ("r", 0), ("t", 10)].map(|(name, used)| (name.to_owned(), used))
        );
        assert_eq!(store.prune_quotas(at(60)).await.unwrap(), 2);
        let b = account(&store, "b").await.id;
        assert!(store.quotas(Scope::Account(b), at(0)).await.unwrap().is_empty());
        store.add_quotas(Scope::Account(b), &[(key("r", 0), 1)]).await.unwrap_err();
    });
}

#[test]
fn parallel_additions_are_all_counted() {
    for_each_store(async |store, _| {
        let account = account(&store, "a").await.id;
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..10 {
            let store = store.clone();
            tasks.spawn(async move {
                let key =
                    |subject: &str| QuotaKey { account, subject: subject.to_owned(), period_start: at(0) };
                // In opposite orders, which must not end in a deadlock.
                let (first, second) = if task % 2 == 0 { ("x", "y") } else { ("y", "x") };
                for _ in 0..5 {
                    let added = [(key(first), 1), (key(second), 1)];
                    store.add_quotas(Scope::All, &added).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let quotas = store.quotas(Scope::All, at(0)).await.unwrap();
        assert!(quotas.iter().all(|quota| quota.used == 50), "{quotas:?}");
    });
}

#[test]
fn a_lease_settles_and_takes_in_one_step() {
    for_each_store(async |store, _| {
        let owner = account(&store, "a").await.id;
        let key = QuotaKey { account: owner, subject: "r".to_owned(), period_start: at(0) };
        let lease = async |settled, need, wish| {
            let lease = Lease { key: key.clone(), settled, amount: 100, need, wish };
            let Leased { used, units } = store.lease_quota(Scope::All, &lease).await.unwrap();
            (used, units)
        };
        assert_eq!(lease(0, 1, 16).await, (0, 16));
        assert_eq!(lease(-10, 1, 50).await, (6, 23));
        assert_eq!(lease(60, 20, 0).await, (89, 0), "not even what the call needs");
        assert_eq!(lease(0, 11, 50).await, (89, 11));
        assert_eq!(lease(5, 1, 1).await, (105, 0));
        assert_eq!(store.quota_used(&key).await.unwrap(), 105);
        let other = account(&store, "b").await.id;
        let foreign = Lease { key, settled: 0, amount: 1, need: 1, wish: 1 };
        store.lease_quota(Scope::Account(other), &foreign).await.unwrap_err();
    });
}

#[test]
fn parallel_leases_never_exceed_the_amount() {
    for_each_store(async |store, _| {
        let account = account(&store, "a").await.id;
        let key = QuotaKey { account, subject: "r".to_owned(), period_start: at(0) };
        let mut tasks = tokio::task::JoinSet::new();
        for wish in 0..10 {
            let (store, key) = (store.clone(), key.clone());
            tasks.spawn(async move {
                let mut taken = 0;
                loop {
                    let lease = Lease { key: key.clone(), settled: 0, amount: 100, need: 1, wish };
                    match store.lease_quota(Scope::All, &lease).await.unwrap().units {
                        0 => return taken,
                        units => taken += units,
                    }
                }
            });
        }
        assert_eq!(tasks.join_all().await.iter().sum::<u64>(), 100);
    });
}
