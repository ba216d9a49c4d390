//! Tollgate: an authenticating, authorising gateway in front of model servers.

pub mod admin;
pub mod auth_service;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod demo;
pub mod directory;
pub mod gateway;
pub mod keys;
pub mod probe;
pub mod reload;
pub mod server;
pub mod state;
pub mod telemetry;
pub mod tls;
