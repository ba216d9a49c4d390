//! `tollgate schema`: what may stand in a configuration file, for editors.

use clap::Args;

use super::Outcome;
use super::output::Output;
use crate::config;

/// Print the JSON Schema of the configuration file
#[derive(Debug, Args)]
pub struct Schema {}

impl Schema {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let schema = config::schema();
        // A schema is JSON with and without `--json`.
        output.result(&schema, &format!("{schema:#}"))?;
        Ok(Outcome::Done)
    }
}
