//! The auth-service contract: what a gateway of somebody else's asks about a key, and what it reports.

mod usage;
mod validate;

use std::net::IpAddr;
use std::sync::Arc;

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

impl Control {
    /// How far a report may reach: a key's own account, or everything from a caller's network without a key.
    async fn reporter(&self, headers: &HeaderMap, peer: Peer) -> Result<Scope> {
        if let Some(caller) = Caller::find(self, headers, peer).await? {
            caller.must::<UsageWrite>()?;
            return Ok(caller.scope);
        }
        if self.is_caller(peer.address) {
            return Ok(Scope::All);
        }
        Err(unauthorized("a key with the scope `usage:write` is required from this address", false))
    }

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
