//! The paths of the OpenAI API.

use std::collections::BTreeMap;

use super::models::Models;
use crate::cli::import::report::Report;
use crate::cli::import::yaml::{Entries, Node};

/// What a route is called, the method, and the path below the base.
const PATHS: [(&str, &str, &str); 5] = [
    ("chat", "POST", "/chat/completions"),
    ("completions", "POST", "/completions"),
    ("embeddings", "POST", "/embeddings"),
    ("responses", "POST", "/responses"),
    ("models", "GET", "/models"),
];

/// Where LiteLLM takes keys from.
const FROM: [&str; 3] = ["bearer", "header:api-key", "header:x-api-key"];

/// Consumers that may use each upstream.
pub type Allowed = BTreeMap<String, Vec<String>>;

/// The routes of every upstream. One upstream has the paths that LiteLLM has, with and without `/v1`; several have
/// their names before them.
pub fn of(models: &Models, allowed: Option<&Allowed>, report: &mut Report) -> Entries {
    let several = models.upstreams.len() > 1;
    let mut routes = Entries::new();
    for upstream in &models.upstreams {
        let name = &upstream.name;
        let allow = allowed.map(|allowed| allowed.get(name).cloned().unwrap_or_default());
        if allow.as_ref().is_some_and(Vec::is_empty) {
            report.note(
                "--keys",
                &format!("no key may use the models of the upstream `{name}`, so it has no routes"),
            );
            continue;
        }
        if several {
            let models = upstream.models.join("`, `");
            report.notes.push(format!("for `{models}` the base URL of callers ends in `/{name}/v1`"));
        }
        for (what, method, path) in PATHS {
            let route = |path_here: String| route(&path_here, method, path, name, allow.as_deref());
            if several {
                routes.push((format!("{name}-{what}"), route(format!("/{name}/v1{path}"))));
            } else {
                routes.push((what.to_owned(), route(format!("/v1{path}"))));
                routes.push((format!("{what}-short"), route(path.to_owned())));
            }
        }
    }
    let others = "other paths of LiteLLM (audio, images, files, batches, its own API) have no route; \
                  add those that callers use";
    report.notes.push(others.to_owned());
    routes
}

fn route(path: &str, method: &str, rewrite: &str, upstream: &str, allow: Option<&[String]>) -> Node {
    let matching = vec![("path".to_owned(), Node::text(path)), ("methods".to_owned(), Node::texts([method]))];
    let mut entries: Entries = vec![
        ("match".to_owned(), Node::Map(matching)),
        ("upstream".to_owned(), Node::text(upstream)),
        ("rewrite".to_owned(), Node::text(rewrite)),
        ("accept".to_owned(), Node::List(vec![Node::one("api_key", Node::one("from", Node::texts(FROM)))])),
    ];
    entries.extend(allow.map(|allow| ("allow".to_owned(), Node::texts(allow))));
    if method == "POST" {
        entries.push(("model".to_owned(), Node::one("body", Node::text("/model"))));
    }
    Node::Section(entries)
}
