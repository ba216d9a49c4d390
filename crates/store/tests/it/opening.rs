use std::os::unix::fs::PermissionsExt;

use sqlx::Connection as _;
use tollgate_store::{Error, Scope, Store, inspect};

use crate::harness::{Place, account, actor, at, block_on, for_each_place, name};

async fn refused(url: &str) -> String {
    Store::open(url).await.unwrap_err().to_string()
}

#[test]
fn what_is_written_is_there_after_the_next_start() {
    for_each_place(async |place| {
        let store = place.open().await;
        account(&store, "a").await;
        store.close().await;
        assert_eq!(place.open().await.rev().await.unwrap(), 1);
        assert!(store.rev().await.is_err());
    });
}

#[test]
fn an_inspection_changes_nothing() {
    for_each_place(async |place| {
        let before = inspect(&place.url).await.unwrap();
        assert_eq!((before.migration, before.audit, before.sealed), (0, None, false));
        assert_eq!(before.clock.is_some(), place.is_postgres());
        // Nothing was made: there is still no store.
        assert_eq!(inspect(&place.url).await.unwrap().migration, 0);
        assert!(std::fs::read_dir(place.folder.path()).unwrap().next().is_none());
        let store = place.open().await;
        account(&store, "a").await;
        let found = inspect(&place.url).await.unwrap();
        assert_eq!((found.migration, found.audit), (found.known, Some(store.audit_head().await.unwrap())));
        store.close().await;
    });
}

#[test]
fn the_file_is_its_owners_alone() {
    let place = Place::sqlite();
    block_on(async {
        let store = place.open().await;
        account(&store, "a").await;
        let files: Vec<_> = std::fs::read_dir(place.folder.path()).unwrap().map(Result::unwrap).collect();
        assert!(files.len() >= 2, "{files:?}");
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        }
    });
}

#[test]
fn files_of_others_are_left_alone() {
    let place = Place::sqlite();
    let path = place.folder.path().join("store.db");
    block_on(async {
        std::fs::write(&path, "a text that is longer than the header of a database file would be".repeat(3))
            .unwrap();
        assert!(refused(&place.url).await.ends_with("is no SQLite database"));
        std::fs::write(&path, "short").unwrap();
        assert!(refused(&place.url).await.ends_with("is no SQLite database"));
        std::fs::remove_file(&path).unwrap();
        let other = format!("sqlite:{}?mode=rwc", path.display());
        let mut connection = sqlx::SqliteConnection::connect(&other).await.unwrap();
        sqlx::raw_sql("CREATE TABLE theirs (x)").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        assert!(refused(&place.url).await.ends_with("belongs to another application"));
    });
}

#[test]
fn a_schema_of_others_is_left_alone() {
    let place = Place::postgres();
    block_on(async {
        let mut connection = sqlx::PgConnection::connect(&place.url).await.unwrap();
        let theirs = "CREATE SCHEMA tollgate; CREATE TABLE tollgate.accounts (x INT)";
        sqlx::raw_sql(theirs).execute(&mut connection).await.unwrap();
        let why = refused(&place.url).await;
        assert_eq!(
            why,
            "this is no database of Tollgate: its schema `tollgate` has tables of something else"
        );
    });
}

#[test]
fn who_is_away_is_named_without_a_password() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = Place::postgres();
    block_on(async {
        let why = refused(&format!("postgres://u:hunter2@127.0.0.1:{port}/shop")).await;
        assert!(why.starts_with(&format!("the database is away: 127.0.0.1:{port}/shop: ")), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
        let missing = place.url.replace("/t", "/missing-");
        let why = refused(&missing).await;
        assert!(why.contains("does not exist"), "{why}");
        let why = refused("sqlite:/no/such/folder/store.db").await;
        assert!(why.starts_with("the database is away: `/no/such/folder/store.db`: No such file"), "{why}");
    });
}

#[test]
fn a_server_that_comes_back_is_found_again() {
    let place = Place::postgres();
    block_on(async {
        let store = place.open().await;
        account(&store, "a").await;
        let mut open = store.change(&actor(), at(0)).await.unwrap();
        open.create_account(Scope::All, name("lost")).await.unwrap();
        // What a restart of the server is to its clients.
        let mut other = sqlx::PgConnection::connect(&place.url).await.unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::raw_sql(end).execute(&mut other).await.unwrap();
        let why = open.commit().await.unwrap_err();
        assert!(matches!(why, Error::Unavailable(_)), "{why}");
        store.account_named(Scope::All, &name("lost")).await.unwrap_err();
        assert_eq!(account(&store, "b").await.rev, 2);
    });
}

#[test]
fn a_writer_does_not_wait_for_ever() {
    for_each_place(async |place| {
        let store = place.open().await;
        let why = if place.is_postgres() {
            let mut other = sqlx::PgConnection::connect(&place.url).await.unwrap();
            let lock = "BEGIN; SELECT * FROM tollgate.head FOR UPDATE";
            sqlx::raw_sql(lock).execute(&mut other).await.unwrap();
            store.change(&actor(), at(0)).await.map(|_| ()).unwrap_err()
        } else {
            let mut other = sqlx::SqliteConnection::connect(&place.url).await.unwrap();
            sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
            store.change(&actor(), at(0)).await.map(|_| ()).unwrap_err()
        };
        assert!(matches!(why, Error::Locked(_)), "{why}");
        account(&store, "a").await;
    });
}
