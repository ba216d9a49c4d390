//! `tollgate doctor`: what is wrong with a gate's surroundings, and how to mend it. It changes nothing.

mod files;
mod network;
mod store;

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::Outcome;
use super::check::ConfigFile;
use super::output::Output;
use crate::config::{self, Compiled};

/// Find what keeps a gate from working: configuration, files, store, ports, clock
///
/// Exit 1 where something must be mended; warnings alone are no failure.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    file: ConfigFile,
}

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// How it is.
    pub state: State,
    /// What was seen, in words.
    pub detail: String,
    /// What to do about it.
    pub mend: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Fine,
    /// It works and deserves a look.
    Warning,
    /// It keeps the gate from working.
    Failed,
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// It is as it should be.
    pub fn fine(&mut self, what: &str, detail: impl Into<String>) {
        self.add(what, State::Fine, detail, None);
    }

    /// It works and deserves a look.
    pub fn warn(&mut self, what: &str, detail: impl Into<String>, mend: &str) {
        self.add(what, State::Warning, detail, Some(mend));
    }

    /// It keeps the gate from working.
    pub fn fail(&mut self, what: &str, detail: impl Into<String>, mend: &str) {
        self.add(what, State::Failed, detail, Some(mend));
    }

    fn add(&mut self, what: &str, state: State, detail: impl Into<String>, mend: Option<&str>) {
        let (what, detail, mend) = (what.to_owned(), detail.into(), mend.map(str::to_owned));
        self.0.push(Finding { what, state, detail, mend });
    }
}

impl Doctor {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let mut findings = Findings::default();
        if let Some(compiled) = configuration(&self.file.path, &mut findings) {
            let running = files::data_dir(&compiled.process, &mut findings);
            files::sealing_keys(&compiled.process, &mut findings);
            files::secrets(&compiled, &mut findings);
            let time = store::look(&compiled.process, running, &mut findings)?;
            network::shared(&compiled.process, &mut findings)?;
            network::auth_service(&compiled.process, &mut findings)?;
            network::ports(&compiled.process, running, &mut findings);
            let theirs = network::admin(&compiled.process, running, &mut findings)?;
            network::upstreams(&compiled.snapshot, &mut findings);
            network::clock(time.or(theirs), &mut findings);
        }
        let failed = findings.0.iter().any(|finding| finding.state == State::Failed);
        let described: Vec<Value> = findings.0.iter().map(Finding::value).collect();
        let lines: Vec<String> =
            findings.0.iter().map(|finding| finding.text(output.colors_results())).collect();
        output.result(&json!({ "ok": !failed, "findings": described }), &lines.join("\n"))?;
        Ok(if failed { Outcome::Refused } else { Outcome::Done })
    }
}

/// The file, if it may be served: without it nothing else is known.
fn configuration(path: &Path, findings: &mut Findings) -> Option<Compiled> {
    match config::load(path) {
        Ok(compiled) => {
            findings.fine(
                "configuration",
                format!("`{}` may be served, and its secrets are there", path.display()),
            );
            for warning in &compiled.warnings {
                findings.warn(
                    "configuration",
                    warning.to_string(),
                    warning.hint().unwrap_or("see `tollgate check`"),
                );
            }
            Some(compiled)
        }
        Err(problems) => {
            for problem in problems.iter() {
                let mend = problem.hint().unwrap_or("`tollgate check` shows the place");
                findings.fail("configuration", problem.to_string(), mend);
            }
            None
        }
    }
}

impl Finding {
    fn value(&self) -> Value {
        let state = match self.state {
            State::Fine => "ok",
            State::Warning => "warning",
            State::Failed => "failed",
        };
        json!({ "what": self.what, "state": state, "detail": self.detail, "mend": self.mend })
    }

    fn text(&self, colors: bool) -> String {
        let (mark, color) = match self.state {
            State::Fine => ("✓", "32"),
            State::Warning => ("!", "33;1"),
            State::Failed => ("✗", "31;1"),
        };
        let mark = if colors { format!("\x1b[{color}m{mark}\x1b[0m") } else { mark.to_owned() };
        let mend = self.mend.as_ref().map(|mend| format!("\n    {mend}")).unwrap_or_default();
        format!("{mark} {}: {}{mend}", self.what, self.detail)
    }
}
