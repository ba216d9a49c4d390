//! `tollgate ledger`: the record of what was used, and whether it is whole.

mod export;
mod reconcile;
mod replay;
mod ship;
mod verify;

use std::path::Path;

use anyhow::Context;
use clap::{Args, Subcommand};
use tollgate_ledger::chain::SealKey;

use super::Outcome;
use super::offline::Offline;
use super::output::Output;
use crate::config::process::{Process, StorePlace};
use crate::data_dir::DataDir;
use crate::ledger;

/// Verify, rebuild, export and reconcile the record of what was used
#[derive(Debug, Args)]
pub struct Ledger {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Verify(verify::Verify),
    Replay(replay::Replay),
    Export(export::Export),
    Ship(ship::Ship),
    Reconcile(reconcile::Reconcile),
}

impl Ledger {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Verify(verify) => verify.run(output),
            Action::Replay(replay) => replay.run(output),
            Action::Export(export) => export.run(output),
            Action::Ship(ship) => ship.run(output),
            Action::Reconcile(reconcile) => reconcile.run(output),
        }
    }
}

/// Takes what the store needs: a file has one user, who has the lock of the data directory; a server has many.
fn access(process: &Process) -> anyhow::Result<Offline> {
    match process.store {
        StorePlace::Sqlite(_) => Offline::lock(process),
        StorePlace::Postgres(_) => Offline::unlocked(),
    }
}

/// Makes sure that a directory is one in which a gate had its journal, before anything is made there.
fn ensure_journal(data_dir: &Path) -> anyhow::Result<()> {
    let shown = data_dir.display();
    anyhow::ensure!(data_dir.is_dir(), "`{shown}` is no directory");
    anyhow::ensure!(
        DataDir::journal_below(data_dir).is_dir(),
        "`{shown}` is no data directory of a gate: there is no journal in it; name the `data_dir` of its file"
    );
    Ok(())
}

/// The keys of the fleet, or of this data directory where it has one, and those of these files.
fn seal_keys(process: &Process, files: &[std::path::PathBuf]) -> anyhow::Result<Vec<SealKey>> {
    let mut keys = Vec::new();
    keys.extend(ledger::seal_key_of(process)?);
    for file in files {
        keys.push(read_key(file)?);
    }
    Ok(keys)
}

fn read_key(path: &Path) -> anyhow::Result<SealKey> {
    ledger::seal_key_in(path)?.with_context(|| format!("the seal key `{}` is not there", path.display()))
}
