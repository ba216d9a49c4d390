//! `tollgate import`: another gateway's configuration as a `tollgate.yaml`.
//!
//! An import is whole or it says what is missing. What has no counterpart here is *lost* and fails the command; what
//! changes on the way is *noted*. A route or consumer that lost anything is left out of a partial result as a whole:
//! the lost member may have been what kept somebody out.

mod apisix;
mod draft;
mod hawk;
mod loader;
mod members;
mod parts;
mod report;
pub(super) mod yaml;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Outcome;
use super::output::Output;
use report::Report;

/// Print another gateway's configuration as tollgate.yaml
#[derive(Debug, Args)]
pub struct Import {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    /// From `apisix.yaml` of a stand-alone APISIX
    Apisix(Source),
    /// From `config.yaml` of a Hawk proxy
    Hawk(Source),
}

#[derive(Debug, Args)]
struct Source {
    /// The file to import; `-` reads standard input
    file: PathBuf,
    /// Print what can be carried over even where something cannot, and exit 1 all the same
    #[arg(long)]
    partial: bool,
}

/// A configuration of ours, as text, and what it took to get there.
#[derive(Debug)]
struct Imported {
    config: String,
    report: Report,
}

impl Import {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let (source, convert): (_, fn(&str, &Value) -> anyhow::Result<Imported>) = match self.from {
            From::Apisix(source) => (source, apisix::convert),
            From::Hawk(source) => (source, hawk::convert),
        };
        let (text, value) = loader::load(&source.file)?;
        let Imported { config, report } = convert(&text, &value)?;
        for note in &report.notes {
            output.note(note);
        }
        if report.lost.is_empty() || source.partial {
            let value = json!({ "config": config, "notes": report.notes, "not_carried_over": report.lost });
            output.result(&value, &config)?;
        }
        if report.lost.is_empty() {
            return Ok(Outcome::Done);
        }
        let advice = if source.partial {
            "requests for a route that is missing may match a wider one; read the result before you serve it"
        } else {
            "nothing was printed; `--partial` prints the rest"
        };
        output.refusal(&format!("could not be carried over:\n  {}\n{advice}", report.lost.join("\n  ")));
        Ok(Outcome::Refused)
    }
}
