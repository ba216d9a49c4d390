//! `/api/v1/usage/{key_id}`: what gateways report, and what it comes to.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollgate_store::{Posted, Posting, PostingKind, UsageSummary};
use utoipa::ToSchema;

use super::{Reach, Reporter};
use crate::admin::Control;
use crate::admin::body::{Body, Part};
use crate::admin::caller::May;
use crate::admin::problem::{Problem, Result};
use crate::admin::rights::UsageRead;

/// Milliseconds that one call may have taken: 30 days.
const MILLIS_MOST: f64 = 2_592_000_000.0;

/// A report of one call. Members that are not known are kept with it.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct Report {
    /// The path that was called.
    #[schema(min_length = 1, max_length = 2048)]
    pub endpoint: Option<String>,
    /// The model that was called.
    #[schema(min_length = 1, max_length = 255)]
    pub model_id: Option<String>,
    /// How long the answer took.
    #[schema(minimum = 0, maximum = 2_592_000_000_i64)]
    pub response_time_ms: Option<f64>,
    /// The status of the answer; of a debit 0, because there is none yet.
    #[schema(minimum = 0, maximum = 999)]
    pub status_code: Option<i64>,
    /// The service that reports.
    #[schema(min_length = 1, max_length = 100)]
    pub service_id: Option<String>,
    /// A report that comes again with the same one is counted once; so does the `Idempotency-Key` of the request.
    #[schema(min_length = 1, max_length = 255)]
    pub idempotency_key: Option<String>,
    /// How long the model computed.
    #[schema(minimum = 0, maximum = 2_592_000_000_i64)]
    pub compute_ms: Option<f64>,
    /// How many predictions there were.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub predictions_count: Option<i64>,
}

/// That a report is stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stored {
    /// Always `accepted`.
    pub status: &'static str,
    /// Names the report.
    pub id: String,
    /// Whether it was stored before.
    pub replayed: bool,
}

/// What a key was used for.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary {
    /// The key.
    pub key_id: String,
    /// All calls.
    pub total_requests: i64,
    /// Calls since midnight, UTC.
    pub requests_today: i64,
    /// Calls since the full hour.
    pub requests_this_hour: i64,
    /// Over the calls of which the time is known.
    pub average_response_time_ms: f64,
    /// The part of calls with a status of 400 or above, from 0 to 1.
    pub error_rate: f64,
    /// Most called first, at most ten.
    pub top_endpoints: Vec<Endpoint>,
}

/// How often an endpoint was called.
#[derive(Debug, Serialize, ToSchema)]
pub struct Endpoint {
    /// The path.
    pub endpoint: String,
    /// Calls.
    pub count: i64,
}

/// Report a call
///
/// From the networks of `auth_api.callers` without a key, from elsewhere with a key of the scope `usage:write`.
#[utoipa::path(post, path = "/api/v1/usage/{key_id}", tag = "auth service", request_body = Report,
    params(("key_id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "It is stored", body = Stored)),
    security(("admin_key" = ["usage:write"]), ()))]
pub async fn report(
    State(control): State<Arc<Control>>,
    Reporter(reach): Reporter,
    Part(id): Part<String>,
    body: Body<Report>,
) -> Result<Json<Stored>> {
    control.post(&reach, &id, PostingKind::Usage, body).await
}

/// Debit a call
///
/// Before it is served. Until there are balances, every debit of a known key is accepted.
#[utoipa::path(post, path = "/api/v1/usage/{key_id}/debit", tag = "auth service", request_body = Report,
    params(("key_id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "It is accepted", body = Stored)),
    security(("admin_key" = ["usage:write"]), ()))]
pub async fn debit(
    State(control): State<Arc<Control>>,
    Reporter(reach): Reporter,
    Part(id): Part<String>,
    body: Body<Report>,
) -> Result<Json<Stored>> {
    control.post(&reach, &id, PostingKind::Debit, body).await
}

