//! What was used of quotas: counted in this process, kept in the store.
//!
//! Nothing is granted that was not taken from the store before. A gate takes a [lease](Grant) ahead, which the store
//! counts as used, grants from that, and gives the rest back after [`EVERY`]. Settling and taking is one transaction that
//! holds the counter's row, so of all gates that ask at once each sees what those before it took: what was used and what is
//! held together never exceed the quota. That needs no word on how many gates there are, no clock in common, and no gate
//! that is known to the others; one that starts, hangs or is killed changes nothing of it. So it is the same in a file of
//! SQLite, which belongs to one process: the one that comes after a killed one is another.
//!
//! What can go wrong is that a quota seems to be used up while somebody holds a little of it: for a second, or until the
//! period ends where the holder was killed, or its giving back was not heard.
//!
//! A gate takes about twice as much ahead as it used lately, and never more than a quarter of what is left, so that is
//! also what a killed one may take with it. The last units are taken one call at a time, so that all of them can be used.

use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};
use tollgate_core::Now;
use tollgate_core::admission::Uncounted;
use tollgate_core::consumer::Name;
use tollgate_core::credential::Credential;
use tollgate_core::limit::{Delta, Grant, Key, Limiter, Period, Quota};
use tollgate_store::{AccountId, Actor, Error, Lease, Leased, QuotaFigure, QuotaKey, Scope, Store};

use crate::directory::{Directory, Unanswered, timestamp};
use crate::state::clock::Clock;

/// How often the store is told, and how long what was taken ahead is kept.
const EVERY: Duration = Duration::from_secs(1);

/// Counters about which the store may be asked at once: more than it has connections.
const LANES: usize = 64;

/// For how many calls like the first one units are taken ahead, before it is known how many come.
const FIRST: u64 = 16;

/// The counters of one process.
#[derive(Debug)]
pub struct Quotas {
    limiter: Arc<Limiter>,
    directory: Arc<Directory>,
    clock: Clock,
    /// Held while the store is told or asked of a counter: meanwhile nothing else of it is on its way there. Whoever takes
    /// several takes them in order.
    lanes: [Mutex<()>; LANES],
}

/// One counter: a quota, and whose.
#[derive(Debug, Clone, Copy)]
pub struct Counter<'c> {
    /// Its key.
    pub key: &'c Key,
    /// The quota that it counts towards.
    pub quota: &'c Quota,
    /// With which credential calls count towards it.
    pub credential: Option<&'c Credential>,
}

/// Why a counter is not known.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// The store was never reached, or does not answer.
    #[error("the store is away")]
    Away,
    /// It does not answer as it should, or not in time.
    #[error(transparent)]
    Store(#[from] Unanswered),
    /// There are too many counters of which the store does not know.
    #[error("too many counters wait for the store")]
    Full,
}

