//! The store against both databases: every behaviour is tested on SQLite and on a real PostgreSQL through one door.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod audit;
mod changes;
mod concurrency;
mod copying;
mod crash;
mod credentials;
mod cursors;
mod file_use;
mod harness;
mod idempotency;
mod migrations;
mod opening;
mod quotas;
mod reserved;
mod rotation;
mod schema;
mod scope;
mod sealing;
mod usage;
