//! `tollgate import apisix`: the `apisix.yaml` of APISIX in stand-alone mode.

mod consumers;
mod plugins;
mod routes;
mod upstreams;

use std::collections::BTreeMap;

use serde_json::Value;

use super::Imported;
use super::draft::{self, Draft, Names};
use super::members::Members;
use super::report::Report;

/// What is known while the file is read: what routes refer to stands before them.
#[derive(Debug, Default)]
struct Import<'a> {
    draft: Draft,
    report: Report,
    upstreams: Names,
    consumers: Names,
    routes: Names,
    services: BTreeMap<String, routes::Service<'a>>,
}

/// What every import should know, whatever the file says.
const DIFFERENCES: [&str; 2] = [
    "callers' tokens and keys no longer reach the upstreams, as with `hide_credentials`",
    "request bodies end at 10MiB, which APISIX does not limit; `body: unlimited` at a route lifts that",
];

/// Members that describe and change nothing.
const DESCRIPTION: [&str; 5] = ["name", "desc", "labels", "create_time", "update_time"];

/// Converts the file. `text` is the source of `root`: its last line matters to APISIX.
///
/// # Errors
/// The file has members that act on every route, or it is another of APISIX's files.
pub fn convert(text: &str, root: &Value) -> anyhow::Result<Imported> {
    let mut import = Import::default();
    let report = &mut import.report;
    let Some(mut members) = Members::of(root, String::new(), report) else {
        anyhow::bail!("a mapping was expected at the top");
    };
    refuse_other_files(&mut members)?;
    if !text.lines().any(|line| line.trim_end() == "#END") {
        report
            .notes
            .push("there is no line `#END`, so APISIX itself would not have loaded this file".to_owned());
    }
    let lists = ["upstreams", "consumers", "services", "routes"].map(|name| members.list(name, report));
    let [upstreams, consumers, services, routes] = lists;
    members.finish(report);
    import.draft.upstreams = draft::named(upstreams, &mut import.upstreams, report, upstreams::named);
    import.draft.consumers = draft::named(consumers, &mut import.consumers, report, consumers::consumer);
    for (value, place) in services {
        routes::service(&mut import, value, place);
    }
    for (value, place) in routes {
        routes::route(&mut import, value, place);
    }
    let Import { draft, mut report, .. } = import;
    report.notes.extend(DIFFERENCES.map(str::to_owned));
    Ok(Imported { config: draft.write("127.0.0.1:9080", "apisix"), report })
}

fn refuse_other_files(members: &mut Members<'_>) -> anyhow::Result<()> {
    if members.take("deployment").is_some() || members.take("apisix").is_some() {
        anyhow::bail!("this is APISIX's own `config.yaml`; its routes stand in `apisix.yaml`");
    }
    let global =
        members.take("global_rules").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
    if global {
        // Left out, they would leave every route more open than it was; so not even a part is printed.
        anyhow::bail!(
            "`global_rules` act on every route and cannot be carried over; move them into the routes first"
        );
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
