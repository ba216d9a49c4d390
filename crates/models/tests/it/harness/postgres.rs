//! A PostgreSQL for the tests of this process, or the one that whoever runs the tests has started.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use sqlx::Connection as _;

/// Names the URL of a running server that tests may fill. `./test` sets it, so that processes share one.
const SHARED: &str = "TOLLGATE_TEST_POSTGRES";

/// A server. It runs as long as this process has the other end of its input.
struct Server {
    url: String,
    _running: Option<Child>,
}

/// Makes an empty database and gives its URL.
pub fn database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static MADE: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| match std::env::var(SHARED) {
        Ok(url) => Server { url, _running: None },
        Err(_) => start(),
    });
    let name = format!("models_{}_{}", std::process::id(), MADE.fetch_add(1, Relaxed));
    super::block_on(async {
        let mut connection = sqlx::PgConnection::connect(&server.url).await.unwrap();
        let create = format!("CREATE DATABASE {name} STRATEGY file_copy");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    let (server, _) = server.url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

fn start() -> Server {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/tests/postgres-server");
    let mut child = Command::new(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    if url.is_empty() {
        let why = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
        panic!("there is no PostgreSQL to test with: {why}");
    }
    Server { url: url.trim().to_owned(), _running: Some(child) }
}
