//! Commands that open the store themselves: only under the lock of the data directory, so that no gate has it too.

use std::future::Future;
use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use tollgate_store::{Actor, Store};

use super::Outcome;
use super::output::Output;
use crate::config::process::Process;
use crate::config::{self, Compiled};
use crate::data_dir::DataDir;

/// A data directory that this command alone uses, and what runs its calls.
#[derive(Debug)]
pub struct Offline {
    /// The directory; absent where the command uses nothing in it.
    data_dir: Option<DataDir>,
    runtime: tokio::runtime::Runtime,
}

/// A file that may be served; otherwise its problems are told, and the command ends so.
///
/// # Errors
/// How the command ends where the file is refused.
pub fn load(path: &Path, output: &Output) -> Result<Compiled, Outcome> {
    config::load(path).map_err(|problems| {
        output.refusal(&problems.render(false));
        Outcome::Refused
    })
}

impl Offline {
    /// Takes the lock.
    ///
    /// # Errors
    /// A gate has it, or the directory cannot be made.
    pub fn lock(process: &Process) -> anyhow::Result<Self> {
        Ok(Self { data_dir: Some(DataDir::lock(&process.data_dir)?), runtime: runtime()? })
    }

    /// For what several may use at once.
    ///
    /// # Errors
    /// Where no runtime can be made.
    pub fn unlocked() -> anyhow::Result<Self> {
        Ok(Self { data_dir: None, runtime: runtime()? })
    }

    /// The directory that is locked.
    ///
    /// # Errors
    /// Where none is.
    pub fn data_dir(&self) -> anyhow::Result<&DataDir> {
        self.data_dir.as_ref().context("no data directory is locked")
    }

    /// Opens the store at a URL.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(&self, url: &str) -> anyhow::Result<Store> {
        Ok(self.run(Store::open(url))?)
    }

    /// Waits for a call to end.
    pub fn run<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }
}

/// A runtime for the calls of one command.
///
/// # Errors
/// Where none can be made.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Who the audit names, and when.
///
/// # Errors
/// None for the words of this program.
pub fn by(word: &str) -> anyhow::Result<(Actor, Timestamp)> {
    Ok((Actor::new(word)?, Timestamp::now()))
}
