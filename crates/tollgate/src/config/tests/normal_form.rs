//! A compiled configuration as text that does not depend on the order of hash maps.

use std::fmt::Write;

use tollgate_core::limit::{Limit, Limits};
use tollgate_core::route::Route;
use tollgate_core::upstream::Upstream;

use super::Compiled;
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
    for path in watched {
        let _ = writeln!(out, "watched {}", path.display());
    }
    out
}

fn of_process(out: &mut String, process: &Process) {
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
    let Process { admin, probes, auth_api, callers, workers, drain, data_dir, bounds, .. } = process;
    if probes.is_some() || auth_api.is_some() {
        let _ = writeln!(out, "probes {probes:?} auth_api {auth_api:?} callers {callers:?}");
    }
    let _ = writeln!(out, "admin {admin:?} workers {workers:?} drain {drain:?} data {}", data_dir.display());
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
    if let Some(cors) = &route.cors {
        let _ = writeln!(out, "  {cors:?}");
    }
}

fn of_limits(out: &mut String, limits: &Limits) {
    for rule in limits.iter() {
        let burst = match rule.limit() {
            Limit::Rate(rate) => format!(" burst {}", rate.burst()),
            Limit::Concurrent(_) | Limit::Quota(_) => String::new(),
        };
        let _ = writeln!(out, "  limit {}{burst} per {:?}: {}", rule.limit(), rule.per(), rule.policy());
    }
}
