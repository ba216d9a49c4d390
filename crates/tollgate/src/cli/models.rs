//! `tollgate models`: the model service, and what it does, for files.

mod bar;
mod predict;
mod serve;
mod train;

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
    Train(train::Train),
    Predict(predict::Predict),
}

impl Models {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self.command {
            Command::Serve(serve) => serve.run(output),
            Command::Train(train) => train.run(output),
            Command::Predict(predict) => predict.run(output),
        }
    }
}
