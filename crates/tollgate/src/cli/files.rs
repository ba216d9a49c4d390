//! Files that commands write: whole or not at all, and never over somebody's file unless told.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A file to be.
#[derive(Debug)]
pub struct NewFile {
    /// Where it shall stand.
    pub path: PathBuf,
    /// Its whole content.
    pub content: String,
    /// Whether only the owner may read it.
    pub private: bool,
}

/// What to do with files that exist already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Leave them and write nothing.
    Keep,
    /// Put the new ones in their place.
    Replace,
}

/// Writes the files, creating their directories. Each is written under another name first and then renamed, so that a
/// reader finds the old or the new content and never a part; nothing is renamed before all are written.
///
/// # Errors
/// All existing files by name where they shall be kept; otherwise what the file system refused.
pub fn write_all(files: &[NewFile], existing: Existing) -> anyhow::Result<()> {
    if existing == Existing::Keep {
        let there: Vec<String> = files
            .iter()
            .filter(|file| file.path.symlink_metadata().is_ok())
            .map(|file| format!("`{}`", file.path.display()))
            .collect();
        if !there.is_empty() {
            bail!("{} already there; nothing was written, `--force` replaces", there.join(", "));
        }
    }
    let drafts = Drafts::write(files)?;
    drafts.publish(files)
}

/// Refuses a path where a file is that shall be kept.
///
/// # Errors
/// The file by name.
pub fn check_free(path: &Path, existing: Existing) -> anyhow::Result<()> {
    if existing == Existing::Keep && path.symlink_metadata().is_ok() {
        bail!("`{}` already there; nothing was written, `--force` replaces", path.display());
    }
    Ok(())
}

/// Writes one file that is too large to be held, in the same way: under another name first, whole or not at all.
///
/// # Errors
/// What `write` says, a file that shall be kept, or what the file system refused.
pub fn write_streamed<T>(
    path: &Path,
    existing: Existing,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    check_free(path, existing)?;
    let cannot = || format!("`{}` cannot be written", path.display());
    let draft = draft_name(path)?;
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).with_context(cannot)?;
    }
    let mut file = create(&draft, false).with_context(cannot)?;
    // From here on the draft is removed unless it is published.
    let drafts = Drafts(vec![draft.clone()]);
    let written = write(&mut file)?;
    file.sync_all().with_context(cannot)?;
    fs::rename(&draft, path).with_context(cannot)?;
    drop(drafts);
    Ok(written)
}

/// Files under their temporary names, removed again unless they are published.
struct Drafts(Vec<PathBuf>);

impl Drafts {
    fn write(files: &[NewFile]) -> anyhow::Result<Self> {
        let mut drafts = Self(Vec::with_capacity(files.len()));
        for file in files {
            let draft = draft_name(&file.path)?;
            let write = || -> io::Result<()> {
                if let Some(directory) = file.path.parent() {
                    fs::create_dir_all(directory)?;
                }
                let mut to = create(&draft, file.private)?;
                to.write_all(file.content.as_bytes())?;
                to.sync_all()
            };
            let written = write();
            drafts.0.push(draft);
            written.with_context(|| format!("`{}` cannot be written", file.path.display()))?;
        }
        Ok(drafts)
    }

    fn publish(&self, files: &[NewFile]) -> anyhow::Result<()> {
        for (draft, file) in self.0.iter().zip(files) {
            fs::rename(draft, &file.path)
                .with_context(|| format!("`{}` cannot be put in place", file.path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        for draft in &self.0 {
            // Published drafts are gone by now; there is nothing to tell about the others.
            let _ = fs::remove_file(draft);
        }
    }
}

/// Creates a file that did not exist, with its final mode from the start: a secret is never readable for a moment.
fn create(path: &Path, private: bool) -> io::Result<File> {
    let mode = if private { 0o600 } else { 0o644 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// A name beside the file's own, in the same file system; the process id keeps two commands apart.
fn draft_name(path: &Path) -> anyhow::Result<PathBuf> {
    let name = path.file_name().with_context(|| format!("`{}` names no file", path.display()))?;
    Ok(path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id())))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
