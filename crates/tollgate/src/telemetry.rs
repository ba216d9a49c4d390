//! What is counted and logged about requests; nothing here can change an outcome.

pub mod access_log;
pub mod auth;
mod line;
pub mod logging;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub use access_log::AccessLog;
use auth::AuthLog;

/// Process-wide counters.
#[derive(Debug, Default)]
pub struct Telemetry {
    /// Requests whose answer has ended or that were refused.
    pub requests: AtomicU64,
    /// Requests that were refused.
    pub denied: AtomicU64,
    /// Lines of the process's log about who calls.
    pub auth: AuthLog,
    /// Where access lines go; absent means nowhere.
    pub access_log: Option<AccessLog>,
}

impl Telemetry {
    /// Counts one request and logs it.
    pub fn finish(&self, record: &access_log::Record<'_>) {
        self.count(record.denial.is_some());
        if let Some(log) = &self.access_log {
            log.write(record);
        }
    }

    /// Counts one request.
    pub fn count(&self, denied: bool) {
        self.requests.fetch_add(1, Relaxed);
        if denied {
            self.denied.fetch_add(1, Relaxed);
        }
    }
}
