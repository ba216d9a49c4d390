//! Tollgate: an authenticating, authorising gateway in front of model servers.

pub mod admin;
pub mod auth_service;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod decisions;
pub mod demo;
pub mod directory;
pub mod explain;
pub mod gateway;
pub mod keys;
pub mod ledger;
pub mod probe;
pub mod quotas;
pub mod reload;
pub mod role;
pub mod server;
pub mod shared;
pub mod state;
pub mod telemetry;
mod tidy;
pub mod tls;
