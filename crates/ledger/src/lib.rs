//! What happened.
//!
//! The [`journal`] takes down every admitted call on the local disk before it is served and when it has ended, so that a
//! killed process, a full disk or a caller who hangs up costs no event and doubles none. The [`chain`] runs over the
//! events of each stream and shows afterwards whether one was changed, left out or added.
//!
//! Nothing here knows HTTP. The journal knows no runtime either: it is polled.

pub mod journal;

pub use journal::Journal;
pub use tollgate_core::usage::chain;
