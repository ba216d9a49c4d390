//! `/api/v1/tiers` and `/routes`: what the configuration file says, to be read only.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tollgate_core::authn::Scheme;
use tollgate_core::consumer::Name;
use tollgate_core::route::{HostPattern, PathPattern, Route};
use tollgate_core::snapshot::Tier;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::body::Asked;
use super::caller::May;
use super::list::{Items, PageOf};
use super::problem::Result;
use super::rights::ConfigRead;

/// The routes of what is declared.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new().routes(routes!(tiers)).routes(routes!(all_routes))
}

/// A tier.
#[derive(Debug, Serialize, ToSchema)]
pub struct TierView {
    /// Its name.
    pub name: String,
    /// Scopes that its consumers have.
    pub scopes: Vec<String>,
    /// What each of its consumers may use, as `RateLimit-Policy` has it.
    pub limits: Vec<String>,
}

/// A route.
#[derive(Debug, Serialize, ToSchema)]
pub struct RouteView {
    /// Its name.
    pub name: String,
    /// Its path; `/x/**` is everything below `/x`.
    pub path: String,
    /// Methods; `null` means any.
    pub methods: Option<Vec<String>>,
    /// Hosts; empty means any.
    pub hosts: Vec<String>,
    /// Where it goes, by name.
    pub upstream: String,
    /// Schemes that it accepts, in their order; `public` lets strangers pass.
    pub accept: Vec<String>,
    /// The only consumers that pass; `null` means any. Of others' consumers a key without `admin` sees nothing.
    pub allow: Option<Vec<String>>,
    /// Consumers that never pass.
    pub deny: Vec<String>,
    /// Scopes that are needed, all of them.
    pub scopes: Vec<String>,
    /// What may be used of it, as `RateLimit-Policy` has it.
    pub limits: Vec<String>,
}

/// List tiers
#[utoipa::path(get, path = "/api/v1/tiers", tag = "declared", params(PageOf),
    responses((status = 200, description = "One page", body = Items<TierView>)),
    security(("admin_key" = ["config:read"])))]
async fn tiers(
    State(control): State<Arc<Control>>,
    _: May<ConfigRead>,
    Asked(page): Asked<PageOf>,
) -> Result<Json<Items<TierView>>> {
    let live = control.gate.live();
    let tiers = live.snapshot.tiers.iter().map(|(name, tier)| (name.to_string(), TierView::new(name, tier)));
    Ok(Json(page.start(tiers)?.full()))
}

/// List routes
#[utoipa::path(get, path = "/api/v1/routes", tag = "declared", params(PageOf),
    responses((status = 200, description = "One page, sorted by name", body = Items<RouteView>)),
    security(("admin_key" = ["config:read"])))]
async fn all_routes(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<ConfigRead>,
    Asked(page): Asked<PageOf>,
) -> Result<Json<Items<RouteView>>> {
    let live = control.gate.live();
    let own: BTreeSet<&Name> = live
        .snapshot
        .consumers
        .values()
        .filter(|consumer| caller.sees(&consumer.account))
        .map(|consumer| &consumer.name)
        .collect();
    let visible = |name: &Name| caller.grant.is_none() || own.contains(name);
    let mut routes: Vec<&Arc<Route>> = live.snapshot.routes.iter().collect();
    routes.sort_by(|a, b| a.name.cmp(&b.name));
    let routes = routes.into_iter().map(|route| (route.name.to_string(), RouteView::new(route, visible)));
    Ok(Json(page.start(routes)?.full()))
}

impl TierView {
    fn new(name: &Name, tier: &Tier) -> Self {
        Self {
            name: name.to_string(),
            scopes: tier.scopes.iter().map(str::to_owned).collect(),
            limits: tier.limits.iter().map(|rule| rule.policy().to_owned()).collect(),
        }
    }
}

impl RouteView {
    fn new(route: &Route, visible: impl Fn(&Name) -> bool) -> Self {
        let names = |names: &mut dyn Iterator<Item = &Name>| -> Vec<String> {
            let seen: BTreeSet<&Name> = names.filter(|name| visible(name)).collect();
            seen.into_iter().map(Name::to_string).collect()
        };
        let schemes = route.accept.schemes.iter().map(|scheme| match scheme {
            Scheme::ApiKey(_) => "api_key",
            Scheme::Jwt(_) => "jwt",
            Scheme::Hawk(_) => "hawk",
        });
        let public = route.accept.public.then_some("public");
        Self {
            name: route.name.to_string(),
            path: match &route.matching.path {
                PathPattern::Exact(path) => path.to_string(),
                PathPattern::Below(path) => format!("{path}/**"),
            },
            methods: route
                .matching
                .methods
                .as_ref()
                .map(|list| list.iter().map(ToString::to_string).collect()),
            hosts: route.matching.hosts.iter().map(host).collect(),
            upstream: route.upstream.name.to_string(),
            accept: schemes.chain(public).map(str::to_owned).collect(),
            allow: route.access.allow.as_ref().map(|allow| names(&mut allow.iter())),
            deny: names(&mut route.access.deny.iter()),
            scopes: route.access.scopes.iter().map(str::to_owned).collect(),
            limits: route.limits.iter().map(|rule| rule.policy().to_owned()).collect(),
        }
    }
}

fn host(pattern: &HostPattern) -> String {
    match pattern {
        HostPattern::Exact(name) => name.to_string(),
        HostPattern::Below(suffix) => format!("*{suffix}"),
    }
}
