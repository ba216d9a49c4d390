//! What the store keeps for a time only, and for how long. Accounts, consumers, credentials and the audit stay for ever.

use std::sync::Weak;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tollgate_store::{Result, Store};

use crate::directory::{self, Directory};
use crate::state::clock::Clock;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(3600);
/// Numbered changes that are kept; a gate that has not heard of more than these forgets all that it remembers.
const CHANGES: i64 = 100_000;
/// How long counters of quotas are kept from the beginning of their period on: what is older than the longest period is
/// only read by people.
const QUOTAS: SignedDuration = SignedDuration::from_hours(100 * 24);
/// How long reports of callers of the auth service are kept.
const USAGE: SignedDuration = SignedDuration::from_hours(400 * 24);

/// Deletes what is over, each hour, for as long as the gate runs.
pub(crate) async fn keep(directory: Weak<Directory>, clock: Clock) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let Some(directory) = directory.upgrade() else { return };
        let Some(store) = directory.store() else { continue };
        if let Err(error) = tidy(store, directory::timestamp(clock.now())).await {
            tracing::warn!(%error, "the store was not tidied");
        }
    }
}

/// Deletes what is over.
async fn tidy(store: &Store, now: Timestamp) -> Result<()> {
    let ago = |span| now.saturating_sub(span).unwrap_or(Timestamp::MIN);
    store.prune_idempotency(now).await?;
    store.prune_changes(CHANGES).await?;
    store.prune_quotas(ago(QUOTAS)).await?;
    store.prune_usage(ago(USAGE)).await?;
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
