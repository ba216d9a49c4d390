//! What a credential's calls come to: those of the gate, and those that services report.

use jiff::Timestamp;

use super::{PostingKind, Used};
use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::events::{self, Dimension, Period, UsageFilter, UsageRow};
use crate::id::AccountId;
use crate::row::{Columns, Read};
use crate::scope::Scope;
use crate::statement::Statement;
use crate::store::Store;

/// Endpoints that a summary names.
const ENDPOINTS: usize = 10;

/// What a credential's calls come to; integers alone, whoever shows them divides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSummary {
    /// All calls.
    pub requests: i64,
    /// Calls since the beginning of the day that was asked for.
    pub requests_today: i64,
    /// Calls since the beginning of the hour that was asked for.
    pub requests_this_hour: i64,
    /// Calls that were answered with a status of 400 or above.
    pub errors: i64,
    /// Calls of which the time to the answer is known, and all of these times together.
    pub timed: i64,
    /// In microseconds.
    pub response_us: i64,
    /// The endpoints that were called most: paths as services report them, and the gate's routes.
    pub endpoints: Vec<EndpointCount>,
}

/// How often an endpoint was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointCount {
    /// The path, or the name of the route.
    pub endpoint: String,
    /// Calls.
    pub requests: i64,
}

impl Read for UsageSummary {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            requests: columns.next()?,
            requests_today: columns.next()?,
            requests_this_hour: columns.next()?,
            errors: columns.next()?,
            timed: columns.next()?,
            response_us: columns.next()?,
            endpoints: Vec::new(),
        })
    }
}

impl Read for EndpointCount {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { endpoint: columns.next()?, requests: columns.next()? })
    }
}

impl UsageSummary {
    /// Counts calls of one route that were answered with one status.
    fn add(&mut self, row: &UsageRow) {
        let [route, status] = row.values.as_slice() else { return };
        if is_posted(route.as_deref()) {
            return;
        }
        let calls = row.totals.events().cast_signed();
        let failed =
            status.as_deref().and_then(|status| status.parse::<u16>().ok()).is_some_and(|s| s >= 400);
        self.requests = self.requests.saturating_add(calls);
        self.errors = self.errors.saturating_add(if failed { calls } else { 0 });
        self.timed = self.timed.saturating_add(calls);
        let micros = row.totals.duration_ms.cast_signed().saturating_mul(1000);
        self.response_us = self.response_us.saturating_add(micros);
        let endpoint = route.clone().unwrap_or_default();
        match self.endpoints.iter_mut().find(|known| known.endpoint == endpoint) {
            Some(known) => known.requests = known.requests.saturating_add(calls),
            None => self.endpoints.push(EndpointCount { endpoint, requests: calls }),
        }
    }
}

impl Store {
    /// What a credential's calls come to: the events of the gate, and the postings of services, debits left out, as
    /// they announce what usage then reports. `day` and `hour` are when those of UTC began.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the credential is not within the scope, and what the database says.
    pub async fn usage_summary(
        &self,
        scope: Scope,
        credential: impl Into<Used>,
        day: Timestamp,
        hour: Timestamp,
    ) -> Result<UsageSummary> {
        let used = credential.into();
        match &used {
            Used::Stored(id) => {
                self.credential(scope, *id).await?;
            }
            Used::Declared { account, .. } => {
                scope.check(account.unwrap_or(AccountId::OF_THE_FILE), "credential")?;
            }
        }
        let credential = used.text();
        let mut snapshot = self.rolled_up().await?;
        let mut summary = postings(&mut snapshot, &credential, day, hour).await?;
        let filter = UsageFilter { credential: Some(credential), ..UsageFilter::default() };
        let by = [Dimension::Route, Dimension::Status];
        for row in events::since(&mut snapshot, &filter, &by, Period::Day, Timestamp::UNIX_EPOCH).await? {
            summary.add(&row);
        }
        let by = [Dimension::Route];
        let calls_since = async |snapshot: &mut Transaction, period, start| {
            let rows = events::since(snapshot, &filter, &by, period, start).await?;
            let calls = rows.iter().filter(|row| !is_posted(row.values[0].as_deref()));
            Result::Ok(calls.map(|row| row.totals.events().cast_signed()).sum::<i64>())
        };
        let today = calls_since(&mut snapshot, Period::Day, day).await?;
        let this_hour = calls_since(&mut snapshot, Period::Hour, hour).await?;
        summary.requests_today = summary.requests_today.saturating_add(today);
        summary.requests_this_hour = summary.requests_this_hour.saturating_add(this_hour);
        summary
            .endpoints
            .sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.endpoint.cmp(&b.endpoint)));
        summary.endpoints.truncate(ENDPOINTS);
        Ok(summary)
    }
}

/// Whether events of this route are postings, which are counted as such: their times are kept more exactly.
fn is_posted(route: Option<&str>) -> bool {
    [PostingKind::Usage, PostingKind::Debit].iter().any(|kind| route == Some(kind.route()))
}

/// What services have reported.
async fn postings(
    snapshot: &mut Transaction,
    credential: &str,
    day: Timestamp,
    hour: Timestamp,
) -> Result<UsageSummary> {
    // Sums of integers are decimals in PostgreSQL, hence the casts.
    let sums = Statement::new("SELECT count(*), count(*) FILTER (WHERE received_at >= ").bind(day);
    let sums = sums.push("), count(*) FILTER (WHERE received_at >= ").bind(hour).push(
        "), count(*) FILTER (WHERE status_code >= 400), count(response_us), \
         CAST(coalesce(sum(response_us), 0) AS BIGINT) \
         FROM usage_postings WHERE kind = 'usage' AND credential = ",
    );
    let summary: Option<UsageSummary> = snapshot.one(sums.bind(credential)).await?;
    let mut summary = summary.ok_or(Error::NotFound("credential"))?;
    let endpoints = Statement::new(
        "SELECT endpoint, count(*) FROM usage_postings \
         WHERE kind = 'usage' AND endpoint IS NOT NULL AND credential = ",
    );
    let endpoints = endpoints.bind(credential);
    let endpoints = endpoints.push(" GROUP BY endpoint ORDER BY count(*) DESC, endpoint LIMIT ");
    let most = i64::try_from(ENDPOINTS).unwrap_or(i64::MAX);
    summary.endpoints = snapshot.all(endpoints.bind(most)).await?;
    Ok(summary)
}
