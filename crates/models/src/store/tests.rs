use super::database::{Database, sql};
use super::{Kind, NewArtifact, Place, Store, StoreError, now};

fn place(folder: &tempfile::TempDir) -> Place {
    Place::Folder(folder.path().join("models"))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_newer_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let database = Database::open(&place(&folder)).await.unwrap();
        database.execute(sql("INSERT INTO migrations (number) VALUES (99)")).await.unwrap();
        database.close().await;
        drop(database);
        let refused = Store::open(&place(&folder), u64::MAX).await.unwrap_err().to_string();
        assert_eq!(
            refused,
            "the database is at migration 99, and this program knows 1; run the newer program"
        );
    });
}

#[test]
fn content_that_was_changed_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let store = Store::open(&place(&folder), u64::MAX).await.unwrap();
        let id = ulid::Ulid::generate();
        let content = Some(b"a model".to_vec());
        let new = NewArtifact { id, parent_id: None, kind: Kind::Model, data: "{}".to_owned(), content };
        store.add_artifact(new, now()).await.unwrap();
        assert_eq!(store.content(id).await.unwrap().as_deref(), Some(&b"a model"[..]));
        let change = sql("UPDATE artifacts SET content = $1").bind(b"another".to_vec());
        store.database.execute(change).await.unwrap();
        assert!(matches!(store.content(id).await, Err(StoreError::Damaged(_))));
    });
}

#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    block_on(async { Store::open(&place(&folder), u64::MAX).await.unwrap().close().await });
    let path = folder.path().join("models");
    let mode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path.clone()), mode(path.join("models.db"))), (0o700, 0o600));
}
