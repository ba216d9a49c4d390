use tollgate_store::{Changes, NewCredential, NewProof, Scope};

use crate::harness::{account, actor, at, consumer, for_each_store};

#[test]
fn of_parallel_creations_of_one_key_one_wins() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let store = store.clone();
            let new = NewCredential::new(c.id, "a key", NewProof::api_key("the same"));
            tasks.spawn(async move {
                let mut change = store.change(&actor(), at(0)).await.unwrap();
                let made = change.create_credential(Scope::All, new).await;
                change.commit().await.unwrap();
                made.map(|_| ()).map_err(|error| error.to_string())
            });
        }
        let results = tasks.join_all().await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        let refused = "another `api_key` credential has the same key or id";
        assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|why| why == refused));
    });
}

#[test]
fn a_reader_never_skips_a_change() {
    for_each_store(async |store, _| {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..6 {
            let store = store.clone();
            writers.spawn(async move {
                for number in 0..10 {
                    account(&store, &format!("w{writer}-{number}")).await;
                }
            });
        }
        let mut seen = 0;
        let mut ids = std::collections::BTreeSet::new();
        while ids.len() < 60 {
            while let Some(ended) = writers.try_join_next() {
                ended.unwrap();
            }
            let Changes::Since(rows) = store.changes_since(seen, 7).await.unwrap() else { panic!("lost") };
            for row in rows {
                assert_eq!(row.rev, seen + 1);
                seen = row.rev;
                // What a number tells of is there already.
                store.account(Scope::All, row.id.parse().unwrap()).await.unwrap();
                ids.insert(row.id);
            }
            tokio::task::yield_now().await;
        }
        writers.join_all().await;
        assert_eq!(store.rev().await.unwrap(), 60);
    });
}
