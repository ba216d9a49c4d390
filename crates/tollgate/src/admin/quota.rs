//! `/api/v1/consumers/{name}/quota`: what a consumer used of its quotas, to be seen and to be corrected.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollgate_core::consumer::Name;
use tollgate_core::credential::Credential;
use tollgate_core::denial::Denial;
use tollgate_core::limit::{Key, Limit, Quota, Rule};
use tollgate_core::meter::cost_of;
use tollgate_store::{Dimension, PAGE_LIMIT, Paging, QuotaFigure, Scope, UsageFilter, UsageQuery};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::body::{Body, Part};
use super::caller::{Caller, May};
use super::list::Items;
use super::problem::{Problem, Result};
use super::rights::{Admin, ConsumersRead};
use crate::explain;
use crate::quotas::{Counter, Unknown};

/// The routes of quotas.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new().routes(routes!(show, correct))
}

/// What was used of one quota in the present period.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuotaView {
    /// The limit, as `RateLimit-Policy` names it.
    pub limit: String,
    /// What is counted.
    pub unit: String,
    /// How much of it may be used in a period.
    pub amount: u64,
    /// How much was used, what gates hold for a moment included; rounded up.
    pub used: u64,
    /// How much is left.
    pub remaining: u64,
    /// `day` or `month`.
    pub every: String,
    /// When the period began.
    #[schema(format = DateTime)]
    pub period_start: String,
    /// When the next one begins.
    #[schema(format = DateTime)]
    pub period_end: String,
    /// The tier that has the quota.
    pub tier: Option<String>,
}

/// What was used in truth: so much, or what is booked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QuotaChange {
    /// So much, of the present period.
    #[schema(minimum = 0)]
    used: Option<i64>,
    /// True alone: of each quota as much as is booked of the present period, unless more is counted already. For counters that
    /// came out of a backup, which lack what was used after it.
    #[serde(default)]
    booked: bool,
    /// Of which quota, where the consumer has several: `limit` of the list.
    limit: Option<String>,
    /// Of which tier's, where credentials of the consumer are of several.
    tier: Option<String>,
}

/// A quota that calls with a consumer's credential count towards.
struct Counted {
    rule: Rule,
    quota: Quota,
    key: Key,
    credential: Arc<Credential>,
}

/// Show what a consumer used of its quotas
///
/// Of those of its own tier and of its live credentials' tiers, in the present period.
#[utoipa::path(get, path = "/api/v1/consumers/{name}/quota", tag = "consumers",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "Each quota; there is one page", body = Items<QuotaView>)),
    security(("admin_key" = ["consumers:read"])))]
async fn show(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<ConsumersRead>,
    Part(text): Part<String>,
) -> Result<Json<Items<QuotaView>>> {
    control.quotas_of(&caller, &text).await.map(Json)
}

/// Correct what a consumer used of a quota
///
/// What other gates hold of it at that moment comes off the figure within a second, as far as they do not use it.
#[utoipa::path(patch, path = "/api/v1/consumers/{name}/quota", tag = "consumers", request_body = QuotaChange,
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "Each quota as it is now", body = Items<QuotaView>)),
    security(("admin_key" = ["admin"])))]
async fn correct(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<Admin>,
    Part(text): Part<String>,
    body: Body<QuotaChange>,
) -> Result<Json<Items<QuotaView>>> {
    let wanted = body.value;
    let credentials = control.quota_holders(&caller, &text).await?;
    let counted = counted(&credentials);
    let set = async |one: &Counted, figure| {
        let counter = Counter { key: &one.key, quota: &one.quota, credential: Some(&one.credential) };
        let (what, now) = (format!("{text} {}", one.rule.name()), control.gate.clock.now());
        control.gate.quotas.correct(&counter, &caller.actor, &what, figure, now).await.map_err(unknown)
    };
    match wanted {
        QuotaChange { booked: true, used: None, limit: None, tier: None } => {
            if counted.iter().any(|one| one.misses_some_of(&credentials)) {
                let why = "is not told apart by tier; give each quota its `used`";
                return Err(Problem::invalid("booked", why));
            }
            for one in &counted {
                let used = control.booked(&text, &one.quota).await?;
                set(one, QuotaFigure::AtLeast(used)).await?;
            }
        }
        QuotaChange { booked: true, .. } => return Err(Problem::invalid("booked", "must be alone")),
        QuotaChange { used: None, .. } => return Err(Problem::invalid("used", "is missing")),
        QuotaChange { used: Some(..0), .. } => return Err(Problem::invalid("used", "must not be below 0")),
        QuotaChange { used: Some(used), limit, tier, .. } => {
            let one = named(&counted, limit.as_deref(), tier.as_deref())?;
            let used = i64::try_from(one.quota.unit.parts()).unwrap_or(1).saturating_mul(used);
            set(one, QuotaFigure::Exactly(used)).await?;
        }
    }
    control.quotas_of(&caller, &text).await.map(Json)
}

