//! How what was used is recorded.

use std::time::Duration;

use super::context::Context;
use crate::config::file::File;
use crate::config::file::secret::Secret;
use crate::config::file::services::{self, Sync};
use crate::config::problem::Finding;
use crate::config::process::Ledger;

const KEEP: Duration = Duration::from_hours(90 * 24);
const MAX_BYTES: u64 = 10 << 30;
/// A few segments for each of many threads; less would refuse calls while the first ones are made.
const FEWEST_BYTES: u64 = 1 << 30;

pub(super) fn ledger(cx: &mut Context<'_>, file: &File) -> Ledger {
    let none = services::Ledger::default();
    let given = file.ledger.as_ref().map_or(&none, |ledger| &ledger.value);
    if let Some(sink) = &given.sink {
        match &sink.value {
            Secret::Inline(word) if word == "store" => {}
            Secret::Inline(_) | Secret::Kept(_) => cx.later("`sink` of the ledger", sink.span),
        }
    }
    let max_bytes = match &given.max_bytes {
        None => MAX_BYTES,
        Some(size) if size.value.0 >= FEWEST_BYTES => size.value.0,
        Some(size) => {
            cx.error(Finding::at(size.span, "the journal needs room").hint("give it `1GiB` at least"));
            MAX_BYTES
        }
    };
    Ledger {
        sync_always: matches!(given.sync, Some(Sync::Always)),
        keep: cx.positive(given.keep.as_ref(), KEEP),
        max_bytes,
    }
}
