//! The control plane: accounts, consumers, keys, usage and audit over HTTP, the auth-service contract, and probes.
//!
//! A call goes through [`around`], which gives it an id and its answer a form; its handler names in its signature which
//! right of an admin key it needs ([`caller::May`]); what it changes happens in one transaction of the store together
//! with its audit row and, where the caller may repeat it, its answer ([`once`]). The OpenAPI document is made from the
//! handlers ([`document`]).

mod accounts;
mod around;
mod audit;
mod auth_service;
mod body;
mod caller;
mod consumers;
mod credential;
mod credentials;
mod decisions;
mod declared;
mod document;
mod grant;
mod in_force;
mod keys;
mod list;
mod matrix;
mod metrics;
mod once;
mod probes;
mod problem;
mod quota;
mod rights;
mod serve;
mod throttle;
mod usage;
mod value;
mod worker;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;
use tollgate_store::Store;
use utoipa_axum::router::OpenApiRouter;

use self::problem::{Problem, Result};
use self::throttle::Throttle;
use crate::directory;
use crate::state::Gate;

pub use self::caller::{Bootstrap, Peer};
pub use self::rights::SCOPES;
pub use self::serve::{Identity, Listening};
pub use self::worker::worker_probes;

/// Wrong admin keys that one address may send in a minute.
const FAILURES: u64 = 60;
/// Keys that one address may ask about in a minute, and at once.
const VALIDATIONS: (u64, u64) = (6000, 1000);

/// What the control plane works with.
#[derive(Debug)]
pub struct Control {
    gate: Arc<Gate>,
    settings: Settings,
    failures: Throttle,
    validations: Throttle,
    calls: metrics::Calls,
}

/// What the control plane is told at the start.
pub struct Settings {
    /// A key for the time before there is one in the store.
    pub bootstrap: Option<Bootstrap>,
    /// Names that the admin listener is called by, beside loopback names and its own address.
    pub hosts: Vec<String>,
    /// Networks that report usage without a key.
    pub callers: Vec<IpNet>,
    /// Counts open connections of the data plane.
    pub connections: Box<dyn Fn() -> usize + Send + Sync>,
}

impl Control {
    /// The control plane of this gate.
    pub fn new(gate: Arc<Gate>, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            gate,
            settings,
            failures: Throttle::new("failures", FAILURES, FAILURES),
            validations: Throttle::new("validations", VALIDATIONS.0, VALIDATIONS.1),
            calls: metrics::Calls::default(),
        })
    }

    /// The store; 503 as long as it could not be opened.
    fn store(&self) -> Result<&Store> {
        let away = || {
            let detail = "the store is away; nothing was changed";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", detail).retry_after(1)
        };
        self.gate.directory.store().ok_or_else(away)
    }

    /// The time of the wall clock.
    fn now(&self) -> Timestamp {
        directory::timestamp(self.gate.clock.now())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { bootstrap: None, hosts: Vec::new(), callers: loopback(), connections: Box::new(|| 0) }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hosts, callers, .. } = self;
        f.debug_struct("Settings").field("hosts", hosts).field("callers", callers).finish_non_exhaustive()
    }
}

/// Callers that may report usage without a key unless the file names others.
pub fn loopback() -> Vec<IpNet> {
    let networks = [IpNet::new(Ipv4Addr::LOCALHOST.into(), 8), IpNet::new(Ipv6Addr::LOCALHOST.into(), 128)];
    networks.into_iter().flatten().map(|network| network.trunc()).collect()
}

/// Everything, for the admin listener.
pub fn admin(control: &Arc<Control>) -> Router {
    let router = finish(control, all().split_for_parts().0);
    router
        .layer(from_fn_with_state(control.clone(), around::own_hosts))
        .layer(from_fn_with_state(control.clone(), around::every_call))
}

/// Health, readiness and metrics, for a listener of their own.
pub fn probes(control: &Arc<Control>) -> Router {
    let router = finish(control, probes::routes().split_for_parts().0);
    router.layer(from_fn_with_state(control.clone(), around::every_call))
}

/// The auth-service contract, for a listener of its own.
pub fn auth_api(control: &Arc<Control>) -> Router {
    let router = finish(control, auth_service::routes().split_for_parts().0);
    router.layer(from_fn_with_state(control.clone(), around::every_call))
}

/// The OpenAPI document of the admin listener.
pub fn openapi() -> Value {
    let document = document::finish(all().split_for_parts().1);
    serde_json::to_value(&document).unwrap_or_default()
}

/// Every route of the control plane; a new part is one more line.
fn all() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::with_openapi(document::frame())
        .merge(keys::routes())
        .merge(consumers::routes())
        .merge(credentials::routes())
        .merge(accounts::routes())
        .merge(usage::routes())
        .merge(auth_service::routes())
        .merge(audit::routes())
        .merge(declared::routes())
        .merge(quota::routes())
        .merge(matrix::routes())
        .merge(decisions::routes())
        .merge(probes::routes())
        .merge(document::routes())
}

fn finish(control: &Arc<Control>, router: Router<Arc<Control>>) -> Router {
    router
        .fallback(around::nothing_here)
        .method_not_allowed_fallback(around::other_method)
        .with_state(control.clone())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
