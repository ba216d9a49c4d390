use std::io::{BufRead as _, BufReader};

use tollgate_store::{Store, Verdict};

use crate::audit::raw;
use crate::crash;
use crate::harness::{account, for_each_place};

#[test]
fn processes_that_start_together_migrate_once() {
    for_each_place(async |place| {
        let mut children: Vec<_> = (0..4).map(|_| crash::start(place)).collect();
        for child in &mut children {
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
            assert!(lines.any(|line| line == crash::OPENED));
        }
        for child in &mut children {
            let _ = child.kill();
            child.wait().unwrap();
        }
        let store = place.open().await;
        assert!(matches!(store.verify_audit(None).await.unwrap(), Verdict::Whole(_)));
    });
}

#[test]
fn many_openings_of_a_new_database_agree() {
    for_each_place(async |place| {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let url = place.url.clone();
            tasks
                .spawn(async move { Store::open(&url).await.map(|_| ()).map_err(|error| error.to_string()) });
        }
        for result in tasks.join_all().await {
            result.unwrap();
        }
        account(&place.open().await, "a").await;
    });
}

#[test]
fn a_newer_database_is_left_alone() {
    for_each_place(async |place| {
        place.open().await.close().await;
        let insert = if place.is_postgres() {
            "INSERT INTO migrations VALUES (9000, 'later', '\\x00')"
        } else {
            "INSERT INTO migrations VALUES (9000, 'later', x'00')"
        };
        raw(place, insert).await.unwrap();
        let why = Store::open(&place.url).await.unwrap_err().to_string();
        assert!(why.starts_with("the database is at migration 9000, and this program knows "), "{why}");
    });
}

#[test]
fn a_changed_migration_is_found() {
    for_each_place(async |place| {
        place.open().await.close().await;
        raw(place, "UPDATE migrations SET digest = digest || digest").await.unwrap();
        let why = Store::open(&place.url).await.unwrap_err().to_string();
        assert!(why.contains("migration 0001_initial was applied with another text"), "{why}");
    });
}
