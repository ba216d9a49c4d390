use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::runtime::Handle;
use tollgate_core::Now;
use tollgate_core::admission::Uncounted;
use tollgate_core::consumer::Name;
use tollgate_core::limit::{Cost, Every, Key, Limit, LimitId, Limiter, Owner, Quota, Refusal, Subject, Unit};
use tollgate_store::Store;

use super::{Quotas, Unknown};
use crate::config::process::Directory as Settings;
use crate::directory::Directory;
use crate::state::clock::{Clock, Manual};

const AMOUNT: u64 = 10;

/// One process on a store, and the quota of one consumer.
struct Process {
    limiter: Arc<Limiter>,
    quotas: Quotas,
    limit: Limit,
    key: Key,
    now: Now,
}

impl Process {
    async fn start(folder: &Path) -> Self {
        let settings = Settings { max: 100, stale: Duration::from_mins(10), cut: true };
        let directory = Arc::new(Directory::new(settings, None, Handle::current()));
        let store = Store::open(&format!("sqlite:{}", folder.join("store.db").display())).await.unwrap();
        directory.open(store).await.unwrap();
        let clock = Clock::Manual(Manual::at(Duration::from_secs(1_800_000_000)));
        let limiter = Arc::new(Limiter::new(64));
        let quota = Quota { unit: Unit::Requests, amount: AMOUNT, every: Every::Month, zone: TimeZone::UTC };
        let limit = Limit::Quota(quota);
        let name = Name::new("ann").unwrap();
        let key = Key::new(Subject::consumer(&name), LimitId::new(Owner::Tier(&name), &limit, 0));
        let now = clock.now();
        let quotas = Quotas::new(limiter.clone(), directory, clock);
        Self { limiter, quotas, limit, key, now }
    }

    async fn learn(&self) -> Result<(), Unknown> {
        let Limit::Quota(quota) = &self.limit else { return Ok(()) };
        let uncounted = [Uncounted { key: self.key, quota: quota.clone(), units: 1 }];
        self.quotas.learn(&uncounted, None, self.now).await
    }

    /// How many calls it lets through, of `calls`.
    fn use_up(&self, calls: u64) -> u64 {
        let limits = [(&self.limit, self.key)];
        let let_through =
            (0..calls).filter(|_| match self.limiter.reserve(&limits, &Cost::request(), self.now) {
                Ok(mut reservation) => {
                    reservation.commit();
                    true
                }
                Err(Refusal::Limited { .. } | Refusal::Unloaded { .. }) => false,
            });
        let_through.count() as u64
    }
}

#[tokio::test]
async fn a_restart_gives_nobody_a_quota_anew() {
    let folder = tempfile::tempdir().unwrap();
    let before = Process::start(folder.path()).await;
    assert_eq!(before.use_up(1), 0, "nothing is known yet");
    before.learn().await.unwrap();
    assert_eq!(before.use_up(4), 4);
    before.quotas.flush().await.unwrap();
    assert_eq!(before.use_up(2), 2);
    before.quotas.flush().await.unwrap();
    before.quotas.flush().await.unwrap();

    let after = Process::start(folder.path()).await;
    after.learn().await.unwrap();
    assert_eq!(after.use_up(AMOUNT), AMOUNT - 6);
    // Learning again forgets nothing that the store was not told.
    after.learn().await.unwrap();
    assert_eq!(after.use_up(AMOUNT), 0);
}

#[tokio::test]
async fn what_the_store_does_not_take_is_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path()).await;
    process.learn().await.unwrap();
    assert_eq!(process.use_up(3), 3);
    process.quotas.directory.store().unwrap().close().await;
    assert!(process.quotas.flush().await.is_err());
    let deltas = process.limiter.export(process.now);
    assert_eq!(deltas.iter().map(|delta| delta.amount).sum::<i64>(), 3);
    process.learn().await.unwrap();
    assert_eq!(process.use_up(AMOUNT), AMOUNT - 3, "what is known goes on without the store");
}
