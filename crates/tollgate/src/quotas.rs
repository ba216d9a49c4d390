//! What was used of quotas: counted in this process, kept in the store.
//!
//! A counter is read from the store when its first call comes, and what was used since goes there each second and at the
//! stop, so that neither a restart nor a reload forgets it. Where other gates count too, each grants only a share of what is left, for a
//! second on the store's word: together they grant too little rather than too much.

use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use tollgate_core::Now;
use tollgate_core::admission::Uncounted;
use tollgate_core::consumer::Name;
use tollgate_core::credential::{Credential, Origin};
use tollgate_core::limit::{Delta, Grant, Limiter, Period, lease_size};
use tollgate_store::{AccountId, Error, QuotaKey, Scope, Store};

use crate::directory::Directory;
use crate::shared::Shared;
use crate::state::clock::Clock;

/// How often the store is told, and how long its word counts where others count too.
const EVERY: Duration = Duration::from_secs(1);

/// The counters of one process.
#[derive(Debug)]
pub struct Quotas {
    limiter: Arc<Limiter>,
    directory: Arc<Directory>,
    shared: Option<Arc<Shared>>,
    clock: Clock,
    /// Held while the store is told or asked: meanwhile nothing else is on its way there.
    telling: tokio::sync::Mutex<()>,
}

/// Why a counter is not known.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// The store was never reached.
    #[error("the store is away")]
    Away,
    /// It does not answer as it should.
    #[error(transparent)]
    Store(#[from] Error),
    /// There are too many counters of which the store does not know.
    #[error("too many counters wait for the store")]
    Full,
}

impl Quotas {
    /// Counts for this limiter.
    pub fn new(
        limiter: Arc<Limiter>,
        directory: Arc<Directory>,
        shared: Option<Arc<Shared>>,
        clock: Clock,
    ) -> Self {
        Self { limiter, directory, shared, clock, telling: tokio::sync::Mutex::default() }
    }

    /// Learns what was used of the quotas that a call with this credential needs.
    ///
    /// # Errors
    /// [`Unknown`]: the call cannot be admitted then.
    pub async fn learn(
        &self,
        uncounted: &[Uncounted],
        credential: Option<&Credential>,
        now: Now,
    ) -> Result<(), Unknown> {
        let store = self.directory.store().ok_or(Unknown::Away)?;
        let _telling = self.telling.lock().await;
        if self.shared.is_some() {
            // What is ours must be in what the store says.
            self.tell(store).await?;
        }
        for Uncounted { key, quota } in uncounted {
            let period = quota.period_at(now.wall);
            let name = name(credential, &key.to_string());
            let used = store.quota_used(&stored(&name, period)?).await?;
            let used = u64::try_from(used).unwrap_or(0);
            let grant = self.grant(quota.amount.saturating_sub(used));
            self.limiter.load(*key, name.into(), period, used, grant).map_err(|_| Unknown::Full)?;
        }
        Ok(())
    }

    /// Tells the store what was used since it was told last.
    ///
    /// # Errors
    /// [`Unknown`]: then it is told again, and nothing is lost meanwhile.
    pub async fn flush(&self) -> Result<(), Unknown> {
        let store = self.directory.store().ok_or(Unknown::Away)?;
        let _telling = self.telling.lock().await;
        self.tell(store).await
    }

    /// Tells the store each second, for as long as the gate runs.
    pub(crate) async fn keep(quotas: Weak<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            let Some(quotas) = quotas.upgrade() else { return };
            if let Err(error) = quotas.flush().await {
                tracing::debug!("what was used of quotas is not stored yet: {error}");
            }
        }
    }

    async fn tell(&self, store: &Store) -> Result<(), Unknown> {
        let deltas = self.limiter.export();
        if deltas.is_empty() {
            return Ok(());
        }
        let told = match deltas.iter().map(added).collect::<Result<Vec<_>, _>>() {
            Ok(added) => store.add_quotas(Scope::All, &added).await.map(|_| ()).map_err(Unknown::from),
            Err(error) => Err(error),
        };
        match told {
            Ok(()) => self.limiter.confirm(&deltas),
            Err(_) => self.limiter.fail(&deltas),
        }
        told
    }

    /// What this process may grant of what is left.
    fn grant(&self, remaining: u64) -> Grant {
        match &self.shared {
            None => Grant::All,
            Some(shared) => Grant::Share {
                units: lease_size(remaining, shared.nodes()),
                until: self.clock.now().monotonic.saturating_add(EVERY),
            },
        }
    }
}

/// What the store calls a counter: whose account, and who uses which limit.
fn name(credential: Option<&Credential>, key: &str) -> String {
    let account = match credential.map(|credential| &credential.origin) {
        Some(Origin::Store { account, .. }) => account.to_string(),
        Some(Origin::File | Origin::Service) | None => AccountId::OF_THE_FILE.to_string(),
    };
    let consumer = credential.map_or("", |credential| Name::as_str(&credential.consumer.name));
    // The key alone tells counters apart; the name is for people, and may be long.
    let consumer: String = consumer.chars().take(100).collect();
    format!("{account} {consumer} {key}")
}

fn stored(name: &str, period: Period) -> Result<QuotaKey, Error> {
    let (account, subject) = name.split_once(' ').ok_or(Error::NotFound("quota"))?;
    // The calendar of the database ends where ours does.
    let period_start = Timestamp::from_second(period.start).unwrap_or(Timestamp::MIN);
    Ok(QuotaKey { account: account.parse()?, subject: subject.to_owned(), period_start })
}

fn added(delta: &Delta) -> Result<(QuotaKey, i64), Unknown> {
    let amount = i64::try_from(delta.amount).unwrap_or(i64::MAX);
    Ok((stored(&delta.name, delta.period)?, amount))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