impl Quotas {
    /// Counts for this limiter.
    pub fn new(limiter: Arc<Limiter>, directory: Arc<Directory>, clock: Clock) -> Self {
        Self { limiter, directory, clock, lanes: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Learns what was used of the quotas that a call with this credential needs, and takes what it needs of them. Other calls
    /// may come first and use it.
    ///
    /// # Errors
    /// [`Unknown`]: the call cannot be admitted then.
    pub async fn learn(
        &self,
        uncounted: &[Uncounted],
        credential: Option<&Credential>,
        now: Now,
    ) -> Result<(), Unknown> {
        let store = self.store()?;
        for Uncounted { key, quota, units } in uncounted {
            let _lane = self.lane(key).await;
            // Whoever had the lane before may have learnt it for this call too.
            if !self.limiter.must_ask(key, quota, *units, now) {
                continue;
            }
            // Whoever waited for the lane may have waited for a store that hangs.
            self.store()?;
            let period = quota.period_at(now.wall);
            let name = name(credential, &key.to_string());
            let key_of_store = stored(&name, period)?;
            let (used, grant) = self.lease(store, key, period, key_of_store, quota.amount, *units).await?;
            self.limiter.load(*key, name.into(), period, used, grant).map_err(|_| Unknown::Full)?;
        }
        Ok(())
    }

    /// What the store counts of a quota now, what gates hold on lease included; nothing is taken.
    ///
    /// # Errors
    /// [`Unknown`].
    pub async fn used(
        &self,
        key: &Key,
        quota: &Quota,
        credential: Option<&Credential>,
        now: Now,
    ) -> Result<u64, Unknown> {
        let store = self.store()?;
        let name = name(credential, &key.to_string());
        let key = stored(&name, quota.period_at(now.wall))?;
        let used = self.directory.read(store.quota_used(&key)).await?;
        Ok(u64::try_from(used).unwrap_or(0))
    }

    /// Sets what was used of a quota in the present period to a figure, and notes it in the audit as a change of `what`.
    /// What this gate holds on lease goes back first; what others hold comes off the figure within [`EVERY`], as far as they
    /// do not use it.
    ///
    /// # Errors
    /// [`Unknown`]; then nothing was set, as far as the store was heard.
    pub async fn correct(
        &self,
        counter: &Counter<'_>,
        actor: &Actor,
        what: &str,
        figure: QuotaFigure,
        now: Now,
    ) -> Result<(), Unknown> {
        let store = self.store()?;
        let Counter { key, quota, credential } = *counter;
        let _lane = self.lane(key).await;
        let period = quota.period_at(now.wall);
        let name = name(credential, &key.to_string());
        let stored = stored(&name, period)?;
        let all_goes_back = Now { monotonic: Duration::MAX, ..now };
        if let (Some(delta), _) = self.limiter.export_one(key, period, all_goes_back) {
            let told = self.directory.write(store.add_quotas(Scope::All, &[added(&delta)?])).await;
            match &told {
                Ok(_) => self.limiter.confirm(&[delta]),
                Err(_) => self.limiter.fail(&[delta]),
            }
            told?;
        }
        let set = async {
            let mut change = store.change(actor, timestamp(now)).await?;
            let used = change.set_quota(Scope::All, &stored, what, figure).await?;
            change.commit().await.map(|()| used)
        };
        let used = u64::try_from(self.directory.write(set).await?).unwrap_or(0);
        // So that the next call here asks the store, and not what was known before.
        let over = Grant { units: 0, until: Duration::ZERO };
        self.limiter.load(*key, name.into(), period, used, over).map_err(|_| Unknown::Full)
    }

    /// Tells the store what was used since it was told last, and gives back what was taken ahead too long ago.
    ///
    /// # Errors
    /// [`Unknown`]: then what was used is told again, and nothing of it is lost meanwhile.
    pub async fn flush(&self) -> Result<(), Unknown> {
        self.tell(self.clock.now()).await
    }

    /// Tells the store everything, and gives everything back, as nothing more will be granted.
    ///
    /// # Errors
    /// As [`Quotas::flush`].
    pub async fn close(&self) -> Result<(), Unknown> {
        if !self.limiter.counts_quotas() {
            return Ok(());
        }
        self.tell(Now { monotonic: Duration::MAX, ..self.clock.now() }).await
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

    async fn tell(&self, now: Now) -> Result<(), Unknown> {
        let store = self.store()?;
        let mut lanes = Vec::with_capacity(LANES);
        for lane in &self.lanes {
            lanes.push(lane.lock().await);
        }
        let deltas = self.limiter.export(now);
        if deltas.is_empty() {
            return Ok(());
        }
        let told = match deltas.iter().map(added).collect::<Result<Vec<_>, _>>() {
            Ok(added) => match self.directory.write(store.add_quotas(Scope::All, &added)).await {
                Ok(_) => Ok(()),
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(error),
        };
        match told {
            Ok(()) => self.limiter.confirm(&deltas),
            Err(_) => self.limiter.fail(&deltas),
        }
        told
    }

    /// Settles what was taken of a counter, and takes a call's need of it and something ahead.
    async fn lease(
        &self,
        store: &Store,
        counter: &Key,
        period: Period,
        key: QuotaKey,
        amount: u64,
        need: u64,
    ) -> Result<(u64, Grant), Unknown> {
        let now = self.clock.now();
        let (delta, spent) = self.limiter.export_one(counter, period, now);
        let settled = delta.as_ref().map_or(0, |delta| delta.amount);
        let wish = need.saturating_mul(FIRST).max(spent.saturating_mul(2));
        let lease = Lease { key, settled, amount, need, wish };
        let leased = self.directory.write(store.lease_quota(Scope::All, &lease)).await;
        match &leased {
            Ok(_) => self.limiter.confirm(delta.as_slice()),
            Err(_) => self.limiter.fail(delta.as_slice()),
        }
        let Leased { used, units } = leased?;
        Ok((used, Grant { units, until: now.monotonic.saturating_add(EVERY) }))
    }

    fn store(&self) -> Result<&Store, Unknown> {
        self.directory.store().filter(|_| !self.directory.is_away()).ok_or(Unknown::Away)
    }

    async fn lane(&self, key: &Key) -> MutexGuard<'_, ()> {
        self.lanes[key.lane(LANES)].lock().await
    }
}

/// What the store calls a counter: whose account, and who uses which limit.
fn name(credential: Option<&Credential>, key: &str) -> String {
    let account = credential.and_then(|credential| credential.origin.account_id());
    let account = account.map_or_else(|| AccountId::OF_THE_FILE.to_string(), str::to_owned);
    let consumer = credential.map_or("", |credential| Name::as_str(&credential.consumer.name));
    // The key alone tells counters apart; the name is for people, and may be long.
    let consumer: String = consumer.chars().take(100).collect();
    format!("{account} {consumer} {key}")
}

fn stored(name: &str, period: Period) -> Result<QuotaKey, Unanswered> {
    let (account, subject) = name.split_once(' ').ok_or(Error::NotFound("quota"))?;
    // The calendar of the database ends where ours does.
    let period_start = Timestamp::from_second(period.start).unwrap_or(Timestamp::MIN);
    let account = account.parse()?;
    Ok(QuotaKey { account, subject: subject.to_owned(), period_start })
}

fn added(delta: &Delta) -> Result<(QuotaKey, i64), Unknown> {
    Ok((stored(&delta.name, delta.period)?, delta.amount))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
