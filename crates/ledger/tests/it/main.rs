//! The ledger as others use it: across the end of processes, to real databases and through real brokers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "the runtime of a test ends with the test, and its tasks with it"
)]

mod brokers;
mod crash;
mod harness;
mod shipping;