/// What a key was used for
#[utoipa::path(get, path = "/api/v1/usage/{key_id}", tag = "auth service",
    params(("key_id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "What its reports come to", body = Summary)),
    security(("admin_key" = ["usage:read"])))]
pub async fn summary(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<UsageRead>,
    Part(id): Part<String>,
) -> Result<Json<Summary>> {
    let reach = caller.into();
    let credential = control.used(&reach, &id).await?;
    let now = control.now().as_second();
    let since =
        |seconds: i64| Timestamp::from_second(now - now.rem_euclid(seconds)).unwrap_or(Timestamp::MIN);
    let summary = control.store()?.usage_summary(reach.scope, credential, since(86_400), since(3600)).await?;
    Ok(Json(Summary::new(id, summary)))
}

impl Control {
    async fn post(
        &self,
        reach: &Reach,
        id: &str,
        kind: PostingKind,
        body: Body<Report>,
    ) -> Result<Json<Stored>> {
        let Body { value: report, text, repeat } = body;
        let text =
            if text.is_empty() { "{}".to_owned() } else { String::from_utf8_lossy(&text).into_owned() };
        let idempotency_key = match (repeat.key, report.idempotency_key) {
            (Some(header), Some(body)) if header != body => {
                return Err(Problem::invalid("idempotency_key", "is another one than that of the header"));
            }
            (header, body) => body.or(header),
        };
        let posting = Posting {
            names: self.names(id),
            credential: self.used(reach, id).await?,
            kind,
            idempotency_key,
            received_at: self.now(),
            endpoint: report.endpoint,
            model: report.model_id,
            service_id: report.service_id,
            status_code: status(report.status_code)?,
            response_us: micros("response_time_ms", report.response_time_ms)?,
            compute_us: micros("compute_ms", report.compute_ms)?,
            predictions: report.predictions_count,
            body: text,
        };
        let posted = self.store()?.post_usage(reach.scope, std::slice::from_ref(&posting)).await?;
        match posted.into_iter().next() {
            Some(Posted::New(id)) => Ok(Json(Stored { status: "accepted", id, replayed: false })),
            Some(Posted::Repeated(id)) => Ok(Json(Stored { status: "accepted", id, replayed: true })),
            Some(Posted::Conflict) => {
                tracing::error!(
                    key_id = id,
                    "a report came again under its idempotency key and says something else"
                );
                let detail = "this idempotency key was used with another report, which stays";
                Err(Problem::new(StatusCode::CONFLICT, "idempotency_key_reused", detail))
            }
            Some(Posted::NotFound) | None => Err(Problem::not_found("credential")),
        }
    }
}

impl Summary {
    fn new(key_id: String, summary: UsageSummary) -> Self {
        // Counts stay far below 2^53, so that nothing is lost.
        let share = |part: i64, of: i64| if of == 0 { 0.0 } else { part as f64 / of as f64 };
        let millis = share(summary.response_us, summary.timed) / 1000.0;
        Self {
            key_id,
            total_requests: summary.requests,
            requests_today: summary.requests_today,
            requests_this_hour: summary.requests_this_hour,
            average_response_time_ms: (millis * 1000.0).round() / 1000.0,
            error_rate: (share(summary.errors, summary.requests) * 10_000.0).round() / 10_000.0,
            top_endpoints: summary
                .endpoints
                .into_iter()
                .map(|one| Endpoint { endpoint: one.endpoint, count: one.requests })
                .collect(),
        }
    }
}

fn micros(field: &str, millis: Option<f64>) -> Result<Option<i64>> {
    match millis {
        None => Ok(None),
        // The range makes the conversion exact to the microsecond.
        Some(millis) if (0.0..=MILLIS_MOST).contains(&millis) => Ok(Some((millis * 1000.0).round() as i64)),
        Some(_) => Err(Problem::invalid(field, format!("must be from 0 to {MILLIS_MOST}"))),
    }
}

fn status(code: Option<i64>) -> Result<Option<i64>> {
    match code {
        None | Some(0..=999) => Ok(code),
        Some(_) => Err(Problem::invalid("status_code", "must be from 0 to 999")),
    }
}
