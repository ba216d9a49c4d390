//! Counters of quotas, one per key and period.
//!
//! The store is the truth and Redis a cache of it. A counter that Redis does not have is not zero: the caller seeds it from
//! the store and asks again.

use std::sync::LazyLock;

use redis::Script;
use tollgate_core::Now;
use tollgate_core::limit::{Key, LEASE_MOST, Lease, Period};

use super::link::Away;
use super::{PREFIX, Shared};

/// A counter as the fleet has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted<T> {
    /// Redis has it.
    Known(T),
    /// It is to be [seeded](Shared::quota_seed).
    Unseeded,
}

/// ARGV: what to do, then numbers. A counter ends a day after its period, which the caller says in Unix seconds.
static QUOTA: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local mode, amount = ARGV[1], tonumber(ARGV[2])
         if mode == 'seed' then
           redis.call('SET', KEYS[1], ARGV[2], 'NX', 'EXAT', ARGV[3])
           return { 0, tonumber(redis.call('GET', KEYS[1])) }
         end
         local used = tonumber(redis.call('GET', KEYS[1]))
         if not used then return {} end
         if mode == 'add' then
           amount = math.max(amount, -used)
         else
           local left = tonumber(ARGV[3]) - used
           amount = math.max(0, math.min(amount, math.floor(left / (2 * tonumber(ARGV[4])))))
         end
         if amount ~= 0 then used = redis.call('INCRBY', KEYS[1], string.format('%.0f', amount)) end
         return { amount, used }",
    )
});

/// How long a counter outlives its period, so that late settlements find it.
const AFTER: i64 = 86_400;

impl Shared {
    /// Adds use, or takes some back, and tells how much the period has with it. It never falls below zero.
    ///
    /// # Errors
    /// [`Away`]: whether it was added is not known.
    pub async fn quota_add(&self, key: &Key, period: Period, units: i64) -> Result<Counted<u64>, Away> {
        let answer = self.ask_quota(key, period, &["add", &units.to_string()]).await?;
        Ok(answer.map_or(Counted::Unseeded, |(_, used)| Counted::Known(used)))
    }

    /// Takes a share of at most `wish` units of a quota of `amount` for this node to spend alone, nothing where little is
    /// left. What of it is unspent at its end is to be [added](Self::quota_add) back.
    ///
    /// # Errors
    /// [`Away`]: a share that was taken unheard is lost until the counter is rebuilt.
    pub async fn quota_lease(
        &self,
        key: &Key,
        period: Period,
        wish: u64,
        amount: u64,
    ) -> Result<Counted<Lease>, Away> {
        let asked_at: Now = self.clock.now();
        let numbers = [wish, amount, u64::from(self.nodes())].map(|number| number.to_string());
        let answer = self.ask_quota(key, period, &["lease", &numbers[0], &numbers[1], &numbers[2]]).await?;
        let lease = |(taken, _)| Counted::Known(Lease::new(taken, asked_at, LEASE_MOST));
        Ok(answer.map_or(Counted::Unseeded, lease))
    }

    /// Tells Redis what the store says of a period, unless another node did so before; how much it has now.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn quota_seed(&self, key: &Key, period: Period, used: u64) -> Result<u64, Away> {
        let ends = period.end.saturating_add(AFTER).to_string();
        let answer = self.ask_quota(key, period, &["seed", &used.to_string(), &ends]).await?;
        Ok(answer.map_or(used, |(_, used)| used))
    }

    async fn ask_quota(
        &self,
        key: &Key,
        period: Period,
        arguments: &[&str],
    ) -> Result<Option<(u64, u64)>, Away> {
        let mut call = QUOTA.key(format!("{PREFIX}quota:{key}:{}", period.start));
        for argument in arguments {
            call.arg(*argument);
        }
        let ask = async |mut connection| call.invoke_async::<Vec<i64>>(&mut connection).await;
        let answer = self.link.with(ask).await?;
        let whole = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(match answer[..] {
            [changed, used] => Some((whole(changed), whole(used))),
            _ => None,
        })
    }
}
