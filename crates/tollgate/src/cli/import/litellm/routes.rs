//! Paths: those that LiteLLM has, where they lead to one upstream alone.

use std::collections::{BTreeMap, BTreeSet};

use super::models::{Models, Upstream};
use super::providers::Api;
use crate::cli::import::draft::Names;
use crate::cli::import::report::Report;
use crate::cli::import::yaml::{Entries, Node};

/// What a route is called, the method, and the path below `/v1`.
type Path = (&'static str, &'static str, &'static str);

const OPENAI: [Path; 5] = [
    ("chat", "POST", "/chat/completions"),
    ("completions", "POST", "/completions"),
    ("embeddings", "POST", "/embeddings"),
    ("responses", "POST", "/responses"),
    ("models", "GET", "/models"),
];

const ANTHROPIC: [Path; 3] = [
    ("messages", "POST", "/messages"),
    ("count-tokens", "POST", "/messages/count_tokens"),
    ("models", "GET", "/models"),
];

/// Those that LiteLLM also has with the model in the path, as Azure has them.
const OF_DEPLOYMENTS: usize = 3;

/// Where LiteLLM takes keys from.
const FROM: [&str; 3] = ["bearer", "header:api-key", "header:x-api-key"];

/// Consumers that may use each upstream.
pub type Allowed = BTreeMap<String, Vec<String>>;

/// The routes of every upstream. A path that only one of them could mean is as it was, those of OpenAI's API with and
/// without `/v1`; else the upstream's name stands before it. Paths with a model in them are as they were.
pub fn of(models: &Models, allowed: Option<&Allowed>, report: &mut Report) -> Entries {
    let mut routes = Entries::new();
    let (mut names, mut taken) = (Names::default(), BTreeSet::new());
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
        tell(upstream, models, report);
        for (what, method, path) in paths(upstream.api) {
            let to = format!("{}{path}", before(upstream.api));
            let route = |path_here: String| route(&path_here, method, &to, name, allow.as_deref());
            if is_only_one(upstream, what, models) {
                routes.push((names.invent(what), route(format!("/v1{path}"))));
                if upstream.api != Api::Anthropic {
                    routes.push((names.invent(&format!("{what}-short")), route((*path).to_owned())));
                }
            } else {
                routes.push((names.invent(&format!("{name}-{what}")), route(format!("/{name}/v1{path}"))));
            }
        }
        for (model, there) in &upstream.in_paths {
            if !taken.insert(model) {
                report.note(&upstream.place, &format!("the path with `{model}` leads to another upstream"));
                continue;
            }
            for (what, method, path) in &OPENAI[..OF_DEPLOYMENTS] {
                let to = match upstream.api {
                    Api::Azure => format!("/deployments/{there}{path}"),
                    Api::Openai | Api::Anthropic => (*path).to_owned(),
                };
                let here = format!("/openai/deployments/{model}{path}");
                let route = route(&here, method, &to, name, allow.as_deref());
                routes.push((names.invent(&format!("{model}-{what}")), route));
            }
        }
    }
    let others = "other paths of LiteLLM (audio, images, files, batches, its own API) have no route; \
                  add those that callers use";
    report.notes.push(others.to_owned());
    routes
}

/// What callers of the upstream do differently.
fn tell(upstream: &Upstream, models: &Models, report: &mut Report) {
    let (name, called) = (&upstream.name, upstream.models.join("`, `"));
    let (first, ..) = paths(upstream.api)[0];
    if !is_only_one(upstream, first, models) {
        report.notes.push(format!("for `{called}` the base URL of callers ends in `/{name}/v1`"));
    }
    if upstream.api == Api::Anthropic {
        let why = format!(
            "LiteLLM translates between the APIs; callers of `{called}` use that of Anthropic here, `/messages`, and \
             send `anthropic-version` themselves, as its own clients do"
        );
        report.lose(&upstream.place, &why);
    }
}

/// Whether no other upstream has this path below `/v1`. The list of models is OpenAI's where both have one.
fn is_only_one(upstream: &Upstream, what: &str, models: &Models) -> bool {
    let has_it = |other: &&Upstream| match (upstream.api, other.api) {
        (Api::Anthropic, Api::Anthropic) => true,
        (Api::Anthropic, Api::Openai | Api::Azure) => what == "models",
        (Api::Openai | Api::Azure, Api::Anthropic) => false,
        (Api::Openai | Api::Azure, Api::Openai | Api::Azure) => true,
    };
    models.upstreams.iter().filter(|other| other.name != upstream.name).find(has_it).is_none()
}

fn paths(api: Api) -> &'static [Path] {
    match api {
        Api::Openai | Api::Azure => &OPENAI,
        Api::Anthropic => &ANTHROPIC,
    }
}

/// What stands between the upstream's base and these paths.
fn before(api: Api) -> &'static str {
    match api {
        Api::Azure => "/v1",
        Api::Openai | Api::Anthropic => "",
    }
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
        // What only counts a prompt generates nothing.
        if !path.ends_with("/count_tokens") {
            entries.push(("meters".to_owned(), Node::texts(["tokens"])));
        }
    }
    Node::Section(entries)
}
