//! `/api/v1/usage`: what was used, summed up by whatever tells calls apart, and the events behind the sums.
//!
//! Sums come from roll-ups alone, so a question costs what it asks for and not what happened.

mod alarm;
mod asked;
mod event;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;
use tollgate_core::usage::{Measures, Quality};
use tollgate_store::{Dimension, Latencies, Period, UsageQuery, UsageReport, UsageRow, UsageTotals};
use ulid::Ulid;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::alarm::AlarmView;
use self::asked::{AskedEvents, AskedSums};
use self::event::EventView;
use super::Control;
use super::body::{Asked, Part};
use super::caller::May;
use super::list::{Items, PageOf};
use super::problem::{Problem, Result};
use super::rights::{Admin, UsageRead};

/// The routes of usage.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new()
        .routes(routes!(sums))
        .routes(routes!(events))
        .routes(routes!(event))
        .routes(routes!(alarms))
}

/// One page of sums.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sums {
    /// In the order of time, then of the values.
    pub items: Vec<Sum>,
    /// When the latest call began that is counted; what came before is likely to be counted, too.
    #[schema(format = DateTime)]
    pub as_of: Option<String>,
    /// What to ask on with, as `cursor`; `null` on the last page.
    pub next: Option<String>,
}

/// What the calls of one group come to. It has a member for each word of `by`, which is `null` where the calls have none.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Sum {
    /// When the minute began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub minute: Option<String>,
    /// When the hour began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub hour: Option<String>,
    /// The day in `zone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub day: Option<String>,
    /// The name of the account that pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub account: Option<Value>,
    /// The consumer's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub consumer: Option<Value>,
    /// The credential's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub credential: Option<Value>,
    /// The route's name; `@reported` and `@debited` for what services told of calls of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub route: Option<Value>,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub model: Option<Value>,
    /// The status that callers were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u16>)]
    pub status: Option<Value>,
    /// How the calls ended: `served`, `cancelled`, `upstream_error` or `interrupted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub outcome: Option<Value>,
    /// How many events.
    pub events: u64,
    /// The sum of each measure that was taken: `requests`, `tokens_in`, …; `compute_units` is a decimal in a text.
    #[schema(value_type = Object)]
    pub measures: Measures,
    /// How many events each kind of measuring has.
    pub quality: Qualities,
    /// What the calls took.
    pub duration_ms: Times,
    /// What of that was spent with models.
    pub upstream_ms: Times,
}

/// How far the measures can be trusted: a count of events for each way they were taken.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Qualities {
    /// The model said so.
    pub reported: u64,
    /// The gate counted.
    pub counted: u64,
    /// Guessed from the size.
    pub estimated: u64,
}

/// How long something took, in milliseconds; quantiles are within 3.2 %, and `null` where there is nothing.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Times {
    /// All of it together.
    pub sum: u64,
    /// Half of the calls took no longer.
    pub p50: Option<u64>,
    /// 95 of a hundred took no longer.
    pub p95: Option<u64>,
    /// 99 of a hundred took no longer.
    pub p99: Option<u64>,
}

/// Sum up usage
///
/// Over the last 24 hours unless told otherwise. A key without the scope `admin` sees its own account alone. Roll-ups of
/// minutes are kept for two months, those of hours and days for ever.
#[utoipa::path(get, path = "/api/v1/usage", tag = "usage", params(AskedSums),
    responses((status = 200, description = "One page", body = Sums)),
    security(("admin_key" = ["usage:read"])))]
async fn sums(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<UsageRead>,
    Asked(asked): Asked<AskedSums>,
) -> Result<Json<Sums>> {
    let paging = asked.paging();
    let query = asked.query(control.now())?;
    let report = control.store()?.usage(caller.scope, &query, &paging).await?;
    Ok(Json(Sums::of(&query, report)))
}

/// List usage events
///
/// Over the last 24 hours unless told otherwise, the oldest first. Events are kept as long as `ledger.keep` says. A key
/// without the scope `admin` sees those of its own account alone.
#[utoipa::path(get, path = "/api/v1/usage/events", tag = "usage", params(AskedEvents),
    responses((status = 200, description = "One page", body = Items<EventView>)),
    security(("admin_key" = ["usage:read"])))]
