//! `/api/v1/decisions`, `/shadow` and `/explain`: why calls were, would have been or would be refused.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tollgate_core::consumer::Name;
use tollgate_store::Scope;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::body::{Body, Part};
use super::caller::{Caller, May};
use super::problem::{Problem, Result};
use super::rights::{Admin, ConfigRead};
use super::value::body_of;
use crate::explain::live::{self, Failure};
use crate::explain::{Explanation, Request};
use crate::shared::Shared;

/// The routes of decisions.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new().routes(routes!(decision)).routes(routes!(shadow)).routes(routes!(explain))
}

/// What is to be explained: `consumer` and `route`, or `request`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// Who would call.
    consumer: Option<String>,
    /// The route that would be called.
    route: Option<String>,
    /// A request: `path`, and perhaps `method`, `headers`, `body` and `client`. For the scope `admin` alone, as it tells
    /// whose a credential is.
    #[schema(value_type = Option<Object>)]
    request: Option<Request>,
}

/// Say why a call was refused, or would have been
///
/// The last 10,000 of this gate are remembered, by the `X-Request-ID` of the answer; where the fleet has a key, those of other
/// gates for ten minutes. A key without `admin` finds those of its own account's consumers.
#[utoipa::path(get, path = "/api/v1/decisions/{decision}", tag = "decisions",
    params(("decision" = String, Path, description = "The request's id")),
    responses((status = 200, description = "The refusal", body = Object)),
    security(("admin_key" = ["config:read"])))]
async fn decision(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<ConfigRead>,
    Part(id): Part<String>,
) -> Result<Json<Value>> {
    let gate = &control.gate;
    let found = match (gate.decisions.find(&id), &gate.shared) {
        (Some(decision), _) => Some(body_of(decision)?),
        (None, Some(shared)) => shared.decision(&id).await,
        (None, None) => None,
    };
    let found = found.ok_or_else(|| unknown(gate.shared.as_deref()))?;
    if !control.may_see(&caller, found["consumer"].as_str()).await? {
        return Err(unknown(gate.shared.as_deref()));
    }
    Ok(Json(found))
}

/// Where else to ask. It says the same of what is another account's.
fn unknown(fleet: Option<&Shared>) -> Problem {
    let elsewhere = match fleet {
        None => "it answered no such call lately, or lets such calls pass",
        Some(fleet) if fleet.knows_decisions() => {
            "none of the fleet told of it within ten minutes; the gate that answered the call may still know it"
        }
        Some(_) => {
            "ask the gate that answered the call: without `shared.key` each gate of a fleet knows its own alone"
        }
    };
    let detail = format!("this gate remembers no such decision; {elsewhere}");
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}

impl Control {
    /// Whether a decision about this consumer is the caller's to see; about nobody, it is the operators'.
    async fn may_see(&self, caller: &Caller, consumer: Option<&str>) -> Result<bool> {
        if caller.scope == Scope::All {
            return Ok(true);
        }
        let Some(name) = consumer.and_then(|name| Name::new(name).ok()) else { return Ok(false) };
        if let Some(declared) = self.gate.live().snapshot.consumers.get(&name) {
            return Ok(caller.sees(&declared.account));
        }
        match self.store()?.consumer_named(caller.scope, &name).await {
            Ok(_) => Ok(true),
            Err(tollgate_store::Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// List who would be refused
///
/// On routes in shadow, since this gate started: how often, first and last.
#[utoipa::path(get, path = "/api/v1/shadow", tag = "decisions",
    responses((status = 200, description = "Counts by route, caller and refusal", body = Object)),
    security(("admin_key" = ["admin"])))]
async fn shadow(State(control): State<Arc<Control>>, May { .. }: May<Admin>) -> Result<Json<Value>> {
    Ok(Json(body_of(control.gate.decisions.report())?))
}

/// Explain what would become of a call
///
/// Nothing is sent and nothing is counted.
#[utoipa::path(post, path = "/api/v1/explain", tag = "decisions", request_body = Question,
    responses((status = 200, description = "What was judged, in order", body = Object)),
    security(("admin_key" = ["config:read"])))]
async fn explain(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<ConfigRead>,
    Body { value, .. }: Body<Question>,
) -> Result<Json<Value>> {
    let explained = answer(&control, &caller, value).await?;
    Ok(Json(body_of(explained)?))
}

async fn answer(control: &Control, caller: &Caller, question: Question) -> Result<Explanation> {
    let gate = &control.gate;
    let explained = match question {
        Question { consumer: Some(consumer), route: Some(route), request: None } => {
            live::of_pair(gate, caller.scope, &consumer, &route).await
        }
        Question { consumer: None, route: None, request: Some(request) } => {
            if caller.scope != Scope::All {
                caller.must::<Admin>()?;
            }
            live::of_request(gate, &request).await
        }
        _ => return Err(Problem::invalid("consumer", "goes with `route`, or `request` stands alone")),
    };
    explained.map_err(|failure| match failure {
        Failure::Unknown(_) => Problem::not_found("consumer or route"),
        Failure::BadRequest(bad) => Problem::invalid(bad.member, format!("cannot be sent: {}", bad.why)),
        Failure::Denied(denial) => {
            Problem::new(denial.status(), denial.code(), "nobody can say whose the credential is")
                .retry_after(1)
        }
    })
}
