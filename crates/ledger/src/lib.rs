//! What happened.
//!
//! The [`journal`] takes down every admitted call on the local disk before it is served and when it has ended, so that a
//! killed process, a full disk or a caller who hangs up costs no event and doubles none. The [`chain`] runs over the
//! events of each stream and shows afterwards whether one was changed, left out or added.
//!
//! A [`Shipper`] takes closed events from the journal to a [`Sink`], as often as it takes; a [`Worker`] reads them from
//! NATS, Kafka or Kinesis into a store.
//!
//! Nothing here knows HTTP. The journal knows no runtime either: it is polled.

mod backoff;
pub mod journal;
pub mod shipper;
pub mod sink;
pub mod worker;

pub use journal::Journal;
pub use shipper::Shipper;
pub use sink::Sink;
pub use tollgate_core::usage::chain;
pub use worker::Worker;
