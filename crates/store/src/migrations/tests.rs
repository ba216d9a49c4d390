use super::{Migration, SQLITE, apply};
use crate::error::Result;
use crate::statement::Statement;
use crate::store::Store;

const LATER: Migration =
    Migration { number: 9000, name: "9000_later", text: "CREATE TABLE later (x INTEGER)" };
const BROKEN: Migration = Migration {
    number: 9000,
    name: "9000_broken",
    text: "CREATE TABLE later (x INTEGER); CREATE TABLE later (x TEXT)",
};

async fn migrate(store: &Store, later: &[Migration]) -> Result<()> {
    let again = |migration: &Migration| Migration { ..*migration };
    let migrations: Vec<Migration> = SQLITE.iter().chain(later).map(again).collect();
    let mut transaction = store.database.write().await?;
    apply(&mut transaction, &migrations).await?;
    transaction.commit().await
}

#[test]
fn a_database_is_brought_up_by_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let store = Store::open(&url).await.unwrap();
        // Half of a migration is none.
        migrate(&store, &[BROKEN]).await.unwrap_err();
        migrate(&store, &[LATER]).await.unwrap();
        migrate(&store, &[LATER]).await.unwrap();
        let count = Statement::new("SELECT count(*) FROM migrations");
        let with_later = SQLITE.len() as i64 + 1;
        assert_eq!(store.database.one::<i64>(count).await.unwrap(), Some(with_later));
        assert!(migrate(&store, &[BROKEN]).await.unwrap_err().to_string().contains("another text"));
        // The program of before does not know the last one.
        let why = migrate(&store, &[]).await.unwrap_err().to_string();
        let known = SQLITE.last().unwrap().number;
        let expected = format!(
            "the database is at migration 9000, and this program knows {known}; run the newer program"
        );
        assert_eq!(why, expected);
        store.close().await;
    });
}

/// What reports looked like when their keys were shared by all kinds.
const BEFORE_POSTING_KEYS: &str = "DROP TABLE usage_postings; \
    CREATE TABLE usage_postings (id TEXT PRIMARY KEY, account TEXT NOT NULL, credential TEXT NOT NULL, \
        kind TEXT NOT NULL, idempotency_key TEXT, fingerprint BLOB NOT NULL, received_at INTEGER NOT NULL, \
        endpoint TEXT, model TEXT, service_id TEXT, status_code INTEGER, response_us INTEGER, compute_us INTEGER, \
        predictions INTEGER, body TEXT NOT NULL, UNIQUE (credential, idempotency_key)) STRICT; \
    CREATE INDEX usage_postings_by_time ON usage_postings (credential, received_at); \
    INSERT INTO usage_postings (id, account, credential, kind, idempotency_key, fingerprint, received_at, body) \
        VALUES ('1', 'a', 'c', 'debit', 'k', x'00', 7, '{}'), ('2', 'a', 'c', 'usage', NULL, x'00', 8, '{}'); \
    DROP TABLE usage_models; DROP TABLE usage_holes; DELETE FROM migrations WHERE number >= 6";

#[test]
fn reports_of_before_stay() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let store = Store::open(&url).await.unwrap();
        let mut before = store.database.write().await.unwrap();
        before.script(BEFORE_POSTING_KEYS).await.unwrap();
        before.commit().await.unwrap();
        migrate(&store, &[]).await.unwrap();
        let rows = Statement::new("SELECT id, received_at FROM usage_postings ORDER BY id");
        let rows: Vec<(String, i64)> = store.database.all(rows).await.unwrap();
        assert_eq!(rows, [("1".to_owned(), 7), ("2".to_owned(), 8)]);
        let again = "INSERT INTO usage_postings (id, account, credential, kind, idempotency_key, fingerprint, \
            received_at, body) VALUES ('3', 'a', 'c', 'usage', 'k', x'00', 9, '{}')";
        let mut transaction = store.database.write().await.unwrap();
        transaction.script(again).await.unwrap();
        transaction.commit().await.unwrap();
        store.close().await;
    });
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |migrations: &[Migration]| -> Vec<(i64, &str)> {
        migrations.iter().map(|migration| (migration.number, migration.name)).collect()
    };
    assert_eq!(names(SQLITE), names(super::POSTGRES));
    assert!(SQLITE.iter().map(|migration| migration.number).eq(1..=SQLITE.len() as i64));
}
