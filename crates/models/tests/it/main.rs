//! The model service as its clients meet it: requests to the whole of it, on both databases where that matters.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod artifacts;
mod bad_input;
mod configs;
mod crash;
mod harness;
mod jobs;
mod load;
mod newer;
#[cfg(feature = "onnx")]
mod onnx;
mod three_ways;
