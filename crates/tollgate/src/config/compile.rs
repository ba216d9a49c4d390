//! From the file's structs to the types of the core. Every problem is reported; where something cannot be made, `None`
//! goes up and the rest is judged all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_core::consumer::Name;
use tollgate_core::denial::Dialect;
use tollgate_core::snapshot::Snapshot;

use super::file::{self, File};
use super::process::Process;

mod accept;
mod consumers;
mod context;
mod cors;
mod credentials;
mod later;
mod ledger;
mod limits;
mod meters;
mod missing;
mod overlap;
mod paths;
mod pem;
mod process;
mod routes;
mod shared;
mod store;
mod target;
mod tiers;
mod upstreams;

pub(super) use context::{Context, Notes};

/// Compiles what could be read of a file. Something is made even where problems were found; the caller looks at both.
pub(super) fn compile(cx: &mut Context<'_>, file: &File) -> Option<(Process, Snapshot)> {
    later::file(cx, file);
    let process = process::process(cx, file);
    let errors = file.errors.map_or(Dialect::default(), dialect);
    let tiers = tiers::tiers(cx, file);
    let tier_by_scope = tiers::by_scope(cx, file);
    let (consumers, credentials) = consumers::consumers(cx, file, &tiers, &tier_by_scope);
    let upstreams = upstreams::upstreams(cx, file);
    let by_name: BTreeMap<&Name, &Arc<_>> =
        upstreams.iter().map(|upstream| (&upstream.name, upstream)).collect();
    let routes = routes::routes(cx, file, &by_name, errors);
    limits::uncounted(cx, file, &routes);
    let snapshot = Snapshot { routes, upstreams, consumers, credentials, tiers, tier_by_scope, errors };
    Some((process?, snapshot))
}

fn dialect(dialect: file::route::Dialect) -> Dialect {
    match dialect {
        file::route::Dialect::Problem => Dialect::Problem,
        file::route::Dialect::Detail => Dialect::Detail,
        file::route::Dialect::Apisix => Dialect::Apisix,
        file::route::Dialect::Openai => Dialect::Openai,
        file::route::Dialect::Alpa => Dialect::Alpa,
    }
}
