//! What a fleet shares, on a real Redis that each test has for itself.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod away;
mod fleet;
mod gates;
mod memory;
mod rates;

mod script;
mod server;
