use super::{Database, Place};
use crate::error::Error;
use crate::statement::Statement;

#[test]
fn a_url_names_a_file_or_a_server() {
    let check = |url: &str, expected: &str| {
        let found = match Place::parse(url) {
            Ok(Place::Sqlite(path)) => format!("file {}", path.display()),
            Ok(Place::Postgres(options)) => format!("server {}:{}", options.get_host(), options.get_port()),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{url}");
    };
    check("sqlite:data/store.db", "file data/store.db");
    check("sqlite:///var/lib/store.db", "file /var/lib/store.db");
    check("sqlite:", "`store` needs a file: `sqlite:PATH`");
    check("sqlite::memory:", "`store` needs a file: `sqlite:PATH`");
    check("postgres://a:b@db:6432/t", "server db:6432");
    check("postgresql://a@db/t", "server db:5432");
    check("mysql://a", "`store` is neither `sqlite:PATH` nor `postgres://…`");
}

#[test]
fn a_refused_url_is_not_repeated() {
    let text = Place::parse("postgres://u:hunter2@[/x").unwrap_err().to_string();
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn an_acknowledged_write_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Sqlite(folder.path().join("store.db"));
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let database = Database::open(place).await.unwrap();
        let mut transaction = database.write().await.unwrap();
        let full = transaction.one::<i64>(Statement::new("PRAGMA synchronous")).await.unwrap();
        let keys = transaction.one::<i64>(Statement::new("PRAGMA foreign_keys")).await.unwrap();
        let mode = transaction.one::<String>(Statement::new("PRAGMA journal_mode")).await.unwrap();
        assert_eq!((full, keys, mode.as_deref()), (Some(2), Some(1), Some("wal")));
        drop(transaction);
        // Who only reads cannot write by mistake.
        let write = Statement::new("DELETE FROM head RETURNING id");
        database.one::<i64>(write).await.unwrap_err();
        database.close().await;
    });
}

/// SQLite takes a transaction back by itself where there is no room for a statement of it.
#[test]
fn a_database_that_was_full_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Sqlite(folder.path().join("store.db"));
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let database = Database::open(place).await.unwrap();
        for _ in 0..3 {
            let mut transaction = database.write().await.unwrap();
            transaction.script("PRAGMA max_page_count = 1").await.unwrap();
            let big = "INSERT INTO file_use (kind, lookup, at) VALUES ('a', zeroblob(1000000), 1)";
            let full = transaction.script(big).await.unwrap_err();
            assert!(matches!(full, Error::Full(_)), "{full}");
            assert!(transaction.commit().await.is_err());
        }
        let mut transaction = database.write().await.unwrap();
        transaction.script("INSERT INTO file_use (kind, lookup, at) VALUES ('a', x'00', 1)").await.unwrap();
        transaction.commit().await.unwrap();
        let rows = database.one::<i64>(Statement::new("SELECT count(*) FROM file_use")).await.unwrap();
        assert_eq!(rows, Some(1));
        database.close().await;
    });
}
