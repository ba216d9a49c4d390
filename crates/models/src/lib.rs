//! Models that compute, served over HTTP.
//!
//! This crate knows nothing of the gate: to the gate its services are upstreams like any other.
//!
//! - [`demo`]: three small trained models, one HTTP service each; they check no credential.
//! - [`learn`]: what is learnt from tables, and how it predicts.
//! - [`service`]: configurations, training, predictions, artifacts and jobs over HTTP.
//! - [`store`]: where the service keeps them.

mod caught;
pub mod demo;
pub mod learn;
pub mod service;
pub mod store;
