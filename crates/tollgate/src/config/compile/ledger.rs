//! How what was used is recorded.

use std::time::Duration;

use tollgate_ledger::sink::SinkAddress;

use super::context::Context;
use crate::config::file::File;
use crate::config::file::process::Workers;
use crate::config::file::secret::Secret;
use crate::config::file::services::{self, Sync};
use crate::config::file::spanned::Spanned;
use crate::config::problem::Finding;
use crate::config::process::Ledger;

const KEEP: Duration = Duration::from_hours(90 * 24);
const MAX_BYTES: u64 = 10 << 30;
/// A few segments for each of many threads; less would refuse calls while the first ones are made.
const FEWEST_GIBIBYTES: u64 = 1;
/// So many threads share a gibibyte.
const THREADS: u64 = 16;

pub(super) fn ledger(cx: &mut Context<'_>, file: &File) -> Ledger {
    let none = services::Ledger::default();
    let given = file.ledger.as_ref().map_or(&none, |ledger| &ledger.value);
    let threads = match file.workers {
        None | Some(Workers::Auto) => 0,
        Some(Workers::Count(count)) => count as u64,
    };
    let fewest = threads.div_ceil(THREADS).max(FEWEST_GIBIBYTES);
    let max_bytes = match &given.max_bytes {
        None => MAX_BYTES.max(fewest << 30),
        Some(size) if size.value.0 >= fewest << 30 => size.value.0,
        Some(size) => {
            let hint = format!("give it `{fewest}GiB` at least");
            cx.error(Finding::at(size.span, "the journal needs room").hint(hint));
            MAX_BYTES
        }
    };
    Ledger {
        sink: given.sink.as_ref().and_then(|sink| address(cx, sink)).unwrap_or(SinkAddress::Store),
        sync_always: matches!(given.sync, Some(Sync::Always)),
        keep: cx.positive(given.keep.as_ref(), KEEP),
        max_bytes,
    }
}

/// Where events go; an address without a password is no secret and may stand in the file.
fn address(cx: &mut Context<'_>, given: &Spanned<Secret>) -> Option<SinkAddress> {
    let text = match &given.value {
        Secret::Inline(text) => {
            if text.split_once("://").is_some_and(|(_, rest)| rest.contains('@')) {
                let finding = Finding::at(given.span, "a login is written into the file");
                cx.warn(finding.hint("keep the address outside: `sink: { env: LEDGER_SINK }`"));
            }
            text.clone()
        }
        Secret::Kept(_) => String::from_utf8_lossy(cx.secret(given)?.expose()).into_owned(),
    };
    match SinkAddress::parse(text.trim()) {
        Ok(address) => Some(address),
        Err(error) => {
            cx.error(Finding::at(given.span, error.to_string()));
            None
        }
    }
}
