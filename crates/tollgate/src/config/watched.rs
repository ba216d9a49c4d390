//! The files that a configuration is made from.

use std::path::PathBuf;
use std::time::SystemTime;

/// A file as it was before it was read: where it is otherwise now, what was read of it is old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Which file.
    pub path: PathBuf,
    /// When it was written, and its size; a missing file is a state too.
    stamp: Option<(SystemTime, u64)>,
}

impl Watched {
    /// The file as it is now. Whoever reads it asks for this first, so that what is written meanwhile counts as a change.
    pub fn look(path: PathBuf) -> Self {
        let stamp = std::fs::metadata(&path).and_then(|data| Ok((data.modified()?, data.len()))).ok();
        Self { path, stamp }
    }

    /// The same file as it is now.
    pub fn again(&self) -> Self {
        Self::look(self.path.clone())
    }
}
