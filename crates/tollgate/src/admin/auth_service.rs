//! The auth-service contract: what a gateway of somebody else's asks about a key, and what it reports.

mod usage;
mod validate;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use tollgate_store::Scope;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::caller::{Caller, Peer, unauthorized};
use super::problem::{Problem, Result};
use super::rights::UsageWrite;

/// The routes of the contract.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new()
        .routes(routes!(validate::validate))
        .routes(routes!(usage::report, usage::summary))
        .routes(routes!(usage::debit))
}

/// How far a report may reach: a key's own account, or everything from a caller's network without a key. As an argument of
/// a handler it is judged before the body is read.
struct Reporter(Scope);

impl FromRequestParts<Arc<Control>> for Reporter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self> {
        no_browser(&parts.headers)?;
        let peer = Peer::from_request_parts(parts, control).await?;
        if let Some(caller) = Caller::find(control, &parts.headers, peer).await? {
            caller.must::<UsageWrite>()?;
            return Ok(Self(caller.scope));
        }
        if control.is_caller(peer.address) {
            return Ok(Self(Scope::All));
        }
        Err(unauthorized("a key with the scope `usage:write` is required from this address", false))
    }
}

impl Control {
    fn is_caller(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.settings.callers.iter().any(|network| network.contains(&address))
    }
}

/// A page in a browser on a caller's machine could report, too, if it were let in; programs send no `Origin`.
fn no_browser(headers: &HeaderMap) -> Result<()> {
    if headers.contains_key(header::ORIGIN) {
        let detail = "this call is for programs; requests of web pages are refused";
        return Err(Problem::new(StatusCode::FORBIDDEN, "browser_refused", detail));
    }
    Ok(())
}
