//! `tollgate import hawk`: the `config.yaml` of a Hawk proxy with upstreams, consumers and routes.

use serde_json::Value;
use tollgate_core::authn::hawk::Algorithm;

use super::Imported;
use super::draft::{Draft, Names};
use super::members::Members;
use super::parts::{self, Kind};
use super::report::Report;
use super::yaml::{Entries, Node};

/// What is known while the file is read.
#[derive(Debug, Default)]
struct Import {
    report: Report,
    upstreams: Names,
    consumers: Names,
    routes: Names,
}

/// Converts the file.
///
/// # Errors
/// None beyond what the caller has checked: the top is a mapping.
pub fn convert(_text: &str, root: &Value) -> anyhow::Result<Imported> {
    let mut import = Import::default();
    let mut draft = Draft::default();
    let Some(mut members) = Members::of(root, String::new(), &mut import.report) else {
        anyhow::bail!("a mapping was expected at the top");
    };
    let lists = ["upstreams", "consumers", "routes"].map(|name| members.list(name, &mut import.report));
    let [upstreams, consumers, routes] = lists;
    members.finish(&mut import.report);
    draft.upstreams = upstreams
        .into_iter()
        .filter_map(|item| import.whole(Import::upstream, item))
        .collect();
    draft.consumers = consumers
        .into_iter()
        .filter_map(|item| import.whole(Import::consumer, item))
        .collect();
    draft.routes = routes
        .into_iter()
        .filter_map(|item| import.whole(Import::route, item))
        .collect();
    let Import { mut report, .. } = import;
    let note = "signatures are checked over an empty host, as mohawk makes them of a path alone; \
                `hawk: { host: header }` binds them to the host that callers name";
    report.notes.push(note.to_owned());
    Ok(Imported {
        config: draft.write("127.0.0.1:8080"),
        report,
    })
}

type Step = fn(&mut Import, Members<'_>) -> Option<(String, Node)>;

impl Import {
    /// Reads one item of a list, which arrives whole or not at all.
    fn whole(&mut self, step: Step, (item, place): (&Value, String)) -> Option<(String, Node)> {
        let before = self.report.lost.len();
        let members = Members::of(item, place, &mut self.report)?;
        step(self, members).filter(|_| self.report.lost.len() == before)
    }

    fn upstream(&mut self, mut members: Members<'_>) -> Option<(String, Node)> {
        let report = &mut self.report;
        let id = required(members.id("id", report), &members, "id", report)?;
        let mut targets = Vec::new();
        for (node, place) in members.list("nodes", report) {
            let mut node = Members::of(node, place, report)?;
            let host = node.text("host", report).unwrap_or_default();
            let port = node.number("port", report);
            targets.push(Node::text(parts::target(
                false,
                host,
                port,
                node.place(),
                report,
            )?));
            node.finish(report);
        }
        if targets.is_empty() {
            report.lose(&members.place_of("nodes"), "an upstream needs a node");
            return None;
        }
        let name = self.upstreams.give(&id, members.place(), report)?;
        members.skip(&["name"]);
        members.finish(report);
        Some((
            name,
            Node::Section(vec![("targets".to_owned(), Node::List(targets))]),
        ))
    }

    fn consumer(&mut self, mut members: Members<'_>) -> Option<(String, Node)> {
        let report = &mut self.report;
        let theirs = required(members.id("name", report), &members, "name", report)?;
        let name = self.consumers.give(&theirs, &members.place_of("name"), report)?;
        let id = required(members.text("hawk_id", report), &members, "hawk_id", report)?;
        let key = required(members.text("hawk_key", report), &members, "hawk_key", report)?;
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

    fn route(&mut self, mut members: Members<'_>) -> Option<(String, Node)> {
        let report = &mut self.report;
        let uri = required(members.text("uri", report), &members, "uri", report)?;
        let path = parts::path(uri, &members.place_of("uri"), report)?;
        let name = match members.id("id", report) {
            Some(id) => self.routes.give(&id, members.place(), report)?,
            None => self.routes.invent(uri),
        };
        let mut matching: Entries = vec![("path".to_owned(), Node::text(path))];
        if let Some(methods) = members.texts("methods", report) {
            let methods = parts::methods(&methods, &members.place_of("methods"), report)?;
            matching.push(("methods".to_owned(), methods));
        }
        let upstream = required(members.id("upstream", report), &members, "upstream", report)?;
        let Some(upstream) = self.upstreams.find(&upstream) else {
            let why = format!("there is no upstream {upstream:?}, or it was not carried over");
            report.lose(&members.place_of("upstream"), &why);
            return None;
        };
        let rewrite = members.text("rewrite_path", report);
        let allowed = members.texts("allowed_consumers", report);
        let allowed = required(allowed, &members, "allowed_consumers", report)?;
        let known = allowed.into_iter().filter_map(|consumer| {
            let found = self.consumers.find(consumer).map(str::to_owned);
            if found.is_none() {
                let what = format!("{consumer:?} is no consumer of the file and left out");
                report.note(&members.place_of("allowed_consumers"), &what);
            }
            found
        });
        let allow = Node::texts(known.collect::<Vec<String>>());
        members.finish(report);
        let bare_path = Node::one("hawk", Node::one("host", Node::text("bare_path")));
        let mut entries: Entries = vec![
            ("match".to_owned(), Node::Map(matching)),
            ("upstream".to_owned(), Node::text(upstream)),
        ];
        entries.extend(rewrite.map(|path| ("rewrite".to_owned(), Node::text(path))));
        entries.push(("accept".to_owned(), Node::List(vec![bare_path])));
        entries.push(("allow".to_owned(), allow));
        entries.push(("errors".to_owned(), Node::text("apisix")));
        Some((name, Node::Section(entries)))
    }
}

/// A member that must be there; one of a wrong type has been reported already.
fn required<T>(value: Option<T>, members: &Members<'_>, name: &str, report: &mut Report) -> Option<T> {
    let place = members.place_of(name);
    if value.is_none()
        && !report
            .lost
            .last()
            .is_some_and(|line| line.starts_with(&format!("`{place}`")))
    {
        report.lose(&place, "it is missing");
    }
    value
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
