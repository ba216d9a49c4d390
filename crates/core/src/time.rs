//! Time as a value.

use std::time::Duration;

/// One reading of both clocks, taken once per request and passed down.
///
/// Expiry, event times and `ts` compare with [`Now::wall`]; limits and timeouts use [`Now::monotonic`], so that a
/// jump of the wall clock neither opens nor closes a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since the Unix epoch.
    pub wall: Duration,
    /// Time since an arbitrary fixed point of this process.
    pub monotonic: Duration,
}

impl Now {
    /// Whole seconds since the Unix epoch, as `exp`, `nbf` and Hawk's `ts` count them.
    pub fn unix_seconds(&self) -> i64 {
        i64::try_from(self.wall.as_secs()).unwrap_or(i64::MAX)
    }
}
