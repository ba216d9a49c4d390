use std::time::Duration;

use tollgate_store::{ChangeKind, Changed, Changes, Scope};

use crate::harness::{account, api_key, change, consumer, for_each_store};

fn kinds(changes: &Changes) -> Vec<(i64, ChangeKind)> {
    let Changes::Since(rows) = changes else { panic!("{changes:?}") };
    rows.iter().map(|changed: &Changed| (changed.rev, changed.kind)).collect()
}

#[test]
fn changes_are_numbered_without_gaps() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let key = api_key(&store, &c, "one").await;
        change(&store, async |change| change.revoke_credential(Scope::All, key.id).await.unwrap()).await;
        use ChangeKind::{Account, Consumer, Credential};
        let all = store.changes_since(0, 100).await.unwrap();
        assert_eq!(kinds(&all), [(1, Account), (2, Consumer), (3, Credential), (4, Credential)]);
        let Changes::Since(rows) = &all else { unreachable!() };
        assert_eq!(rows[3].id, key.id.to_string());
        assert_eq!(kinds(&store.changes_since(1, 2).await.unwrap()), [(2, Consumer), (3, Credential)]);
        assert_eq!(store.changes_since(4, 100).await.unwrap(), Changes::Since(vec![]));
        assert_eq!(store.credential(Scope::All, key.id).await.unwrap().rev, 4);
    });
}

#[test]
fn who_was_away_too_long_is_told() {
    for_each_store(async |store, _| {
        for name in ["a", "b", "c", "d"] {
            account(&store, name).await;
        }
        assert_eq!(store.prune_changes(2).await.unwrap(), 2);
        assert_eq!(store.changes_since(0, 100).await.unwrap(), Changes::Lost { rev: 4 });
        assert_eq!(store.changes_since(1, 100).await.unwrap(), Changes::Lost { rev: 4 });
        assert_eq!(kinds(&store.changes_since(2, 100).await.unwrap()).len(), 2);
        // The database is an older one than the node saw: a backup was brought back.
        assert_eq!(store.changes_since(9, 100).await.unwrap(), Changes::Lost { rev: 4 });
        assert_eq!(store.prune_changes(100).await.unwrap(), 0);
        assert_eq!(kinds(&store.changes_since(2, 100).await.unwrap()).len(), 2);
    });
}

#[test]
fn a_listener_is_told_of_each_commit() {
    for_each_store(async |store, place| {
        let Some(mut watch) = store.watch().await.unwrap() else {
            assert!(!place.is_postgres());
            return;
        };
        account(&store, "a").await;
        tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.unwrap().unwrap();
    });
}
