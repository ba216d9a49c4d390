//! `tollgate import`: another gateway's configuration as a `tollgate.yaml`.
//!
//! An import is whole or it says what is missing. What has no counterpart here is *lost* and fails the command; what
//! changes on the way is *noted*. A route or consumer that lost anything is left out of a partial result as a whole:
//! the lost member may have been what kept somebody out.

mod apisix;
mod chapkit_env;
mod draft;
mod hawk;
mod litellm;
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

pub(super) use loader::load as read_yaml;

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
    /// From the API keys of a chapkit or servicekit service
    ChapkitEnv(chapkit_env::ChapkitEnv),
    /// From `config.yaml` of a LiteLLM proxy, and the keys of its database
    Litellm(litellm::Litellm),
}

#[derive(Debug, Args)]
struct Source {
    /// The file to import; `-` reads standard input
    file: PathBuf,
    /// Print what can be carried over even where something cannot, and exit 1 all the same
    #[arg(long)]
    partial: bool,
}

/// Reads a file's text and what it says.
type Convert = fn(&str, &Value) -> anyhow::Result<Imported>;

/// A configuration of ours, as text, and what it took to get there.
#[derive(Debug)]
struct Imported {
    config: String,
    report: Report,
}

impl Source {
    fn import(&self, convert: Convert) -> anyhow::Result<(Imported, bool)> {
        let (text, value) = loader::load(&self.file)?;
        Ok((convert(&text, &value)?, self.partial))
    }
}

impl Import {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let (Imported { config, report }, partial) = match self.from {
            From::Apisix(source) => source.import(apisix::convert)?,
            From::Hawk(source) => source.import(hawk::convert)?,
            From::ChapkitEnv(from) => (from.import()?, from.partial),
            From::Litellm(from) => (from.import()?, from.source.partial),
        };
        for note in &report.notes {
            output.note(note);
        }
        if report.lost.is_empty() || partial {
            let value = json!({ "config": config, "notes": report.notes, "not_carried_over": report.lost });
            output.result(&value, &config)?;
        }
        if report.lost.is_empty() {
            return Ok(Outcome::Done);
        }
        let advice = if partial {
            "requests for a route that is missing may match a wider one; read the result before you serve it"
        } else {
            "nothing was printed; `--partial` prints the rest"
        };
        output.refusal(&format!("could not be carried over:\n  {}\n{advice}", report.lost.join("\n  ")));
        Ok(Outcome::Refused)
    }
}
