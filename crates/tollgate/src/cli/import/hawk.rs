//! `tollgate import hawk`: the `config.yaml` of a Hawk proxy with upstreams, consumers and routes.

use serde_json::Value;
use tollgate_core::authn::hawk::Algorithm;

use super::Imported;
use super::draft::{self, Draft, Names};
use super::members::Members;
use super::parts::{self, Kind};
use super::report::Report;
use super::yaml::{Entries, Node};

/// The names that routes refer to, and their own.
#[derive(Debug, Default)]
struct Known {
    upstreams: Names,
    consumers: Names,
    routes: Names,
}

/// Converts the file.
///
/// # Errors
/// None beyond what the caller has checked: the top is a mapping.
pub fn convert(_text: &str, root: &Value) -> anyhow::Result<Imported> {
    let mut report = Report::default();
    let mut known = Known::default();
    let mut draft = Draft::default();
    let Some(mut members) = Members::of(root, String::new(), &mut report) else {
        anyhow::bail!("a mapping was expected at the top");
    };
    let lists = ["upstreams", "consumers", "routes"].map(|name| members.list(name, &mut report));
    let [upstreams, consumers, routes] = lists;
    members.finish(&mut report);
    draft.upstreams = draft::named(upstreams, &mut known.upstreams, &mut report, upstream);
    draft.consumers = draft::named(consumers, &mut known.consumers, &mut report, consumer);
    for (item, place) in routes {
        let read = |report: &mut Report| route(Members::of(item, place, report)?, &mut known, report);
        draft.routes.extend(report.whole(read));
    }
    let note = "signatures are checked over an empty host, as mohawk makes them of a path alone; \
                `hawk: { host: header }` binds them to the host that callers name";
    report.notes.push(note.to_owned());
    Ok(Imported { config: draft.write("127.0.0.1:8080", "apisix"), report })
}

fn upstream(mut members: Members<'_>, report: &mut Report) -> Option<(String, Node)> {
    let id = members.need("id", Members::id, report)?;
    let mut targets = Vec::new();
    for (node, place) in members.list("nodes", report) {
        let mut node = Members::of(node, place, report)?;
        let host = node.text("host", report).unwrap_or_default();
        let port = node.number("port", report);
        targets.push(Node::text(parts::target(false, host, port, node.place(), report)?));
        node.finish(report);
    }
    if targets.is_empty() {
        report.lose(&members.place_of("nodes"), "an upstream needs a node");
        return None;
    }
    members.skip(&["name"]);
    members.finish(report);
    Some((id, Node::Section(vec![("targets".to_owned(), Node::List(targets))])))
}

fn consumer(mut members: Members<'_>, report: &mut Report) -> Option<(String, Node)> {
    let name = members.need("name", Members::id, report)?;
    let id = members.need("hawk_id", Members::text, report)?;
    let key = members.need("hawk_key", Members::text, report)?;
    let key = parts::value(key, Kind::Secret, &members.place_of("hawk_key"), report)?;
    let algorithm = members.text("algorithm", report).unwrap_or("sha256");
    if let Err(unknown) = algorithm.parse::<Algorithm>() {
        report.lose(&members.place_of("algorithm"), &unknown.to_string());
    }
    members.finish(report);
    let hawk: Entries = vec![
        ("id".to_owned(), Node::text(id)),
        ("key".to_owned(), key),
        ("algorithm".to_owned(), Node::text(algorithm)),
    ];
    let credentials = Node::Rows(vec![Node::one("hawk", Node::Map(hawk))]);
    Some((name, Node::Section(vec![("credentials".to_owned(), credentials)])))
}

fn route(mut members: Members<'_>, known: &mut Known, report: &mut Report) -> Option<(String, Node)> {
    let uri = members.need("uri", Members::text, report)?;
    let path = parts::pattern(uri, &members.place_of("uri"), report)?;
    let name = match members.id("id", report) {
        Some(id) => known.routes.give(&id, members.place(), report)?,
        None => known.routes.invent(uri),
    };
    let mut matching: Entries = vec![("path".to_owned(), Node::text(path))];
    if let Some(methods) = members.texts("methods", report) {
        let methods = parts::methods(&methods, &members.place_of("methods"), report)?;
        matching.push(("methods".to_owned(), methods));
    }
    let upstream = members.need("upstream", Members::id, report)?;
    let Some(upstream) = known.upstreams.find(&upstream) else {
        let why = format!("there is no upstream {upstream:?}, or it was not carried over");
        report.lose(&members.place_of("upstream"), &why);
        return None;
    };
    let rewrite = members.text("rewrite_path", report);
    let rewrite = rewrite.and_then(|path| parts::path(path, &members.place_of("rewrite_path"), report));
    let allowed = members.need("allowed_consumers", Members::texts, report)?;
    let place = members.place_of("allowed_consumers");
    let allow = parts::allowed(&allowed, &known.consumers, &place, report)?;
    members.finish(report);
    let bare_path = Node::one("hawk", Node::one("host", Node::text("bare_path")));
    let mut entries: Entries =
        vec![("match".to_owned(), Node::Map(matching)), ("upstream".to_owned(), Node::text(upstream))];
    entries.extend(rewrite.map(|path| ("rewrite".to_owned(), Node::text(path))));
    entries.push(("accept".to_owned(), Node::List(vec![bare_path])));
    entries.push(("allow".to_owned(), Node::texts(allow)));
    entries.push(("errors".to_owned(), Node::text("apisix")));
    Some((name, Node::Section(entries)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
