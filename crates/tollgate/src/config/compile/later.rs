//! Settings that are read and checked, and have no effect in this version; units of limits are with the `limits`. Each kind
//! gives one warning, so that nobody relies on it; what would be dangerous to ignore is refused elsewhere.

use super::context::Context;
use crate::config::file::route::Route;
use crate::config::file::spanned::{Named, Spanned};
use crate::config::file::tier::Tier;
use crate::config::file::{File, price};

/// Warns of everything in the file that is not in force.
pub(super) fn file(cx: &mut Context<'_>, file: &File) {
    for item in &file.upstreams.items {
        set(cx, "`capacity`", item.value.capacity.as_ref());
        set(cx, "`queue` of an upstream", item.value.queue.as_ref());
    }
    for item in &file.tiers.items {
        tier(cx, &item.value);
    }
    prices(cx, file);
    for item in file.routes.iter().flat_map(|routes| &routes.items) {
        route(cx, &item.value);
    }
}

fn tier(cx: &mut Context<'_>, tier: &Tier) {
    set(cx, "`weight` of a tier", tier.weight.as_ref());
    set(cx, "`budget`", tier.budget.as_ref());
}

fn prices(cx: &mut Context<'_>, file: &File) {
    set(cx, "`prices`", file.prices.as_ref());
    let no_routes = Named::default();
    let routes = file.routes.as_ref().map_or(&no_routes, |routes| &routes.value);
    for price in file.prices.iter().flat_map(|prices| &prices.value) {
        let price::Price { routes: of_routes, tiers, .. } = price;
        for tier in tiers.iter().flatten() {
            cx.known_name("tier", tier, &file.tiers);
        }
        for route in of_routes.iter().flatten() {
            cx.known_name("route", route, routes);
        }
    }
}

fn route(cx: &mut Context<'_>, route: &Route) {
    set(cx, "`queue` of a route", route.queue.as_ref());
}

fn set<T>(cx: &mut Context<'_>, what: &'static str, setting: Option<&Spanned<T>>) {
    if let Some(Spanned { span, .. }) = setting {
        cx.later(what, *span);
    }
}
