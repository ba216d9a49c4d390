//! Arguments that make no sense, and how that is said.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Error, Parser};

use super::output::Output;
use super::{Cli, Command};

/// Reads the arguments of the process, the program's name first.
///
/// # Errors
/// What clap says of them, help and version included, and contradictions between arguments that clap cannot see.
pub(super) fn parse(arguments: &[OsString]) -> Result<Cli, Error> {
    let cli = Cli::try_parse_from(arguments)?;
    if let Command::Demo(demo) = &cli.command
        && let Some(told) = demo.contradiction()
    {
        return Err(contradiction("demo", &told));
    }
    Ok(cli)
}

/// Says what [`parse`] found, and how the process shall exit: 0 for help and version, else 2. With `--json` an error is
/// one object, as those of the commands are.
pub(super) fn report(error: &Error, arguments: &[OsString]) -> ExitCode {
    if !error.use_stderr() || !asks_for_json(arguments) {
        error.exit();
    }
    Output::new(true).refusal(&text(error));
    ExitCode::from(2)
}

/// Whether `--json` stands among the options. Nothing could be parsed, so they are looked at as they came.
pub(super) fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments.iter().skip(1).take_while(|argument| *argument != "--").any(|argument| argument == "--json")
}

/// The error without colours and without the word `error`, which is the object's key.
pub(super) fn text(error: &Error) -> String {
    let text = error.render().to_string();
    let text = text.trim_end();
    match error.kind() {
        // Here clap has nothing but the help to say.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => format!("no command is given\n\n{text}"),
        _ => text.strip_prefix("error: ").unwrap_or(text).to_owned(),
    }
}

fn contradiction(command: &str, told: &str) -> Error {
    let mut tree = Cli::command();
    // Only a built tree knows the full names that the usage line shows.
    tree.build();
    match tree.find_subcommand_mut(command) {
        Some(command) => command.error(ErrorKind::ArgumentConflict, told),
        None => tree.error(ErrorKind::ArgumentConflict, told),
    }
}
