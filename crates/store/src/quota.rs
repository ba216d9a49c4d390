//! Counters of quotas and budgets: a cache of what the ledger knows, so that a restart need not read all of it.

use jiff::Timestamp;
use serde_json::json;
use tollgate_core::limit::quota_lease;

use crate::change::{Change, Step};
use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::row::{Columns, Read};
use crate::scope::Scope;
use crate::statement::Statement;
use crate::store::Store;
use crate::tables::QUOTAS;
use crate::text;

/// What is counted: one subject of one account in one period.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuotaKey {
    /// Who pays.
    pub account: AccountId,
    /// Who and what is counted: `consumer:ID requests`. The limiter chooses the words.
    pub subject: String,
    /// When the period began.
    pub period_start: Timestamp,
}

/// What a gate wants of a counter: to settle what it took before, and to take something ahead.
#[derive(Debug, Clone)]
pub struct Lease {
    /// What is counted.
    pub key: QuotaKey,
    /// What is settled: more use than the store knows of, or less than was taken before.
    pub settled: i64,
    /// How much may be used in the period.
    pub amount: u64,
    /// Without so much nothing is taken.
    pub need: u64,
    /// How much is wanted, where there is plenty.
    pub wish: u64,
}

/// What a gate got of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    /// How much was used or taken before.
    pub used: u64,
    /// How much was taken now; the counter has it on top.
    pub units: u64,
}

/// What somebody says that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaFigure {
    /// So much, whatever the counter stands at.
    Exactly(i64),
    /// So much, unless the counter stands at more.
    AtLeast(i64),
}

/// A counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// What is counted.
    pub key: QuotaKey,
    /// How much was used.
    pub used: i64,
}

impl Read for Quota {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let key =
            QuotaKey { account: columns.next()?, subject: columns.next()?, period_start: columns.next()? };
        Ok(Self { key, used: columns.next()? })
    }
}

impl Store {
    /// Adds to counters, each of which begins at 0, and gives what they stand at afterwards, in order of their keys. A
    /// key that is named twice gets both. Nothing is refused: whoever counts has admitted already.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another account's counter, [`Error::Invalid`] for subjects that are none.
    pub async fn add_quotas(&self, scope: Scope, added: &[(QuotaKey, i64)]) -> Result<Vec<Quota>> {
        for (key, _) in added {
            check(scope, key)?;
        }
        if added.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows: Vec<&(QuotaKey, i64)> = added.iter().collect();
        // In order, so that two nodes take the rows in one order.
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let mut transaction = self.database.write().await?;
        let mut quotas: Vec<Quota> = Vec::with_capacity(rows.len());
        for (key, amount) in rows {
            let used = add(&mut transaction, key, *amount).await?;
            quotas.retain(|other| other.key != *key);
            quotas.push(Quota { key: key.clone(), used });
        }
        transaction.commit().await?;
        Ok(quotas)
    }

    /// Settles what was taken ahead of a counter, and takes something ahead of it anew, in one step: of many who ask at once
    /// each sees what those before it took. So what all of them hold and used is never more than the amount, however many
    /// they are and whatever becomes of them.
    ///
    /// # Errors
    /// As [`Store::add_quotas`]. Whether it happened is not known then.
    pub async fn lease_quota(&self, scope: Scope, lease: &Lease) -> Result<Leased> {
        check(scope, &lease.key)?;
        let mut transaction = self.database.write().await?;
        // This row is locked from here on to the end, also where nothing is added.
        let used = add(&mut transaction, &lease.key, lease.settled).await?;
        let used = u64::try_from(used).unwrap_or(0);
        let units = quota_lease(lease.amount.saturating_sub(used), lease.need, lease.wish);
        if units > 0 {
            add(&mut transaction, &lease.key, i64::try_from(units).unwrap_or(i64::MAX)).await?;
        }
        transaction.commit().await?;
        Ok(Leased { used, units })
    }