async fn events(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<UsageRead>,
    Asked(asked): Asked<AskedEvents>,
) -> Result<Json<Items<EventView>>> {
    let paging = asked.paging();
    let (from, to) = asked.range(control.now())?;
    let filter = asked.filter()?;
    let page = control.store()?.usage_events(caller.scope, &filter, from, to, &paging).await?;
    Ok(Json(Items::of(page, EventView)))
}

/// Show a usage event
///
/// Its id is the `X-Request-ID` of the answer to the call. Events are kept as long as `ledger.keep` says.
#[utoipa::path(get, path = "/api/v1/usage/events/{event}", tag = "usage",
    params(("event" = String, Path, description = "Its id")),
    responses((status = 200, description = "The event", body = EventView)),
    security(("admin_key" = ["usage:read"])))]
async fn event(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<UsageRead>,
    Part(id): Part<String>,
) -> Result<Json<EventView>> {
    let id = Ulid::from_string(&id).map_err(|_| Problem::not_found("usage event"))?;
    Ok(Json(EventView(control.store()?.usage_event(caller.scope, id).await?)))
}

/// List alarms about usage
///
/// What must not be and was seen while events were booked, the first one first: an event that came again with other
/// content, events that are missing. The log says the same at the time. For the scope `admin`.
#[utoipa::path(get, path = "/api/v1/usage/alarms", tag = "usage", params(PageOf),
    responses((status = 200, description = "One page", body = Items<AlarmView>)),
    security(("admin_key" = ["admin"])))]
async fn alarms(
    State(control): State<Arc<Control>>,
    May { .. }: May<Admin>,
    Asked(page): Asked<PageOf>,
) -> Result<Json<Items<AlarmView>>> {
    let page = control.store()?.usage_alarms(&page.paging()).await?;
    Ok(Json(Items::of(page, AlarmView::from)))
}

impl Sums {
    fn of(query: &UsageQuery, report: UsageReport) -> Self {
        Self {
            items: report.items.into_iter().map(|row| Sum::of(query, row)).collect(),
            as_of: report.as_of.map(|at| at.to_string()),
            next: report.next,
        }
    }
}

impl Sum {
    fn of(query: &UsageQuery, row: UsageRow) -> Self {
        let UsageRow { start, values, totals } = row;
        let mut sum = Self::from(&totals);
        if let (Some(period), Some(start)) = (query.period, start) {
            match period {
                Period::Minute => sum.minute = Some(start.to_string()),
                Period::Hour => sum.hour = Some(start.to_string()),
                Period::Day => sum.day = Some(day(start, &query.zone)),
            }
        }
        for (dimension, value) in query.by.iter().zip(values) {
            *sum.member(*dimension) = Some(match (dimension, value) {
                (_, None) => Value::Null,
                (Dimension::Status, Some(text)) => text.parse::<u16>().map_or(Value::Null, Value::from),
                (_, Some(text)) => text.into(),
            });
        }
        sum
    }

    fn member(&mut self, dimension: Dimension) -> &mut Option<Value> {
        match dimension {
            Dimension::Account => &mut self.account,
            Dimension::Consumer => &mut self.consumer,
            Dimension::Credential => &mut self.credential,
            Dimension::Route => &mut self.route,
            Dimension::Model => &mut self.model,
            Dimension::Status => &mut self.status,
            Dimension::Outcome => &mut self.outcome,
        }
    }
}

impl From<&UsageTotals> for Sum {
    fn from(totals: &UsageTotals) -> Self {
        let of = |quality: Quality| totals.qualities[quality as usize];
        Self {
            events: totals.events(),
            measures: totals.measures,
            quality: Qualities {
                reported: of(Quality::Reported),
                counted: of(Quality::Counted),
                estimated: of(Quality::Estimated),
            },
            duration_ms: Times::of(totals.duration_ms, &totals.durations),
            upstream_ms: Times::of(totals.upstream_ms, &totals.upstreams),
            ..Self::default()
        }
    }
}

impl Times {
    fn of(sum: u64, times: &Latencies) -> Self {
        let [p50, p95, p99] = [500, 950, 990].map(|per_mille| times.quantile(per_mille));
        Self { sum, p50, p95, p99 }
    }
}

fn day(start: jiff::Timestamp, zone: &TimeZone) -> String {
    start.to_zoned(zone.clone()).date().to_string()
}
