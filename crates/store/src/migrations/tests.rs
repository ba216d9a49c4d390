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

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |migrations: &[Migration]| -> Vec<(i64, &str)> {
        migrations.iter().map(|migration| (migration.number, migration.name)).collect()
    };
    assert_eq!(names(SQLITE), names(super::POSTGRES));
    assert!(SQLITE.iter().map(|migration| migration.number).eq(1..=SQLITE.len() as i64));
}
