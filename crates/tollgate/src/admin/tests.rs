//! The admin router in process, over a real store: SQLite always, PostgreSQL where `./test` offers one.

mod auth_service;
mod bodies;
mod decisions;
mod grants;
mod keys;
mod lists;
mod matrix;
mod outside;
mod plane;
mod replays;
mod usage;
