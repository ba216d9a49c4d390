use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::runtime::Handle;
use tollgate_core::Now;
use tollgate_core::admission::Uncounted;
use tollgate_core::consumer::Name;
use tollgate_core::limit::{Cost, Every, Key, Limit, LimitId, Limiter, Owner, Quota, Refusal, Subject, Unit};
use tollgate_store::QuotaFigure::Exactly;
use tollgate_store::{Actor, Store};

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

    /// How many calls it lets through, of `calls`, with what it can learn meanwhile.
    async fn use_up(&self, calls: u64) -> u64 {
        let limits = [(&self.limit, self.key)];
        let mut let_through = 0;
        for _ in 0..calls {
            let mut reserved = self.limiter.reserve(&limits, &Cost::request(), self.now);
            if matches!(reserved, Err(Refusal::Unloaded { .. })) && self.learn().await.is_ok() {
                reserved = self.limiter.reserve(&limits, &Cost::request(), self.now);
            }
            if let Ok(mut reservation) = reserved {
                reservation.commit();
                let_through += 1;
            }
        }
        let_through
    }
}

#[tokio::test]
async fn a_restart_gives_nobody_a_quota_anew() {
    let folder = tempfile::tempdir().unwrap();
    let before = Process::start(folder.path()).await;
    assert_eq!(before.use_up(4).await, 4);
    before.quotas.flush().await.unwrap();
    assert_eq!(before.use_up(2).await, 2);
    before.quotas.close().await.unwrap();

    let after = Process::start(folder.path()).await;
    assert_eq!(after.use_up(AMOUNT).await, AMOUNT - 6);
}

#[tokio::test]
async fn what_was_not_settled_counts_as_used() {
    let folder = tempfile::tempdir().unwrap();
    let killed = Process::start(folder.path()).await;
    assert_eq!(killed.use_up(1).await, 1);
    // It held another one, and nobody knows whether it granted that.
    let after = Process::start(folder.path()).await;
    assert_eq!(after.use_up(AMOUNT).await, AMOUNT - 2);
}

#[tokio::test]
async fn without_the_store_what_is_held_is_granted_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path()).await;
    assert_eq!(process.use_up(1).await, 1);
    process.quotas.directory.store().unwrap().close().await;
    assert_eq!(process.use_up(AMOUNT).await, 1);
}

#[tokio::test]
async fn where_nothing_was_used_nobody_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for used in [0, 1] {
        let process = Process::start(folder.path()).await;
        assert_eq!(process.use_up(used).await, used);
        process.quotas.directory.store().unwrap().close().await;
        assert_eq!(process.quotas.close().await.is_ok(), used == 0);
        // What was told in vain is known to be away.
        assert!(process.learn().await.is_err());
        assert_eq!(process.quotas.close().await.is_ok(), used == 0);
    }
}

#[tokio::test]
async fn an_operator_corrects_what_was_used() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path()).await;
    let Limit::Quota(quota) = &process.limit else { return };
    let counter = super::Counter { key: &process.key, quota, credential: None };
    let actor = Actor::new("test").unwrap();
    for (calls, set, left) in [(AMOUNT, 7, AMOUNT - 7), (0, AMOUNT, 0), (0, 0, AMOUNT), (0, 2, AMOUNT - 2)] {
        process.use_up(calls).await;
        process
            .quotas
            .correct(&counter, &actor, "ann tier", Exactly(i64::try_from(set).unwrap()), process.now)
            .await
            .unwrap();
        let used = process.quotas.used(&process.key, quota, None, process.now).await.unwrap();
        assert_eq!(used, set);
        assert_eq!(process.use_up(AMOUNT + 1).await, left, "{set}");
    }
}

#[tokio::test]
async fn what_others_hold_comes_off_a_correction() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (Process::start(folder.path()).await, Process::start(folder.path()).await);
    let Limit::Quota(quota) = &one.limit else { return };
    let counter = super::Counter { key: &one.key, quota, credential: None };
    assert_eq!(other.use_up(1).await, 1);
    let actor = Actor::new("test").unwrap();
    one.quotas.correct(&counter, &actor, "ann tier", Exactly(5), one.now).await.unwrap();
    other.quotas.close().await.unwrap();
    assert_eq!(one.quotas.used(&one.key, quota, None, one.now).await.unwrap(), 4);
    assert_eq!(one.use_up(AMOUNT).await, AMOUNT - 4);
}