    /// What a counter stands at; 0 where nothing was counted.
    ///
    /// # Errors
    /// What the database says.
    pub async fn quota_used(&self, key: &QuotaKey) -> Result<i64> {
        let row = Statement::new("SELECT used FROM quotas WHERE account = ").bind(key.account);
        let row = row.push(" AND subject = ").bind(key.subject.as_str());
        let row = row.push(" AND period_start = ").bind(key.period_start);
        Ok(self.database.one::<i64>(row).await?.unwrap_or(0))
    }

    /// The counters of periods that began at this time or later, in order of their keys.
    ///
    /// # Errors
    /// What the database says.
    pub async fn quotas(&self, scope: Scope, since: Timestamp) -> Result<Vec<Quota>> {
        let rows = Statement::select(&[&QUOTAS]).push(" FROM quotas WHERE period_start >= ").bind(since);
        let rows = scope.narrow(rows, "account").push(" ORDER BY account, subject, period_start");
        self.database.all(rows).await
    }

    /// Deletes the counters of periods that began before this time.
    ///
    /// # Errors
    /// What the database says.
    pub async fn prune_quotas(&self, before: Timestamp) -> Result<u64> {
        let mut transaction = self.database.write().await?;
        let old = Statement::new("DELETE FROM quotas WHERE period_start < ").bind(before);
        let pruned = transaction.execute(old).await?;
        transaction.commit().await?;
        Ok(pruned)
    }
}

impl Change<'_> {
    /// Sets a counter to what somebody says that was used, and gives what it stands at then; `what` names it in the audit. Of
    /// what gates hold on lease at that moment they give back what they do not use, which comes off the new figure, down to 0.
    ///
    /// # Errors
    /// As [`Store::add_quotas`], and [`Error::Invalid`] for a figure below 0.
    pub async fn set_quota(
        &mut self,
        scope: Scope,
        key: &QuotaKey,
        what: &str,
        figure: QuotaFigure,
    ) -> Result<i64> {
        check(scope, key)?;
        text::check("object", what, 255)?;
        // This row is locked from here on.
        let before = add(&mut self.transaction, key, 0).await?;
        let used = match figure {
            QuotaFigure::Exactly(used) => used,
            QuotaFigure::AtLeast(used) if used <= before => return Ok(before),
            QuotaFigure::AtLeast(used) => used,
        };
        if used < 0 {
            return Err(Error::Invalid { field: "used", why: "must not be below 0".to_owned() });
        }
        let row = Statement::new("UPDATE quotas SET used = ")
            .bind(used)
            .push(" WHERE account = ")
            .bind(key.account);
        let row = row.push(" AND subject = ").bind(key.subject.as_str());
        self.transaction.execute(row.push(" AND period_start = ").bind(key.period_start)).await?;
        let shown = |used: i64| Some(json!({ "used": used, "period_start": key.period_start.to_string() }));
        let step = Step {
            changed: None,
            action: "quota.set".to_owned(),
            object: what.to_owned(),
            account: Some(key.account),
            before: shown(before),
            after: shown(used),
        };
        self.record(vec![step]).await?;
        Ok(used)
    }
}

fn check(scope: Scope, key: &QuotaKey) -> Result<()> {
    scope.check(key.account, "quota")?;
    text::check("subject", &key.subject, 255)
}

/// Adds to one counter, and gives what it stands at then. What is given back of a counter that was set meanwhile takes it to 0
/// and no further, as a counter below 0 would grant more than the quota.
async fn add(transaction: &mut Transaction, key: &QuotaKey, amount: i64) -> Result<i64> {
    const ADD: &str = " ON CONFLICT (account, subject, period_start) \
         DO UPDATE SET used = CASE WHEN quotas.used + excluded.used < 0 THEN 0 \
         ELSE quotas.used + excluded.used END RETURNING used";
    let row = vec![key.account.into(), key.subject.as_str().into(), key.period_start.into(), amount.into()];
    let used = transaction.one::<i64>(Statement::insert(&QUOTAS, [row]).push(ADD)).await?;
    used.ok_or_else(|| Error::Corrupt("a counter vanished".to_owned()))
}
