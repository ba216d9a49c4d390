//! What the store keeps for a time only, and for how long. Accounts, consumers, credentials and the audit stay for ever.

use std::sync::Weak;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Interval, MissedTickBehavior};
use tollgate_ledger::chain::SealKey;
use tollgate_store::{Result, Retention, Store};

use crate::directory::{self, Directory};
use crate::state::clock::Clock;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(3600);
/// How often what was booked is added to the roll-ups, however little it is: so long the tables may be behind for who
/// reads them and does not ask the program. As often what services reported is sealed.
const ROLL_UP: Duration = Duration::from_secs(5);
/// Numbered changes that are kept; a gate that has not heard of more than these forgets all that it remembers.
const CHANGES: i64 = 100_000;
/// How long counters of quotas are kept from the beginning of their period on: what is older than the longest period is
/// only read by people.
const QUOTAS: SignedDuration = SignedDuration::from_hours(100 * 24);
/// How long reports of callers of the auth service are kept.
const POSTINGS: SignedDuration = SignedDuration::from_hours(400 * 24);

/// Deletes what is over, each hour, for as long as the gate runs.
///
/// `events` is how long usage events are kept. What services report is sealed with the key.
pub(crate) async fn keep(directory: Weak<Directory>, clock: Clock, events: Duration, seal_key: SealKey) {
    let events = SignedDuration::try_from(events).unwrap_or(SignedDuration::MAX);
    let retention = Retention { events, ..Retention::default() };
    let mut turns = Turns::new();
    loop {
        let turn = turns.next().await;
        let Some(directory) = directory.upgrade() else { return };
        let Some(store) = directory.store() else { continue };
        let now = directory::timestamp(clock.now());
        told(turn.of(store, &retention, now, Some(&seal_key)).await);
    }
}

/// The same for a store that no gate of this process uses, and that whoever takes reports seals.
pub(crate) async fn keep_store(store: Store, events: Duration, now: fn() -> Timestamp) {
    let events = SignedDuration::try_from(events).unwrap_or(SignedDuration::MAX);
    let retention = Retention { events, ..Retention::default() };
    let mut turns = Turns::new();
    loop {
        told(turns.next().await.of(&store, &retention, now(), None).await);
    }
}

/// What is done when.
struct Turns {
    tidy: Interval,
    roll_up: Interval,
}

/// What is to be done now.
enum Turn {
    Tidy,
    RollUp,
}

impl Turns {
    fn new() -> Self {
        let every = |period| {
            let mut every = tokio::time::interval(period);
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            every
        };
        Self { tidy: every(EVERY), roll_up: every(ROLL_UP) }
    }

    async fn next(&mut self) -> Turn {
        tokio::select! {
            _ = self.tidy.tick() => Turn::Tidy,
            _ = self.roll_up.tick() => Turn::RollUp,
        }
    }
}

impl Turn {
    async fn of(
        self,
        store: &Store,
        retention: &Retention,
        now: Timestamp,
        seal_key: Option<&SealKey>,
    ) -> Result<()> {
        match (self, seal_key) {
            (Self::Tidy, _) => tidy(store, retention, now).await,
            (Self::RollUp, None) => store.roll_up_usage().await,
            (Self::RollUp, Some(key)) => {
                store.roll_up_usage().await?;
                store.seal_reports(key).await.map(|_| ())
            }
        }
    }
}

fn told(tidied: Result<()>) {
    if let Err(error) = tidied {
        tracing::warn!(%error, "the store was not tidied");
    }
}

/// Deletes what is over.
async fn tidy(store: &Store, retention: &Retention, now: Timestamp) -> Result<()> {
    let ago = |span| now.saturating_sub(span).unwrap_or(Timestamp::MIN);
    store.prune_idempotency(now).await?;
    store.prune_changes(CHANGES).await?;
    store.prune_quotas(ago(QUOTAS)).await?;
    store.prune_postings(ago(POSTINGS)).await?;
    store.prune_usage(retention, now).await?;
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
