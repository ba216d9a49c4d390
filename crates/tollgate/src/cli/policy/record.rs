//! The policy that a configuration follows today.

use http::Method;
use tollgate_core::route::{HostPattern, PathPattern, Route};

use super::file::Called;
use crate::cli::import::yaml::{Entries, Node, flow};
use crate::explain::{self, Explanation, Scene};

const HEAD: &str = "# What the configuration shall allow and refuse: `tollgate test` compares. Without a `consumer` a stranger calls.\n";

/// The text of the policy, and the names of routes for which no request is known.
pub(super) fn policy(scene: &Scene<'_>) -> (String, Vec<String>) {
    let (mut rows, mut skipped) = (Vec::new(), Vec::new());
    for route in scene.snapshot.routes.iter() {
        let Some(called) = reaching(scene, route) else {
            skipped.push(route.name.to_string());
            continue;
        };
        for consumer in scene.snapshot.consumers.keys() {
            let credentials = explain::credentials_of(scene.snapshot, consumer);
            let explanation = explain::pair(scene, Some(consumer), &credentials, route, None);
            rows.push(row(Some(Node::text(consumer.as_str())), &called, &explanation));
        }
        for consumer in explain::names_of_store(scene.snapshot) {
            let place = Node::Map(vec![("store".to_owned(), Node::text(consumer.as_str()))]);
            rows.push(row(Some(place), &called, &explain::named(scene, consumer, route)));
        }
        rows.push(row(None, &called, &explain::pair(scene, None, &[], route, None)));
    }
    // One line each, so that a change of the policy is a change of its lines.
    let lines: String = rows.iter().map(|row| format!("  - {}\n", flow(row))).collect();
    (format!("{HEAD}expectations:\n{lines}"), skipped)
}

fn row(consumer: Option<Node>, called: &Called, explanation: &Explanation) -> Node {
    let mut members = Entries::new();
    if let Some(consumer) = consumer {
        members.push(("consumer".to_owned(), consumer));
    }
    let request = match &called.host {
        // A blank between two plain words is no reason for quotes.
        None if flow(&Node::text(&called.path)) == called.path => Node::Plain(called.to_string()),
        None => Node::text(called.to_string()),
        Some(host) => Node::Map(vec![
            ("method".to_owned(), Node::text(&called.method)),
            ("path".to_owned(), Node::text(&called.path)),
            ("host".to_owned(), Node::text(host)),
        ]),
    };
    members.push(("request".to_owned(), request));
    members.push(("outcome".to_owned(), Node::text(explanation.denial.unwrap_or("allowed"))));
    Node::Map(members)
}

/// A request that the route takes, where no other route takes it before.
fn reaching(scene: &Scene<'_>, route: &Route) -> Option<Called> {
    let method = route.matching.methods.iter().flatten().next().unwrap_or(&Method::GET);
    let host = route.matching.hosts.first().map(|host| match host {
        HostPattern::Exact(name) => name.to_string(),
        HostPattern::Below(suffix) => format!("any{suffix}"),
    });
    let paths = match &route.matching.path {
        PathPattern::Exact(path) => vec![path.to_string()],
        PathPattern::Below(prefix) => ["/", "/any", "/any/any"].map(|rest| format!("{prefix}{rest}")).into(),
    };
    paths.into_iter().find_map(|path| {
        let called = Called { method: method.to_string(), path, host: host.clone() };
        let head = called.asked().head().ok()?.ok()?;
        let found = scene.snapshot.routes.find(&head).ok()?;
        (found.name == route.name).then_some(called)
    })
}
