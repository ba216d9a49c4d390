//! The directory of what one process keeps on disk: one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The file whose lock says that the directory is in use.
pub const LOCK: &str = "lock";
/// The keys under which secrets are sealed.
pub const SEALING_KEYS: &str = "sealing.key";
/// The key of the ledger's seals, where no fleet has one.
const SEAL_KEY: &str = "ledger.key";
const JOURNAL: &str = "journal";

/// A directory that this process alone uses, as long as this lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory where there is none, for its owner alone, and takes its lock.
    ///
    /// # Errors
    /// Where it cannot be made, or another process has the lock.
    pub fn lock(path: &Path) -> anyhow::Result<Self> {
        let what = || format!("the data directory `{}`", path.display());
        if !path.is_dir() {
            make(path).with_context(what)?;
        }
        let lock = path.join(LOCK);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(lock)
            .with_context(what)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!(
                "{} is in use by another process of Tollgate; stop it, or set another `data_dir`",
                what()
            ),
            Err(TryLockError::Error(error)) => Err(error).with_context(what),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the keys under which secrets are sealed.
    pub fn sealing_keys(&self) -> PathBuf {
        self.path.join(SEALING_KEYS)
    }

    /// The file of the key of the ledger's seals.
    pub fn seal_key(&self) -> PathBuf {
        Self::seal_key_below(&self.path)
    }

    /// The same of a directory that is not locked: the file is written once.
    pub fn seal_key_below(path: &Path) -> PathBuf {
        path.join(SEAL_KEY)
    }

    /// The directory of the journal.
    pub fn journal(&self) -> PathBuf {
        Self::journal_below(&self.path)
    }

    /// The same of a directory that is not locked.
    pub fn journal_below(path: &Path) -> PathBuf {
        path.join(JOURNAL)
    }
}

/// Makes a directory for its owner alone, and the ones above it. They are on the disk when this returns, as what is written
/// below them is to survive the machine.
fn make(path: &Path) -> io::Result<()> {
    let missing =
        path.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.is_dir()).count();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for above in path.canonicalize()?.ancestors().skip(1).take(missing) {
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
