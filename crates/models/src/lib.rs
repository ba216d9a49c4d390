//! Models that compute, served over HTTP.
//!
//! This crate knows nothing of the gate: to the gate its services are upstreams like any other, so they check no
//! credential and read no header of the gate.
//!
//! - [`demo`]: three small trained models, one HTTP service each.
//! - [`learn`]: tables, learners and the models that they make.

pub mod demo;
pub mod learn;
