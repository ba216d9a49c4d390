//! `tollgate completions`: what a shell needs to complete our command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::output::Output;
use super::{Cli, Outcome};

/// Print completions for a shell
///
/// For example `tollgate completions bash > /etc/bash_completion.d/tollgate`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell that will read them
    shell: Shell,
}

impl Completions {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        // The generator panics when its writer fails, as a closed pipe does; memory does not fail.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "tollgate", &mut script);
        let script = String::from_utf8_lossy(&script);
        output.result(&serde_json::json!({ "shell": self.shell.to_string(), "script": script }), &script)?;
        Ok(Outcome::Done)
    }
}
