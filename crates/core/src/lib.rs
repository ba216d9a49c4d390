//! What the gate decides.
//!
//! Everything here is a pure, synchronous function of its arguments: no I/O, no async, no clock (callers pass
//! [`Now`]). One [`Snapshot`](snapshot::Snapshot) holds the compiled configuration; a request is judged by
//! [`route`], [`authn`], [`access`] and [`admission`] in that order, and every refusal is a [`Denial`].

pub mod access;
pub mod admission;
pub mod authn;
pub mod consumer;
pub mod credential;
pub mod denial;
pub mod directory;
#[cfg(test)]
mod fixtures;
pub mod head;
pub mod limit;
pub mod matrix;
pub mod meter;
pub mod mode;
pub mod path;
pub mod route;
pub mod snapshot;
pub mod time;
pub mod upstream;
pub mod usage;

pub use denial::Denial;
pub use head::Head;
pub use time::Now;
