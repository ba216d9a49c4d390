//! Points in time as the tables keep them.

use jiff::Timestamp;

/// Cuts a time to whole microseconds, so that what a change returns is what is read later.
pub(crate) fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
