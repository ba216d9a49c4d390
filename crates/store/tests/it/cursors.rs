use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tollgate_store::{CredentialFilter, NewCredential, NewProof, Paging, Scope, Store};

use crate::harness::{account, actor, at, change, consumer, for_each_store, name};

/// Makes an account at this minute, so that its identifier comes before or after others.
async fn account_at(store: &Store, text: &str, minute: i64) -> String {
    let mut change = store.change(&actor(), at(minute)).await.unwrap();
    let made = change.create_account(Scope::All, name(text)).await.unwrap();
    change.commit().await.unwrap();
    made.id.to_string()
}

#[test]
fn a_walk_meets_each_row_once_while_others_come() {
    for_each_store(async |store, place| {
        let mut round = 0;
        let cases = if place.is_postgres() { 4 } else { 12 };
        let strategy = (
            1_usize..12,
            1_u16..5,
            proptest::collection::vec(proptest::collection::vec(0_i64..100, 0..3), 12),
        );
        let mut runner = TestRunner::deterministic();
        for _ in 0..cases {
            let tree = strategy.new_tree(&mut runner).unwrap();
            let (rows, limit, inserts) = proptest::strategy::ValueTree::current(&tree);
            round += 1;
            let mut there = BTreeSet::new();
            for row in 0..rows {
                there.insert(account_at(&store, &format!("r{round}-{row}"), 50).await);
            }
            walk(&store, round, limit, &inserts, &there).await;
        }
    });
}

async fn walk(store: &Store, round: usize, limit: u16, inserts: &[Vec<i64>], there: &BTreeSet<String>) {
    let mut seen = BTreeSet::new();
    let mut paging = Paging { cursor: None, limit: Some(limit) };
    let mut inserts = inserts.iter();
    loop {
        let page = store.accounts(Scope::All, &paging).await.unwrap();
        assert!(page.items.len() <= usize::from(limit));
        for account in &page.items {
            assert!(seen.insert(account.id.to_string()), "twice");
        }
        for (number, minute) in inserts.next().into_iter().flatten().enumerate() {
            let text = format!("i{round}-{}-{number}", seen.len());
            account_at(store, &text, *minute).await;
        }
        let Some(next) = page.next else { break };
        paging.cursor = Some(next);
    }
    assert!(there.is_subset(&seen), "missed");
}

#[test]
fn limits_and_cursors_are_checked() {
    for_each_store(async |store, _| {
        account(&store, "a").await;
        let check = async |cursor: Option<&str>, limit: Option<u16>, expected: &str| {
            let paging = Paging { cursor: cursor.map(str::to_owned), limit };
            let found = match store.accounts(Scope::All, &paging).await {
                Ok(page) => format!("{} items", page.items.len()),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected);
        };
        check(None, None, "1 items").await;
        check(None, Some(1000), "1 items").await;
        check(None, Some(0), "`limit` must be at least 1").await;
        check(None, Some(1001), "`limit` must be at most 1000").await;
        check(Some("' OR 1=1"), None, "`cursor` is not one that a list gave").await;
        check(Some(""), None, "`cursor` is not one that a list gave").await;
        check(Some("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), None, "0 items").await;
        let paging = Paging { cursor: Some("x".to_owned()), limit: None };
        store.audit(Scope::All, &paging).await.unwrap_err();
    });
}

#[test]
fn the_last_page_is_known_as_such() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let key = |n: u8| NewCredential::new(c.id, "k", NewProof::api_key(&format!("k{n}")));
        change(&store, async |change| {
            change.create_credentials(Scope::All, (0..4).map(key).collect()).await.unwrap();
        })
        .await;
        let mut paging = Paging { cursor: None, limit: Some(2) };
        let page = store.credentials(Scope::All, CredentialFilter::default(), &paging).await.unwrap();
        assert!(page.items.len() == 2 && page.next.is_some());
        paging.cursor = page.next;
        let page = store.credentials(Scope::All, CredentialFilter::default(), &paging).await.unwrap();
        assert!(page.items.len() == 2 && page.next.is_none());
    });
}
