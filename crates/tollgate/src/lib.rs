//! Tollgate: an authenticating, authorising gateway in front of model servers.

pub mod config;
pub mod gateway;
pub mod state;
pub mod telemetry;
