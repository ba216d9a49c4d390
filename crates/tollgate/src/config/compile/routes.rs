//! Routes.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::HashSet;
use tollgate_core::authn::Accept;
use tollgate_core::consumer::{Name, Scopes};
use tollgate_core::denial::Dialect;
use tollgate_core::limit::{Limits, Owner};
use tollgate_core::mode::{Mode, Percent};
use tollgate_core::route::{Access, Matching, Rewrite, Route, Routes};
use tollgate_core::upstream::Upstream;

use super::context::Context;
use super::{accept, cors, dialect, limits, meters, overlap, paths};
use crate::config::file::route::{self as file, ConsumerNamed, ConsumerPlace};
use crate::config::file::spanned::{Item, Spanned};
use crate::config::file::{self as whole, File};
use crate::config::near::nearest;
use crate::config::problem::Finding;
use crate::config::source::Span;

/// The largest request body where a route does not say.
const BODY_MAX: u64 = 10 * 1024 * 1024;

/// The routes that can be made.
pub(super) fn routes(
    cx: &mut Context<'_>,
    file: &File,
    upstreams: &BTreeMap<&Name, &Arc<Upstream>>,
    errors: Dialect,
) -> Routes {
    let Some(named) = file.routes.as_ref().filter(|named| named.names().next().is_some()) else {
        let place = file.routes.as_ref().map_or(Span::default(), |named| named.span);
        let finding = Finding::at(place, "the file has no routes, so nothing could be served");
        // A misspelt `routes` is reported already.
        cx.error_about(Span { start: 0, end: usize::MAX }, finding.hint("add at least one under `routes`"));
        return Routes::default();
    };
    let mut accepts = HashSet::default();
    let made: Vec<_> = named
        .items
        .iter()
        .filter_map(|item| Some((Arc::new(route(cx, file, item, upstreams, errors, &mut accepts)?), item)))
        .collect();
    overlap::check(cx, &made);
    Routes::new(made.into_iter().map(|(route, _)| route).collect())
}

fn route(
    cx: &mut Context<'_>,
    file: &File,
    item: &Item<file::Route>,
    upstreams: &BTreeMap<&Name, &Arc<Upstream>>,
    errors: Dialect,
    accepts: &mut HashSet<Arc<Accept>>,
) -> Option<Route> {
    let Item { name, value, .. } = item;
    let name = cx.name(name);
    let matching = matching(cx, &value.matching);
    let upstream = cx.known_name("upstream", &value.upstream, &file.upstreams);
    let rewrite = value.rewrite.as_ref().map(|given| paths::rewrite(cx, given, &value.matching.path));
    let accept = accept::accept(cx, item);
    let access = access(cx, file, value);
    let cors = value.cors.as_ref().map(|given| cors::cors(cx, given));
    let meters = meters::meters(cx, value);
    let limits = limits::of_route(cx, value.limits.as_ref(), &meters);
    let mode = value.mode.as_ref().map_or(Mode::Enforce, |given| mode(cx, given));
    let name = name?;
    Some(Route {
        limits: Limits::new(Owner::Route(&name), limits),
        name,
        matching: matching?,
        // Known by name and yet not there: its own problem is reported.
        upstream: Arc::clone(upstreams.get(&upstream?)?),
        rewrite: match rewrite {
            None => Rewrite::Keep,
            Some(rewrite) => rewrite?,
        },
        accept: shared(accepts, accept?),
        access,
        meters,
        mode,
        body_max: value.body.as_ref().map_or(Some(BODY_MAX), |limit| limit.0),
        websocket: value.upgrade.contains(&file::Upgrade::Websocket),
        errors: value.errors.map_or(errors, dialect),
        cors,
    })
}

fn mode(cx: &mut Context<'_>, given: &Spanned<file::Mode>) -> Mode {
    match given.value {
        file::Mode::Enforce => Mode::Enforce,
        file::Mode::Shadow => Mode::Shadow,
        file::Mode::Percent(percent) => match Percent::new(percent) {
            Some(percent) => Mode::Percent(percent),
            None => {
                let finding =
                    Finding::at(given.span, format!("{percent} percent are more than all consumers"));
                cx.error(finding.hint("write a number from 0 to 100"));
                Mode::Enforce
            }
        },
    }
}

/// The same value for equal ones.
fn shared(known: &mut HashSet<Arc<Accept>>, accept: Accept) -> Arc<Accept> {
    match known.get(&accept) {
        Some(known) => known.clone(),
        None => {
            let accept = Arc::new(accept);
            known.insert(accept.clone());
            accept
        }
    }
}

fn matching(cx: &mut Context<'_>, given: &file::Match) -> Option<Matching> {
    let path = paths::pattern(cx, &given.path);
    let methods = given.methods.as_ref().map(|methods| paths::methods(cx, methods));
    let hosts = given.hosts.as_deref().unwrap_or_default();
    let hosts: Vec<_> = hosts.iter().filter_map(|host| paths::host(cx, host)).collect();
    Some(Matching { path: path?, methods, hosts })
}

fn access(cx: &mut Context<'_>, file: &File, route: &file::Route) -> Access {
    if let Some(allow) = route.allow.as_ref().filter(|allow| allow.is_empty()) {
        let finding = Finding::at(allow.span, "`allow` is empty, so nobody could pass");
        cx.error(finding.hint("name consumers, or leave `allow` out to let every identified consumer pass"));
    }
    Access {
        allow: route.allow.as_ref().map(|allow| consumers(cx, file, allow)),
        deny: route.deny.as_ref().map(|deny| consumers(cx, file, deny)).unwrap_or_default(),
        scopes: route.scopes.as_ref().map_or_else(Scopes::default, |scopes| cx.scopes(scopes)),
    }
}

fn consumers(cx: &mut Context<'_>, file: &whole::File, named: &[Spanned<ConsumerNamed>]) -> HashSet<Name> {
    named.iter().filter_map(|one| consumer(cx, file, one)).collect()
}

/// The name of a consumer. Whether the store has one of that name is for the store to say; what the file declares is not
/// there, as its names are reserved.
fn consumer(cx: &mut Context<'_>, file: &whole::File, named: &Spanned<ConsumerNamed>) -> Option<Name> {
    let finding = match &named.value {
        // What is known and yet no name is reported where it is declared.
        ConsumerNamed::Declared(name) if file.consumers.knows(name) => return Name::new(name).ok(),
        ConsumerNamed::Declared(name) => {
            let finding = Finding::at(named.span, format!("there is no consumer `{}`", name.escape_debug()));
            match nearest(name, file.consumers.names()) {
                Some(near) => finding.hint(format!("did you mean `{near}`?")),
                None => finding.hint("declare it under `consumers`; one of the store is `{ store: NAME }`"),
            }
        }
        ConsumerNamed::Elsewhere(ConsumerPlace::Store(name)) if file.consumers.knows(name) => {
            let finding = Finding::at(named.span, format!("this file declares the consumer `{name}`"));
            finding.hint(format!("write `{name}`"))
        }
        ConsumerNamed::Elsewhere(ConsumerPlace::Store(name)) => match Name::of_service(name) {
            Ok(name) => return Some(name),
            Err(error) => Finding::at(named.span, error.to_string()),
        },
    };
    cx.error(finding);
    None
}
