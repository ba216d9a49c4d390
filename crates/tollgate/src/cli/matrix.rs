//! `tollgate matrix`: who may call what.

mod gate;
mod probe;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use foldhash::HashSet;
use serde_json::{Value, json};
use tollgate_core::consumer::Name;
use tollgate_core::matrix::{self, Cell};
use tollgate_core::snapshot::Snapshot;

use super::Outcome;
use super::check::ConfigFile;
use super::output::Output;
use crate::config;

/// Show who may call what: one line per consumer, one mark per route
///
/// Of the consumers that the file declares; `--gate` asks the running gate, which knows those of its store, too.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("asked").args(["probe", "gate"])))]
pub struct Matrix {
    #[command(flatten)]
    file: ConfigFile,
    /// Send real requests to the running gate, with the credentials that can be read, and compare; over TLS, the
    /// certificates of the file are trusted beside the system's roots
    #[arg(long)]
    probe: bool,
    /// Show what the running gate says, of its store's consumers, too; it is shown the key in TOLLGATE_ADMIN_KEY
    #[arg(long)]
    gate: bool,
    /// Where the gate is: with `--probe` its own listener, by default where the file says; with `--gate` its admin listener, by
    /// default where TOLLGATE_URL says
    #[arg(long, value_name = "URL", requires = "asked")]
    url: Option<String>,
    /// Where NAME-private.pem of each consumer lies, as `keygen` writes them
    #[arg(long, value_name = "DIR", requires = "probe")]
    keys: Option<PathBuf>,
}

/// What a probe found for one cell.
#[derive(Debug)]
enum Probed {
    /// The gate answered with this status, and let the request pass or not.
    Status(u16, bool),
    /// No request could be made or answered.
    Unknown(String),
}

impl Probed {
    /// Whether the gate let the request pass; what the model says to an empty question is its own affair.
    fn passes(&self) -> Option<bool> {
        match self {
            Self::Status(_, passes) => Some(*passes),
            Self::Unknown(_) => None,
        }
    }
}

impl Matrix {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        if self.gate {
            return gate::show(self.url.as_deref(), output);
        }
        let compiled = match config::load(&self.file.path) {
            Ok(compiled) => compiled,
            Err(problems) => {
                output.refusal(&problems.render(false));
                return Ok(Outcome::Refused);
            }
        };
        if store_has_a_say(&compiled.snapshot) {
            output.note("this is what the file says alone; consumers of the store are shown by `--gate`");
        }
        let cells = matrix::cells(&compiled.snapshot);
        let probed = match self.probe {
            true => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let gate = probe::gate(self.url.as_deref(), &compiled.process)?;
                let env = |name: &str| std::env::var(name).ok();
                let known = config::presentable::presentable(&self.file.path, &env);
                runtime.block_on(probe::all(&cells, &compiled.snapshot, &known, &gate, self.keys.as_deref()))
            }
            false => Vec::new(),
        };
        output.result(&value(&cells, &probed), &table(&marks(&cells, &probed)))?;
        let mut outcome = Outcome::Done;
        for (cell, probed) in cells.iter().zip(&probed) {
            let told = match (probed, probed.passes()) {
                (Probed::Unknown(why), _) => Some(why.clone()),
                (Probed::Status(status, _), passes) if passes != Some(cell.outcome.passes()) => {
                    Some(format!("the file says {}, the gate answered {status}", cell.outcome.reason()))
                }
                (Probed::Status(..), _) => None,
            };
            if let Some(told) = told {
                output.refusal(&format!("`{}` on `{}`: {told}", cell.consumer, cell.route));
                outcome = Outcome::Refused;
            }
        }
        Ok(outcome)
    }
}

/// Whether somebody of whom the file knows nothing may pass a route.
fn store_has_a_say(snapshot: &Snapshot) -> bool {
    snapshot.routes.iter().any(|route| {
        let names_others =
            |allow: &HashSet<Name>| allow.iter().any(|name| !snapshot.consumers.contains_key(name));
        !route.accept.schemes.is_empty() && route.access.allow.as_ref().is_none_or(names_others)
    })
}

/// Consumer, route and mark; a `!` marks what the gate answered otherwise than the file says.
fn marks<'c>(cells: &'c [Cell], probed: &[Probed]) -> Vec<(&'c str, &'c str, String)> {
    let marked = cells.iter().enumerate().map(|(index, cell)| {
        let mark = match probed.get(index) {
            None => mark(cell.outcome.passes()).to_owned(),
            Some(probed) => match probed.passes() {
                None => "?".to_owned(),
                Some(passes) if passes == cell.outcome.passes() => mark(passes).to_owned(),
                Some(passes) => format!("{}!", mark(passes)),
            },
        };
        (cell.consumer.as_str(), cell.route.as_str(), mark)
    });
    marked.collect()
}

/// One line per consumer, by name; one column per route.
fn table(marks: &[(&str, &str, String)]) -> String {
    let mut lines: BTreeMap<&str, String> = BTreeMap::new();
    let mut routes: Vec<&str> = Vec::new();
    for (consumer, route, mark) in marks {
        if !routes.contains(route) {
            routes.push(route);
        }
        let width = route.len().max(2) + 2;
        lines.entry(consumer).or_default().push_str(&format!("{mark:<width$}"));
    }
    let first = lines.keys().map(|name| name.len()).max().unwrap_or(0).max("consumer".len()) + 2;
    let mut text = format!("{:<first$}", "consumer");
    for route in routes {
        text.push_str(&format!("{route:<width$}", width = route.len().max(2) + 2));
    }
    text.truncate(text.trim_end().len());
    for (consumer, line) in lines {
        text.push_str(&format!("\n{consumer:<first$}{}", line.trim_end()));
    }
    text
}

fn mark(passes: bool) -> &'static str {
    if passes { "✓" } else { "✗" }
}

fn value(cells: &[Cell], probed: &[Probed]) -> Value {
    let mut consumers: Vec<&str> = cells.iter().map(|cell| cell.consumer.as_str()).collect();
    consumers.dedup();
    let first = consumers.first().copied();
    let routes: Vec<&str> = cells
        .iter()
        .filter(|cell| Some(cell.consumer.as_str()) == first)
        .map(|cell| cell.route.as_str())
        .collect();
    let cells: Vec<Value> = cells
        .iter()
        .enumerate()
        .map(|(index, cell)| {
            let mut value = json!({
                "consumer": cell.consumer.as_str(),
                "route": cell.route.as_str(),
                "outcome": if cell.outcome.passes() { "allowed" } else { "denied" },
                "reason": cell.outcome.reason(),
            });
            match probed.get(index) {
                Some(Probed::Status(status, _)) => value["status"] = json!(status),
                Some(Probed::Unknown(why)) => value["unprobed"] = json!(why),
                None => {}
            }
            value
        })
        .collect();
    json!({ "consumers": consumers, "routes": routes, "cells": cells })
}
