//! `tollgate diff`: what one configuration allows and refuses otherwise than another.

mod replay;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use tollgate_core::consumer::Name;
use tollgate_core::limit::Limiter;
use tollgate_core::snapshot::Snapshot;

use super::Outcome;
use super::output::{Output, table};
use super::policy::found;
use crate::config;
use crate::decisions;
use crate::explain::{self, Explanation, Scene};
use crate::state::clock::Clock;

/// Show which consumers are allowed or refused otherwise by another configuration
///
/// The files alone are known: of consumers of the store those whom a route names, and what it says to their names.
#[derive(Debug, Args)]
pub struct Diff {
    /// The configuration as it is
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The configuration as it shall be
    #[arg(value_name = "B")]
    after: PathBuf,
    /// Compare the outcomes of calls that were made: lines of an access log, `-` for standard input
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Exit 1 where something differs
    #[arg(long)]
    exit_code: bool,
}

/// One outcome that changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    /// Nobody stands for strangers.
    consumer: Option<String>,
    route: String,
    before: Verdict,
    after: Verdict,
}

/// What a configuration says to a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// It passes, or is refused, in words.
    Says(String),
    /// It would be refused, and the mode lets it through.
    LetsThrough(String),
    /// The configuration does not know the consumer or the route.
    Unknown(&'static str),
}

impl Diff {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let (before, after) = (load(&self.before, output), load(&self.after, output));
        let (Some(before), Some(after)) = (before, after) else { return Ok(Outcome::Refused) };
        let differs = match &self.replay {
            None => self.pairs(&before, &after, output)?,
            Some(log) => replay::replay(&before, &after, log, output)?,
        };
        Ok(if differs && self.exit_code { Outcome::Refused } else { Outcome::Done })
    }

    fn pairs(&self, before: &Snapshot, after: &Snapshot, output: &Output) -> anyhow::Result<bool> {
        let (changes, compared) = changes(before, after);
        let shown: Vec<Value> = changes.iter().map(Change::value).collect();
        let text = match changes.is_empty() {
            true => format!("the same outcome for all {compared} pairs of a consumer and a route"),
            false => table(&rows(&changes)),
        };
        output.result(&json!({ "compared": compared, "changes": shown }), &text)?;
        Ok(!changes.is_empty())
    }
}

fn load(path: &Path, output: &Output) -> Option<Snapshot> {
    match config::load(path) {
        Ok(compiled) => Some(compiled.snapshot),
        Err(problems) => {
            output.refusal(&problems.render(false));
            None
        }
    }
}

/// What changes, and how many pairs were compared; routes in the order of their files.
fn changes(before: &Snapshot, after: &Snapshot) -> (Vec<Change>, usize) {
    let limiter = Arc::new(Limiter::new(64));
    let now = Clock::system().now();
    let scene = |snapshot| Scene { snapshot, directory: None, limiter: &limiter, now };
    let names = before.consumers.keys().chain(after.consumers.keys()).map(|name| name.as_str());
    let of_store = [before, after].into_iter().flat_map(explain::names_of_store);
    let of_store: BTreeMap<&str, &Name> = of_store.map(|name| (name.as_str(), name)).collect();
    let consumers: BTreeSet<&str> = names.chain(of_store.keys().copied()).collect();
    let mut routes: Vec<&str> = Vec::new();
    for route in before.routes.iter().chain(after.routes.iter()) {
        if !routes.contains(&route.name.as_str()) {
            routes.push(route.name.as_str());
        }
    }
    let (mut changes, mut compared) = (Vec::new(), 0);
    for route in routes {
        for consumer in consumers.iter().copied().map(Some).chain([None]) {
            let says = |snapshot| verdict(&scene(snapshot), &of_store, consumer, route);
            let (before, after) = (says(before), says(after));
            compared += 1;
            if before != after {
                let consumer = consumer.map(str::to_owned);
                changes.push(Change { consumer, route: route.to_owned(), before, after });
            }
        }
    }
    (changes, compared)
}

fn verdict(
    scene: &Scene<'_>,
    of_store: &BTreeMap<&str, &Name>,
    consumer: Option<&str>,
    route: &str,
) -> Verdict {
    let Ok(route) = explain::route_named(scene.snapshot, route) else {
        return Verdict::Unknown("no such route");
    };
    let Some(consumer) = consumer else {
        return Verdict::of(&explain::pair(scene, None, &[], route, None));
    };
    let Some((name, _)) = scene.snapshot.consumers.get_key_value(consumer) else {
        // Whom one of the files names is in the store for both of them.
        return match of_store.get(consumer) {
            Some(name) => Verdict::of(&explain::named(scene, name, route)),
            None => Verdict::Unknown("no such consumer"),
        };
    };
    let credentials = explain::credentials_of(scene.snapshot, name);
    Verdict::of(&explain::pair(scene, Some(name), &credentials, route, None))
}

fn rows(changes: &[Change]) -> Vec<Vec<String>> {
    let first = ["consumer", "route", "before", "after"].map(str::to_owned).to_vec();
    let row = |change: &Change| {
        let consumer = change.consumer.clone().unwrap_or_else(|| "(stranger)".to_owned());
        vec![consumer, change.route.clone(), change.before.text(), change.after.text()]
    };
    std::iter::once(first).chain(changes.iter().map(row)).collect()
}

impl Verdict {
    fn of(explanation: &Explanation) -> Self {
        match explanation.outcome != explanation.would {
            true => Self::LetsThrough(explanation.denial.unwrap_or_default().to_owned()),
            false => Self::Says(found(explanation)),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Says(words) => words.clone(),
            Self::LetsThrough(denial) => format!("let through ({denial})"),
            Self::Unknown(what) => (*what).to_owned(),
        }
    }

    fn outcome(&self) -> Option<decisions::Outcome> {
        match self {
            Self::Says(words) if words == "allowed" => Some(decisions::Outcome::Allowed),
            Self::Says(_) => Some(decisions::Outcome::Denied),
            Self::LetsThrough(_) => Some(decisions::Outcome::Allowed),
            Self::Unknown(_) => None,
        }
    }

    fn value(&self) -> Value {
        json!({ "outcome": self.outcome(), "detail": self.text() })
    }
}

impl Change {
    fn value(&self) -> Value {
        json!({
            "consumer": self.consumer,
            "route": self.route,
            "before": self.before.value(),
            "after": self.after.value(),
        })
    }
}
