//! What is counted and logged about requests; nothing here can change an outcome.

pub mod access_log;
pub mod auth;
pub mod counters;
mod line;
pub mod logging;
mod structlog;

pub use access_log::AccessLog;
use auth::AuthLog;

use self::counters::{Counters, Ended};

/// What is known of the requests of a process.
#[derive(Debug, Default)]
pub struct Telemetry {
    /// Requests whose answer has ended or that were refused.
    pub counters: Counters,
    /// Lines of the process's log about who calls.
    pub auth: AuthLog,
    /// Where access lines go; absent means nowhere.
    pub access_log: Option<AccessLog>,
}

impl Telemetry {
    /// Counts one request and logs it.
    pub fn finish(&self, record: &access_log::Record<'_>) {
        let access_log::Record { route, outcome, status, denial, .. } = *record;
        self.counters.add(Ended { route, outcome, status, denial });
        if let Some(log) = &self.access_log {
            log.write(record);
        }
    }
}
