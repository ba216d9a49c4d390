//! Routes, and the services that several routes share.

use serde_json::Value;

use super::plugins::{self, Plugins, Treatment};
use super::{DESCRIPTION, Import, upstreams};
use crate::cli::import::members::{Members, id_of};
use crate::cli::import::parts;
use crate::cli::import::yaml::{Entries, Node};

/// What routes take over from a service unless they say otherwise.
#[derive(Debug, Clone, Default)]
pub struct Service<'a> {
    upstream: Option<String>,
    plugins: Plugins<'a>,
    hosts: Option<Vec<&'a str>>,
    websocket: Option<bool>,
}

/// Remembers a service. One that does not arrive whole is unknown to its routes, which are then lost too.
pub fn service<'a>(import: &mut Import<'a>, value: &'a Value, place: String) {
    let before = import.report.lost.len();
    let Some(mut members) = Members::of(value, place, &mut import.report) else {
        return;
    };
    let Some(id) = members.need("id", Members::id, &mut import.report) else {
        return;
    };
    let shared = shared(import, &mut members, &id);
    members.skip(&DESCRIPTION);
    members.finish(&mut import.report);
    if import.report.lost.len() == before && import.services.insert(id.clone(), shared).is_some() {
        import.report.lose("services", &format!("{id:?} is named twice"));
    }
}

/// Adds one route, if it arrives whole; one for each of its paths.
pub fn route<'a>(import: &mut Import<'a>, value: &'a Value, place: String) {
    let before = import.report.lost.len();
    let Some(routes) = read(import, value, place) else {
        return;
    };
    if import.report.lost.len() == before {
        import.draft.routes.extend(routes);
    }
}

fn read<'a>(import: &mut Import<'a>, value: &'a Value, place: String) -> Option<Entries> {
    let before = import.report.lost.len();
    let mut members = Members::of(value, place, &mut import.report)?;
    if members.take("status").and_then(Value::as_u64) == Some(0) {
        import.report.note(members.place(), "the route is switched off (`status: 0`) and left out");
        return None;
    }
    let id = members.id("id", &mut import.report).or_else(|| members.id("name", &mut import.report));
    members.skip(&DESCRIPTION);
    let paths = paths(import, &mut members);
    let name = match &id {
        Some(id) => import.routes.give(id, members.place(), &mut import.report)?,
        None => import.routes.invent(paths.first()?),
    };
    let own = shared(import, &mut members, &name);
    let merged = merge(import, &mut members, own)?;
    refuse_priority(import, &mut members);
    let mut matching: Entries = Vec::new();
    if let Some(methods) = members.texts("methods", &mut import.report) {
        let methods = parts::methods(&methods, &members.place_of("methods"), &mut import.report)?;
        matching.push(("methods".to_owned(), methods));
    }
    matching.extend(merged.hosts.map(|hosts| ("hosts".to_owned(), Node::texts(hosts))));
    let Some(upstream) = merged.upstream else {
        if import.report.lost.len() == before {
            import.report.lose(members.place(), "the route leads to no upstream");
        }
        return None;
    };
    let websocket = merged.websocket == Some(true);
    let treatment = plugins::treat(&merged.plugins, members.place(), &import.consumers, &mut import.report)?;
    members.finish(&mut import.report);
    let one = |path: String| {
        let mut matching = matching.clone();
        matching.insert(0, ("path".to_owned(), Node::text(path)));
        body(matching, &upstream, &treatment, websocket)
    };
    let mut paths = paths.into_iter();
    let mut routes: Entries = vec![(name.clone(), one(paths.next()?))];
    routes.extend(paths.map(|path| (import.routes.invent(&name), one(path))));
    Some(routes)
}

/// Priorities decide between routes of one path, which here the path itself does.
fn refuse_priority(import: &mut Import<'_>, members: &mut Members<'_>) {
    let priority = members.take("priority").and_then(id_of);
    if priority.is_some_and(|priority| priority != "0") {
        let why = "the more specific path wins here, whatever its priority";
        import.report.lose(&members.place_of("priority"), why);
    }
}

/// The patterns of `uri` and `uris`.
fn paths(import: &mut Import<'_>, members: &mut Members<'_>) -> Vec<String> {
    let report = &mut import.report;
    let mut found: Vec<(&str, String)> =
        members.text("uri", report).map(|uri| (uri, members.place_of("uri"))).into_iter().collect();
    let uris = members.texts("uris", report).unwrap_or_default();
    found.extend(uris.into_iter().map(|uri| (uri, members.place_of("uris"))));
    if found.is_empty() {
        report.lose(members.place(), "a route needs `uri` or `uris`");
    }
    found.into_iter().filter_map(|(uri, place)| parts::pattern(uri, &place, report)).collect()
}

/// Reads what routes and services have in common.
fn shared<'a>(import: &mut Import<'a>, members: &mut Members<'a>, owner: &str) -> Service<'a> {
    let plugins = match members.members("plugins", &mut import.report) {
        Some(mut plugins) => plugins.take_all(),
        None => Plugins::new(),
    };
    let upstream = match members.id("upstream_id", &mut import.report) {
        Some(id) => {
            let found = import.upstreams.find(&id).map(str::to_owned);
            if found.is_none() {
                let why = format!("there is no upstream {id:?}, or it was not carried over");
                import.report.lose(&members.place_of("upstream_id"), &why);
            }
            found
        }
        None => {
            let inline = members.members("upstream", &mut import.report);
            inline.and_then(|members| upstreams::inline(import, members, owner))
        }
    };
    let report = &mut import.report;
    let hosts =
        members.texts("hosts", report).or_else(|| members.text("host", report).map(|host| vec![host]));
    Service { upstream, plugins, hosts, websocket: members.flag("enable_websocket", report) }
}

/// What the route says comes before what its service says, plugin by plugin.
fn merge<'a>(import: &mut Import<'a>, members: &mut Members<'a>, own: Service<'a>) -> Option<Service<'a>> {
    let Some(id) = members.id("service_id", &mut import.report) else {
        return Some(own);
    };
    let Some(service) = import.services.get(&id).cloned() else {
        let why = format!("there is no service {id:?}, or it was not carried over");
        import.report.lose(&members.place_of("service_id"), &why);
        return None;
    };
    let mut plugins = own.plugins;
    for inherited in service.plugins {
        if !plugins.iter().any(|(name, ..)| *name == inherited.0) {
            plugins.push(inherited);
        }
    }
    Some(Service {
        upstream: own.upstream.or(service.upstream),
        plugins,
        hosts: own.hosts.or(service.hosts),
        websocket: own.websocket.or(service.websocket),
    })
}

fn body(matching: Entries, upstream: &str, treatment: &Treatment, websocket: bool) -> Node {
    let mut entries: Entries =
        vec![("match".to_owned(), Node::Map(matching)), ("upstream".to_owned(), Node::text(upstream))];
    let mut add = |name: &str, node: Option<Node>| entries.extend(node.map(|node| (name.to_owned(), node)));
    add("rewrite", treatment.rewrite.clone().map(Node::Text));
    add("accept", Some(Node::List(treatment.accept.clone())));
    add("allow", treatment.allow.clone().map(Node::texts));
    add("deny", treatment.deny.clone().map(Node::texts));
    add("cors", treatment.cors.clone());
    add("upgrade", websocket.then(|| Node::texts(["websocket"])));
    add("compat", Some(Node::text("apisix")));
    add("errors", Some(Node::text("apisix")));
    Node::Section(entries)
}
