//! The journal as a process uses it, with its own thread and on a real disk.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod crash;
