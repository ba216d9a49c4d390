//! The auth-service contract: what a gateway of somebody else's asks about a key, and what it reports.

mod usage;
mod validate;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use tollgate_core::consumer::Name;
use tollgate_store::{Scope, Used};
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
struct Reporter(Reach);

/// Whose credentials somebody may report of and ask about.
struct Reach {
    scope: Scope,
    /// The account of the scope; absent where it is everything.
    account: Option<Name>,
}

impl FromRequestParts<Arc<Control>> for Reporter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self> {
        no_browser(&parts.headers)?;
        let peer = Peer::from_request_parts(parts, control).await?;
        if let Some(caller) = Caller::find(control, &parts.headers, peer).await? {
            caller.must::<UsageWrite>()?;
            return Ok(Self(caller.into()));
        }
        if control.is_caller(peer.address) {
            return Ok(Self(Reach { scope: Scope::All, account: None }));
        }
        Err(unauthorized("a key with the scope `usage:write` is required from this address", false))
    }
}

impl From<Caller> for Reach {
    fn from(caller: Caller) -> Self {
        Self { scope: caller.scope, account: caller.account }
    }
}

impl Control {
    /// The credential that a report names: the file's, by the id that `validate` tells of it, or the store's.
    async fn used(&self, reach: &Reach, id: &str) -> Result<Used> {
        let live = self.gate.live();
        let declared = live.snapshot.credentials.iter().find(|credential| &*credential.id == id);
        let Some(credential) = declared else { return Ok(Used::Stored(id.parse()?)) };
        let name = &credential.consumer.account;
        if reach.account.as_ref().is_some_and(|own| own != name) {
            return Err(Problem::not_found("credential"));
        }
        let account = match self.store()?.account_named(reach.scope, name).await {
            Ok(account) => Some(account.id),
            Err(tollgate_store::Error::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Used::Declared { id: id.to_owned(), account })
    }

    /// The names of the account and of the consumer of a credential of the file.
    fn names(&self, id: &str) -> Option<(String, String)> {
        let live = self.gate.live();
        let declared = live.snapshot.credentials.iter().find(|credential| &*credential.id == id)?;
        let consumer = &declared.consumer;
        Some((consumer.account.to_string(), consumer.name.to_string()))
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
