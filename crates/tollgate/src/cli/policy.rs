//! `tollgate test`: whether the configuration allows and refuses what a policy says.

mod file;
mod record;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use tollgate_core::limit::Limiter;
use tollgate_core::snapshot::Snapshot;

use self::file::{Caller, Elsewhere, Expectation, Policy};
use super::check::ConfigFile;
use super::files::{Existing, NewFile};
use super::output::Output;
use super::{Outcome, files};
use crate::config;
use crate::decisions;
use crate::explain::{self, Explanation, Scene};
use crate::state::clock::Clock;

/// Test what the configuration allows and refuses against a policy; exit 1 where it differs
///
/// Rules are tested as if they were in force: a route's `mode` does not matter, and no limit is used up. The file alone is
/// known: of a consumer of the store (`{ store: NAME }`) whom a route names, what the route says to that name.
#[derive(Debug, Args)]
pub struct Test {
    /// Expectations: a consumer, a request, an outcome
    #[arg(value_name = "POLICY")]
    policy: PathBuf,
    #[command(flatten)]
    file: ConfigFile,
    /// Write the policy that the configuration follows today
    #[arg(long)]
    record: bool,
    /// Replace a policy that exists
    #[arg(long, requires = "record")]
    force: bool,
}

/// An expectation and what the configuration says.
struct Tested<'p> {
    expectation: &'p Expectation,
    holds: bool,
    found: String,
    detail: Option<String>,
}

impl Test {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let snapshot = match config::load(&self.file.path) {
            Ok(compiled) => compiled.snapshot,
            Err(problems) => {
                output.refusal(&problems.render(false));
                return Ok(Outcome::Refused);
            }
        };
        let limiter = Arc::new(Limiter::new(64));
        let scene =
            Scene { snapshot: &snapshot, directory: None, limiter: &limiter, now: Clock::system().now() };
        if self.record {
            return self.write(&scene, output);
        }
        let policy = Policy::read(&self.policy)?;
        let tested: Vec<Tested<'_>> =
            policy.expectations.iter().map(|expectation| test(&scene, expectation)).collect();
        let failed = tested.iter().filter(|tested| !tested.holds).count();
        let value = json!({
            "ok": failed == 0,
            "tested": tested.len(),
            "failed": failed,
            "results": tested.iter().map(Tested::value).collect::<Vec<_>>(),
        });
        output.result(&value, &text(&tested, failed))?;
        Ok(if failed == 0 { Outcome::Done } else { Outcome::Refused })
    }

    fn write(&self, scene: &Scene<'_>, output: &Output) -> anyhow::Result<Outcome> {
        let (content, skipped) = record::policy(scene);
        for route in skipped {
            output.warning(&format!(
                "no request is known that reaches the route `{route}`; it is not recorded"
            ));
        }
        let existing = if self.force { Existing::Replace } else { Existing::Keep };
        files::write_all(&[NewFile { path: self.policy.clone(), content, private: false }], existing)?;
        let written = self.policy.display().to_string();
        output.result(&json!({ "written": written }), &format!("wrote {written}"))?;
        Ok(Outcome::Done)
    }
}

fn test<'p>(scene: &Scene<'_>, expectation: &'p Expectation) -> Tested<'p> {
    match verdict(scene, expectation) {
        Ok(explanation) => Tested {
            expectation,
            holds: expectation.outcome.holds(&explanation),
            found: found(&explanation),
            detail: explanation
                .steps
                .iter()
                .find(|step| step.outcome == decisions::Outcome::Denied)
                .map(|step| step.detail.clone()),
        },
        Err(why) => Tested { expectation, holds: false, found: why, detail: None },
    }
}

/// What the rules say to the expectation's call; or why there is no such call.
fn verdict(scene: &Scene<'_>, expectation: &Expectation) -> Result<Explanation, String> {
    let head = expectation.request.asked().head().map_err(|error| error.to_string())?;
    let found = head.and_then(|head| scene.snapshot.routes.find(&head).cloned());
    let route = match found {
        Ok(route) => route,
        Err(denial) => return Ok(Explanation::nowhere(&denial)),
    };
    let consumer = match &expectation.consumer {
        None => return Ok(explain::pair(scene, None, &[], &route, None)),
        Some(Caller::Elsewhere(Elsewhere { store })) => {
            let named =
                explain::names_of_store(scene.snapshot).into_iter().find(|name| name.as_str() == store);
            return match named {
                Some(name) => Ok(explain::named(scene, name, &route)),
                None => Err(format!("no route names a consumer `{store}` of the store")),
            };
        }
        Some(Caller::Declared(name)) => declared(scene.snapshot, name).ok_or_else(|| {
            format!("the file declares no consumer `{name}`; one of the store is `{{ store: {name} }}`")
        })?,
    };
    let credentials = explain::credentials_of(scene.snapshot, consumer);
    Ok(explain::pair(scene, Some(consumer), &credentials, &route, None))
}

fn declared<'s>(snapshot: &'s Snapshot, name: &str) -> Option<&'s tollgate_core::consumer::Name> {
    snapshot.consumers.get_key_value(name).map(|(name, _)| name)
}

/// `allowed`, or `denied (403 scope_missing)`.
pub(super) fn found(explanation: &Explanation) -> String {
    match (explanation.status, explanation.denial) {
        (Some(status), Some(denial)) => format!("denied ({status} {denial})"),
        _ => "allowed".to_owned(),
    }
}

/// What differs, as a diff from the policy to the configuration.
fn text(tested: &[Tested<'_>], failed: usize) -> String {
    let mut text = String::new();
    for tested in tested.iter().filter(|tested| !tested.holds) {
        let detail = tested.detail.as_ref().map_or(String::new(), |detail| format!(": {detail}"));
        let Expectation { outcome, .. } = tested.expectation;
        text.push_str(&format!(" {}\n- {outcome}\n+ {}{detail}\n", tested.expectation, tested.found));
    }
    let expectations = if tested.len() == 1 { "expectation" } else { "expectations" };
    match failed {
        0 => format!("{} {expectations} hold", tested.len()),
        failed => format!("{text}{failed} of {} {expectations} not met", tested.len()),
    }
}

impl Tested<'_> {
    fn value(&self) -> Value {
        json!({
            "consumer": self.expectation.consumer.as_ref().map(Caller::name),
            "request": self.expectation.request.to_string(),
            "expected": self.expectation.outcome.to_string(),
            "found": self.found,
            "holds": self.holds,
            "detail": self.detail,
        })
    }
}
