//! A compiled configuration as text that does not depend on the order of hash maps.

use std::fmt::Write;

use tollgate_core::limit::{Limit, Limits};
use tollgate_core::meter::{Estimate, Meters};
use tollgate_core::mode::Mode;
use tollgate_core::route::Route;
use tollgate_core::upstream::Upstream;

use super::Compiled;
use crate::config::Watched;
use crate::config::process::Process;

pub(super) fn of(compiled: &Compiled) -> String {
    let mut out = String::new();
    let Compiled { process, snapshot, watched, .. } = compiled;
    of_process(&mut out, process);
    let _ = writeln!(out, "errors {:?}", snapshot.errors);
    for upstream in &snapshot.upstreams {
        of_upstream(&mut out, upstream);
    }
    for (name, tier) in &snapshot.tiers {
        let _ = writeln!(out, "tier {name}: scopes [{}]", tier.scopes);
        of_limits(&mut out, &tier.limits);
    }
    for (scope, tier) in &snapshot.tier_by_scope.rows {
        let _ = writeln!(out, "scope {scope}: tier {tier}");
    }
    if let Some(tier) = &snapshot.tier_by_scope.default {
        let _ = writeln!(out, "no such scope: tier {tier}");
    }
    for route in snapshot.routes.iter() {
        of_route(&mut out, route);
    }
    for consumer in snapshot.consumers.values() {
        let tier = consumer.tier.as_ref().map_or("none", |tier| tier.as_str());
        let _ = writeln!(
            out,
            "consumer {}: account {}, tier {tier}, scopes [{}]",
            consumer.name, consumer.account, consumer.scopes
        );
    }
    let mut credentials: Vec<_> = snapshot.credentials.iter().collect();
    credentials.sort_by_key(|credential| (credential.consumer.name.clone(), credential.id.clone()));
    for credential in credentials {
        let scopes = credential.scopes();
        let kind = credential.proof.kind();
        let _ = writeln!(
            out,
            "credential {} {kind} of {}, scopes [{scopes}]",
            credential.id, credential.consumer.name
        );
    }
    for Watched { path, .. } in watched {
        let _ = writeln!(out, "watched {}", path.display());
    }
    out
}

fn of_process(out: &mut String, process: &Process) {
    if let Some(shared) = &process.shared {
        let _ = writeln!(
            out,
            "shared password {} key {} nodes {}",
            shared.has_password(),
            shared.key.is_some(),
            shared.nodes
        );
    }
    for listener in &process.listen {
        let proxies: Vec<_> = listener.trusted_proxies.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            out,
            "listen {} tls {} proxies [{}] {:?}",
            listener.address,
            listener.tls.is_some(),
            proxies.join(" "),
            listener.connections
        );
    }
    let Process { admin, probes, auth_api, callers, workers, drain, data_dir, ledger, bounds, .. } = process;
    if probes.is_some() || auth_api.is_some() {
        let _ = writeln!(out, "probes {probes:?} auth_api {auth_api:?} callers {callers:?}");
    }
    let _ = writeln!(out, "admin {admin:?} workers {workers:?} drain {drain:?} data {}", data_dir.display());
    let _ = writeln!(out, "{ledger:?}");
    let _ = writeln!(out, "{bounds:?}");
}

fn of_upstream(out: &mut String, upstream: &Upstream) {
    let _ = writeln!(out, "upstream {}: {:?}, {:?}", upstream.name, upstream.timeout, upstream.host);
    for target in &upstream.targets {
        let _ = writeln!(
            out,
            "  target secure {} {} port {} base {:?} weight {}",
            target.secure, target.authority, target.port, target.base, target.weight
        );
    }
    let _ = writeln!(out, "  {:?}", upstream.health);
    let _ = writeln!(out, "  {:?}", upstream.tls);
    let _ = writeln!(out, "  credential {:?}", upstream.credential);
}

fn of_route(out: &mut String, route: &Route) {
    let names = |set: &foldhash::HashSet<tollgate_core::consumer::Name>| {
        let mut names: Vec<_> = set.iter().map(|name| name.as_str()).collect();
        names.sort_unstable();
        names.join(" ")
    };
    let _ = writeln!(out, "route {} -> {}", route.name, route.upstream.name);
    let _ = writeln!(out, "  {:?}", route.matching);
    let _ = writeln!(
        out,
        "  {:?}, body {:?}, websocket {}, {:?}",
        route.rewrite, route.body_max, route.websocket, route.errors
    );
    if route.mode != Mode::Enforce {
        let _ = writeln!(out, "  {:?}", route.mode);
    }
    let _ = writeln!(out, "  public {}, {:?}", route.accept.public, route.accept.compat);
    for scheme in &route.accept.schemes {
        let _ = writeln!(out, "  {scheme:?}");
    }
    let allow = route.access.allow.as_ref().map_or("anyone".to_owned(), names);
    let _ = writeln!(
        out,
        "  allow [{allow}] deny [{}] scopes [{}]",
        names(&route.access.deny),
        route.access.scopes
    );
    of_limits(out, &route.limits);
    if route.meters != Meters::default() {
        of_meters(out, &route.meters);
    }
    if let Some(cors) = &route.cors {
        let _ = writeln!(out, "  {cors:?}");
    }
}

fn of_meters(out: &mut String, meters: &Meters) {
    let Meters {
        off,
        tokens_in,
        tokens_out,
        bytes_in,
        bytes_out,
        compute_units,
        rows,
        estimate,
        on_hangup,
        model,
        // It follows from the others.
        request: _,
    } = meters;
    let _ = writeln!(
        out,
        "  meters off {off} tokens {tokens_in} {tokens_out} bytes {bytes_in} {bytes_out} rows {rows:?} model {model:?}, hang-up {on_hangup:?}"
    );
    if let Some(units) = compute_units {
        let _ = writeln!(out, "    {units:?}");
    }
    if *estimate != Estimate::default() {
        let _ = writeln!(out, "    {estimate:?}");
    }
}

fn of_limits(out: &mut String, limits: &Limits) {
    for rule in limits.iter() {
        let burst = match rule.limit() {
            Limit::Rate(rate) => format!(" burst {}", rate.unit().whole(rate.burst())),
            Limit::Concurrent(_) | Limit::Quota(_) => String::new(),
        };
        let _ = writeln!(out, "  limit {}{burst} per {:?}: {}", rule.limit(), rule.per(), rule.policy());
    }
}
