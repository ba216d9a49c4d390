//! `/api/v1/audit`: who changed what.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use tollgate_store::AuditRow;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::body::Asked;
use super::caller::May;
use super::list::{Items, PageOf};
use super::problem::Result;
use super::rights::AuditRead;

/// The routes of the audit.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// One row of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditView {
    /// Its place in the chain, from 1, without gaps.
    pub seq: i64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who: a `key_id`, or a word such as `bootstrap`.
    pub actor: String,
    /// What, such as `credential.revoke`.
    pub action: String,
    /// To which object: its id.
    pub object: String,
    /// Whose object it is: the account's id.
    pub account: Option<String>,
    /// The object before, without secrets.
    pub before: Option<Value>,
    /// The object after, without secrets.
    pub after: Option<Value>,
    /// Hash over all of it and over the hash before, in hexadecimal.
    pub hash: String,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at.to_string(),
            actor: row.actor,
            action: row.action,
            object: row.object,
            account: row.account.map(|id| id.to_string()),
            before: row.before,
            after: row.after,
            hash: hex::encode(row.hash),
        }
    }
}

/// List the audit
///
/// Oldest rows first. A key without the scope `admin` sees what concerns its own account.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(PageOf),
    responses((status = 200, description = "One page", body = Items<AuditView>)),
    security(("admin_key" = ["audit:read"])))]
async fn list(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<AuditRead>,
    Asked(page): Asked<PageOf>,
) -> Result<Json<Items<AuditView>>> {
    let rows = control.store()?.audit(caller.scope, &page.paging()).await?;
    Ok(Json(Items::of(rows, AuditView::from)))
}
