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

/// What was used in truth.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QuotaChange {
    /// So much, of the present period.
    #[schema(minimum = 0)]
    used: i64,
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
    if wanted.used < 0 {
        return Err(Problem::invalid("used", "must not be below 0"));
    }
    let mut counted = control.counted(&caller, &text).await?;
    counted.retain(|one| wanted.limit.as_deref().is_none_or(|limit| one.rule.name() == limit));
    counted.retain(|one| {
        wanted.tier.is_none()
            || one.credential.consumer.tier.as_ref().map(Name::as_str) == wanted.tier.as_deref()
    });
    let one = match &counted[..] {
        [one] => one,
        [] => return Err(Problem::invalid("limit", "is no quota of this consumer")),
        _ => return Err(Problem::invalid("limit", "must say which one; the consumer has several quotas")),
    };
    let counter = Counter { key: &one.key, quota: &one.quota, credential: Some(&one.credential) };
    let (what, now) = (format!("{text} {}", one.rule.name()), control.gate.clock.now());
    let used = i64::try_from(one.quota.unit.parts()).unwrap_or(1).saturating_mul(wanted.used);
    let corrected = control.gate.quotas.correct(&counter, &caller.actor, &what, used, now).await;
    corrected.map_err(unknown)?;
    control.quotas_of(&caller, &text).await.map(Json)
}

impl Control {
    async fn quotas_of(&self, caller: &Caller, text: &str) -> Result<Items<QuotaView>> {
        let now = self.gate.clock.now();
        let mut items = Vec::new();
        for Counted { rule, quota, key, credential } in self.counted(caller, text).await? {
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

    /// The quotas of a consumer of the file or the store, each once.
    async fn counted(&self, caller: &Caller, text: &str) -> Result<Vec<Counted>> {
        let live = self.gate.live();
        let declared = live.snapshot.consumers.get(text).filter(|consumer| caller.sees(&consumer.account));
        let credentials = match declared {
            Some(consumer) => explain::credentials_of(&live.snapshot, &consumer.name),
            None => {
                let name = Name::new(text).map_err(|_| Problem::not_found("consumer"))?;
                let found = self.gate.directory.of_consumer(caller.scope, &name).await;
                let found = found.map_err(Denial::Directory).map_err(|denial| {
                    let detail = "nobody can say what the consumer's credentials are";
                    Problem::new(denial.status(), denial.code(), detail).retry_after(1)
                })?;
                found.ok_or_else(|| Problem::not_found("consumer"))?
            }
        };
        let mut counted: Vec<Counted> = Vec::new();
        for credential in credentials {
            for rule in credential.consumer.limits.iter() {
                let Limit::Quota(quota) = rule.limit() else { continue };
                // Counted per consumer, so that no address has a say.
                let key = rule.key(Some(&credential), std::net::Ipv4Addr::UNSPECIFIED.into());
                if counted.iter().all(|known| known.key != key) {
                    let (rule, quota) = (rule.clone(), quota.clone());
                    counted.push(Counted { rule, quota, key, credential: credential.clone() });
                }
            }
        }
        Ok(counted)
    }
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
