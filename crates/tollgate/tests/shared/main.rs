//! What a fleet shares: on a real Redis that each test has for itself, and quotas on a real PostgreSQL.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod away;
mod fleet;
mod gates;
mod hanging;
mod memory;
#[path = "../../../store/tests/it/harness/postgres.rs"]
mod postgres;
mod quotas;
mod rates;
mod script;
mod secured;
mod server;

/// For the databases that tests make.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
