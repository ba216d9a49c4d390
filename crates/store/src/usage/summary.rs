//! What a credential's postings come to.

use jiff::Timestamp;

use super::Used;
use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::row::{Columns, Read};
use crate::scope::Scope;
use crate::statement::Statement;
use crate::store::Store;

/// Endpoints that a summary names.
const ENDPOINTS: i64 = 10;

/// What a credential's postings come to; integers alone, whoever shows them divides.
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
    /// The endpoints that were called most.
    pub endpoints: Vec<EndpointCount>,
}

/// How often an endpoint was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointCount {
    /// The path.
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

impl Store {
    /// What a credential's postings come to, debits left out: they announce what usage then reports.
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
        // Sums of integers are decimals in PostgreSQL, hence the casts.
        let sums = Statement::new("SELECT count(*), count(*) FILTER (WHERE received_at >= ").bind(day);
        let sums = sums.push("), count(*) FILTER (WHERE received_at >= ").bind(hour).push(
            "), count(*) FILTER (WHERE status_code >= 400), count(response_us), \
             CAST(coalesce(sum(response_us), 0) AS BIGINT) \
             FROM usage_postings WHERE kind = 'usage' AND credential = ",
        );
        let summary: Option<UsageSummary> = self.database.one(sums.bind(credential.as_str())).await?;
        let mut summary = summary.ok_or(Error::NotFound("credential"))?;
        let endpoints = Statement::new(
            "SELECT endpoint, count(*) FROM usage_postings \
             WHERE kind = 'usage' AND endpoint IS NOT NULL AND credential = ",
        );
        let endpoints = endpoints.bind(credential);
        let endpoints = endpoints.push(" GROUP BY endpoint ORDER BY count(*) DESC, endpoint LIMIT ");
        summary.endpoints = self.database.all(endpoints.bind(ENDPOINTS)).await?;
        Ok(summary)
    }
}
