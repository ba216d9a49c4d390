//! `tollgate models`: the model service.

mod serve;

use clap::{Args, Subcommand};

use super::Outcome;
use super::output::Output;

/// Train models on tables and predict with them
#[derive(Debug, Args)]
pub struct Models {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
}

impl Models {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self.command {
            Command::Serve(serve) => serve.run(output),
        }
    }
}
