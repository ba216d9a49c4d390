//! The data plane against its transcripts.
//!
//! Every file below `transcripts/` is one test: a configuration, what callers send, and what callers, models and the
//! access log see of it. The gate runs in this process, on free ports, with a clock that stands still. The grammar is at
//! the top of [`transcript`]; what every exchange must keep without being asked is in [`invariants`].

#![expect(clippy::disallowed_methods, reason = "what a test spawns ends with the runtime of that test")]

mod answer;
mod certificates;
mod client;
mod credentials;
mod gate;
mod invariants;
mod keep;
mod run;
mod text;
mod transcript;
mod upstreams;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/transcripts");
    let mut files = Vec::new();
    if let Err(error) = find(&root, &mut files) {
        let problem = format!("{}: {error}", root.display());
        files.clear();
        let trials = vec![Trial::test("transcripts", move || Err(Failed::from(problem)))];
        return libtest_mimic::run(&Arguments::from_args(), trials).exit_code();
    }
    files.sort();
    let trials = files
        .into_iter()
        .map(|file| {
            let name = file.strip_prefix(&root).unwrap_or(&file).with_extension("");
            Trial::test(name.display().to_string(), move || run::file(&file).map_err(Failed::from))
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            files.push(path);
        }
    }
    Ok(())
}
