//! The command line: one tree of commands, one way out.
//!
//! A command does its work and says how it ended; only [`run`] turns that into an exit code and an error into text.
//! Nothing outside [`output`] prints.

mod account;
mod arguments;
mod audit;
mod catalog;
mod check;
mod client;
mod completions;
mod consumer;
mod demo;
mod diff;
mod doctor;
mod explain;
mod files;
mod import;
mod init;
mod key;
mod keygen;
mod ledger;
mod matrix;
mod models;
mod moment;
mod offline;
mod openapi;
mod output;
mod policy;
mod resource;
mod schema;
mod serve;
mod sign;
mod stop;
mod store;
mod table;
mod usage;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use output::Output;

use crate::tls;

/// Stands in front of model servers: every call is identified, allowed or refused, and counted.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Global {
    /// Print JSON instead of text, errors and notes included
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoCommand),
    Init(init::Init),
    Serve(serve::Serve),
    Check(check::Check),
    Doctor(doctor::Doctor),
    Matrix(matrix::Matrix),
    Explain(explain::Explain),
    Test(policy::Test),
    Diff(diff::Diff),
    Account(account::Account),
    Consumer(consumer::Consumer),
    Key(key::Key),
    Tier(catalog::Tier),
    Route(catalog::Route),
    Usage(usage::Usage),
    Ledger(ledger::Ledger),
    Audit(audit::Audit),
    Store(store::Store),
    Keygen(keygen::Keygen),
    Sign(sign::Sign),
    Import(import::Import),
    Models(models::Models),
    Schema(schema::Schema),
    Openapi(openapi::OpenApi),
    Completions(completions::Completions),
}

/// How a command ended, where it did not break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// What was asked is done.
    Done,
    /// The answer is no, and the command has said why.
    Refused,
}

/// Parses the process's arguments, runs the command and says how the process shall exit: 0 done, 1 refused or failed,
/// 2 for arguments that make no sense.
pub fn run() -> ExitCode {
    tls::install_provider();
    let arguments: Vec<_> = std::env::args_os().collect();
    let cli = match arguments::parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return arguments::report(&error, &arguments),
    };
    let output = Output::new(cli.global.json);
    match dispatch(cli.command, &output) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => ExitCode::FAILURE,
        Err(error) => {
            match error.downcast_ref::<client::Refusal>() {
                Some(refusal) => output.told(&refusal.to_string(), refusal.problem()),
                None => output.error(&error),
            }
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command, output: &Output) -> anyhow::Result<Outcome> {
    match command {
        Command::Demo(demo) => demo.run(output),
        Command::Init(init) => init.run(output),
        Command::Serve(serve) => serve.run(output),
        Command::Check(check) => check.run(output),
        Command::Doctor(doctor) => doctor.run(output),
        Command::Matrix(matrix) => matrix.run(output),
        Command::Explain(explain) => explain.run(output),
        Command::Test(test) => test.run(output),
        Command::Diff(diff) => diff.run(output),
        Command::Account(account) => account.run(output),
        Command::Consumer(consumer) => consumer.run(output),
        Command::Key(key) => key.run(output),
        Command::Tier(tier) => tier.run(output),
        Command::Route(route) => route.run(output),
        Command::Usage(usage) => usage.run(output),
        Command::Ledger(ledger) => ledger.run(output),
        Command::Audit(audit) => audit.run(output),
        Command::Store(store) => store.run(output),
        Command::Keygen(keygen) => keygen.run(output),
        Command::Sign(sign) => sign.run(output),
        Command::Import(import) => import.run(output),
        Command::Models(models) => models.run(output),
        Command::Schema(schema) => schema.run(output),
        Command::Openapi(openapi) => openapi.run(output),
        Command::Completions(completions) => completions.run(output),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
