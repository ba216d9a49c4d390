//! Empty stores on both databases, and short words for what most tests make.

mod postgres;

use std::io::Write as _;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tollgate_core::consumer::Name;
use tollgate_store::{
    Account, Actor, Change, Consumer, Credential, Error, NewConsumer, NewCredential, NewProof, Scope, Store,
    Verdict,
};

/// One database, empty, and what keeps it.
pub struct Place {
    /// Where it is.
    pub url: String,
    /// A folder for whatever a test writes.
    pub folder: TempDir,
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: format!("sqlite:{}", folder.path().join("store.db").display()), folder }
    }

    pub fn postgres() -> Self {
        Self { url: postgres::database(), folder: tempfile::tempdir().unwrap() }
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    pub fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres:")
    }
}

/// Runs a test on an empty store of each database, and verifies the audit chain at the end: no test may break it.
pub fn for_each_store(test: impl AsyncFn(Store, &Place)) {
    for_each_place(async |place| {
        let store = place.open().await;
        test(store.clone(), place).await;
        let verdict = store.verify_audit(None).await.unwrap();
        assert!(matches!(verdict, Verdict::Whole(_)), "{verdict:?}");
        store.close().await;
    });
}

/// Runs a test with a new place of each database.
pub fn for_each_place(test: impl AsyncFn(&Place)) {
    for place in [Place::sqlite(), Place::postgres()] {
        let _name = OnPanic(if place.is_postgres() { "PostgreSQL" } else { "SQLite" });
        block_on(test(&place));
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Says at which database a test failed.
struct OnPanic(&'static str);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "the test failed on {}", self.0);
        }
    }
}

/// Some minutes after a fixed moment.
pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_mins(minutes)
}

pub fn actor() -> Actor {
    Actor::new("test").unwrap()
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Runs one change and commits it.
pub async fn change<T>(store: &Store, steps: impl AsyncFnOnce(&mut Change<'_>) -> T) -> T {
    let mut change = store.change(&actor(), at(0)).await.unwrap();
    let made = steps(&mut change).await;
    change.commit().await.unwrap();
    made
}

/// Makes an account.
pub async fn account(store: &Store, text: &str) -> Account {
    change(store, async |change| change.create_account(Scope::All, name(text)).await.unwrap()).await
}

/// Makes an account and a consumer of the same name.
pub async fn consumer(store: &Store, text: &str) -> Consumer {
    let account = account(store, text).await.id;
    let new = NewConsumer { account, name: name(text), tier: None, scopes: None };
    change(store, async |change| change.create_consumer(Scope::All, new).await.unwrap()).await
}

/// Makes a credential of this API key.
pub async fn api_key(store: &Store, consumer: &Consumer, text: &str) -> Credential {
    let new = NewCredential::new(consumer.id, "a key", NewProof::api_key(text));
    change(store, async |change| change.create_credential(Scope::All, new).await.unwrap()).await
}

/// What a refused change says.
pub async fn refusal<T: std::fmt::Debug>(
    store: &Store,
    steps: impl AsyncFnOnce(&mut Change<'_>) -> Result<T, Error>,
) -> String {
    let mut change = store.change(&actor(), at(0)).await.unwrap();
    steps(&mut change).await.unwrap_err().to_string()
}