/// The one quota of this name and tier, where they are given.
fn named<'c>(counted: &'c [Counted], limit: Option<&str>, tier: Option<&str>) -> Result<&'c Counted> {
    let is_meant = |one: &&Counted| {
        limit.is_none_or(|limit| one.rule.name() == limit)
            && (tier.is_none() || one.credential.consumer.tier.as_ref().map(Name::as_str) == tier)
    };
    let mut meant = counted.iter().filter(is_meant);
    let one = meant.next().ok_or_else(|| Problem::invalid("limit", "is no quota of this consumer"))?;
    match meant.next() {
        None => Ok(one),
        Some(_) => Err(Problem::invalid("limit", "must say which one; the consumer has several quotas")),
    }
}

impl Counted {
    /// Whether not all of these credentials count towards it.
    fn misses_some_of(&self, credentials: &[Arc<Credential>]) -> bool {
        credentials.iter().any(|credential| credential.consumer.tier != self.credential.consumer.tier)
    }
}

impl Control {
    async fn quotas_of(&self, caller: &Caller, text: &str) -> Result<Items<QuotaView>> {
        let now = self.gate.clock.now();
        let mut items = Vec::new();
        for Counted { rule, quota, key, credential } in counted(&self.quota_holders(caller, text).await?) {
            let used = self.gate.quotas.used(&key, &quota, Some(&credential), now).await.map_err(unknown)?;
            let period = quota.period_at(now.wall);
            let moment = |second| Timestamp::from_second(second).unwrap_or_default().to_string();
            items.push(QuotaView {
                limit: rule.name().to_owned(),
                unit: quota.unit.name().to_owned(),
                amount: quota.unit.whole(quota.amount),
                used: used.div_ceil(quota.unit.parts()),
                remaining: quota.unit.whole(quota.amount.saturating_sub(used)),
                every: quota.every.name().to_owned(),
                period_start: moment(period.start),
                period_end: moment(period.end),
                tier: credential.consumer.tier.as_ref().map(Name::to_string),
            });
        }
        Ok(Items { items, next: None })
    }

    /// The credentials of a consumer of the file or the store: one of each tier at least.
    async fn quota_holders(&self, caller: &Caller, text: &str) -> Result<Vec<Arc<Credential>>> {
        let live = self.gate.live();
        let declared = live.snapshot.consumers.get(text).filter(|consumer| caller.sees(&consumer.account));
        if let Some(consumer) = declared {
            return Ok(explain::credentials_of(&live.snapshot, &consumer.name));
        }
        let name = Name::new(text).map_err(|_| Problem::not_found("consumer"))?;
        let found = self.gate.directory.of_consumer(caller.scope, &name).await;
        let found = found.map_err(Denial::Directory).map_err(|denial| {
            let detail = "nobody can say what the consumer's credentials are";
            Problem::new(denial.status(), denial.code(), detail).retry_after(1)
        })?;
        found.ok_or_else(|| Problem::not_found("consumer"))
    }

    /// What is booked of a consumer's calls in the present period of a quota, as the quota counts it.
    async fn booked(&self, consumer: &str, quota: &Quota) -> Result<i64> {
        let period = quota.period_at(self.gate.clock.now().wall);
        let moment = |second| Timestamp::from_second(second).unwrap_or_default();
        let filter = UsageFilter { consumer: Some(consumer.to_owned()), ..UsageFilter::default() };
        let query = UsageQuery {
            from: moment(period.start),
            to: moment(period.end),
            period: None,
            zone: quota.zone.clone(),
            by: vec![Dimension::Route],
            filter,
        };
        let mut paging = Paging { limit: Some(PAGE_LIMIT), ..Paging::default() };
        let mut used = 0_u64;
        loop {
            let report = self.store()?.usage(Scope::All, &query, &paging).await?;
            for row in &report.items {
                // What services told of calls of their own counts towards no quota.
                if !matches!(&row.values[..], [Some(route)] if route.starts_with('@')) {
                    used = used.saturating_add(cost_of(&row.totals.measures).of(quota.unit));
                }
            }
            if report.next.is_none() {
                return Ok(i64::try_from(used).unwrap_or(i64::MAX));
            }
            paging.cursor = report.next;
        }
    }
}

/// The quotas that calls with these credentials count towards, each once.
fn counted(credentials: &[Arc<Credential>]) -> Vec<Counted> {
    let mut counted: Vec<Counted> = Vec::new();
    for credential in credentials {
        for rule in credential.consumer.limits.iter() {
            let Limit::Quota(quota) = rule.limit() else { continue };
            // Counted per consumer, so that no address has a say.
            let key = rule.key(Some(credential), std::net::Ipv4Addr::UNSPECIFIED.into());
            if counted.iter().all(|known| known.key != key) {
                let (rule, quota) = (rule.clone(), quota.clone());
                counted.push(Counted { rule, quota, key, credential: credential.clone() });
            }
        }
    }
    counted
}

fn unknown(why: Unknown) -> Problem {
    match why {
        Unknown::Store(crate::directory::Unanswered::Refused(error)) => error.into(),
        Unknown::Away | Unknown::Store(_) | Unknown::Full => {
            let detail = "the store does not say what was used";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", detail).retry_after(1)
        }
    }
}
