//! `tollgate check`: everything that is wrong with a configuration file; nothing is started.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::Outcome;
use super::output::Output;
use crate::config::{self, problem::Problem};
use crate::role::Role;

/// Check a configuration file and print every problem; nothing is started
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    file: ConfigFile,
    /// Whether it fits a process of this role
    #[arg(long, value_enum, default_value_t = Role::All)]
    role: Role,
}

/// The configuration file, as every command that reads it is given it.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The configuration file
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        env = "TOLLGATE_CONFIG",
        default_value = "tollgate.yaml"
    )]
    pub path: PathBuf,
}

impl Check {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match config::load(&self.file.path) {
            Ok(compiled) => {
                for warning in &compiled.warnings {
                    output.warning(&warning.to_string());
                }
                let misfits = self.role.misfits(&compiled.process);
                if !misfits.is_empty() {
                    let problems: Vec<Value> = misfits.iter().map(|text| misfit(text)).collect();
                    let value = json!({ "ok": false, "problems": problems, "warnings": [] });
                    output.result(&value, &misfits.join("\n"))?;
                    return Ok(Outcome::Refused);
                }
                let warnings: Vec<Value> = compiled.warnings.iter().map(described).collect();
                output.result(&json!({ "ok": true, "problems": [], "warnings": warnings }), "ok")?;
                Ok(Outcome::Done)
            }
            Err(problems) => {
                let described: Vec<Value> = problems.iter().map(described).collect();
                let value = json!({ "ok": false, "problems": described, "warnings": [] });
                output.result(&value, &problems.render(output.colors_results()))?;
                Ok(Outcome::Refused)
            }
        }
    }
}

/// What does not fit the role has no place in the file: it is missing there.
fn misfit(text: &str) -> Value {
    json!({ "message": text, "hint": null, "line": null, "column": null, "text": text })
}

fn described(problem: &Problem) -> Value {
    let (line, column) = problem.position().unzip();
    json!({
        "message": problem.message(),
        "hint": problem.hint(),
        "line": line,
        "column": column,
        "text": problem.to_string(),
    })
}
