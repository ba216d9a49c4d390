use std::sync::OnceLock;

use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;
use tollgate_store::Store;

use super::server::Server;

/// Names the URL of a running PostgreSQL that tests may fill. `./test` sets it, so that processes share one.
const SHARED: &str = "TOLLGATE_TEST_POSTGRES";

/// One database, empty at first.
pub struct Place {
    pub url: String,
    pub folder: TempDir,
}

/// What a store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub events: i64,
    /// What the roll-ups of minutes come to.
    pub requests: i64,
    /// Alarms but those of gaps, which end by themselves.
    pub alarms: i64,
}

impl Count {
    /// What there is after so many calls.
    pub fn of(calls: u64) -> Self {
        let calls = i64::try_from(calls).unwrap();
        Self { events: calls, requests: calls, alarms: 0 }
    }
}

const COUNTS: &str = "SELECT (SELECT CAST(coalesce(sum(events), 0) AS BIGINT) FROM usage_blocks), \
    (SELECT CAST(coalesce(sum(requests), 0) AS BIGINT) FROM usage_rollups WHERE span = 60) \
    + (SELECT CAST(coalesce(sum(events), 0) AS BIGINT) FROM usage_blocks JOIN usage_waiting USING (stream, first)), \
    (SELECT count(*) FROM usage_alarms WHERE kind <> 'gap')";

impl Place {
    pub fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        Self { url: format!("sqlite:{}", folder.path().join("store.db").display()), folder }
    }

    pub async fn postgres() -> Self {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        let server = SERVER.get_or_init(|| match std::env::var(SHARED) {
            Ok(_) => None,
            Err(_) => Some(Server::start("../store/tests/postgres-server", &[])),
        });
        let server =
            server.as_ref().map_or_else(|| std::env::var(SHARED).unwrap(), |server| server.said.clone());
        let mut random = [0; 8];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        let name = format!("t{}", hex::encode(random));
        let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name} STRATEGY file_copy");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
        let (server, _) = server.rsplit_once('/').unwrap();
        Self { url: format!("{server}/{name}"), folder: TempDir::new().unwrap() }
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres:")
    }

    /// The port of the server.
    pub fn port(&self) -> u16 {
        let (_, rest) = self.url.rsplit_once(':').unwrap();
        rest.split('/').next().unwrap().parse().unwrap()
    }

    /// Seals in a store in SQLite.
    pub async fn seals(&self) -> i64 {
        let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM usage_seals").fetch_one(&mut connection).await.unwrap()
    }

    /// Counts beside the store, with no code of its own.
    pub async fn count(&self) -> Count {
        let (events, requests, alarms) = if self.is_postgres() {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql("SET search_path = tollgate").execute(&mut connection).await.unwrap();
            sqlx::query_as(COUNTS).fetch_one(&mut connection).await.unwrap()
        } else {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_as(COUNTS).fetch_one(&mut connection).await.unwrap()
        };
        Count { events, requests, alarms }
    }
}
