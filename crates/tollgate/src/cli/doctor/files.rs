//! Files: who may read them, and whether they can be written.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::Findings;
use crate::config::Compiled;
use crate::config::process::Process;
use crate::data_dir::{LOCK, SEALING_KEYS};

/// The data directory. Says whether a gate uses it now.
pub fn data_dir(process: &Process, findings: &mut Findings) -> bool {
    const WHAT: &str = "data directory";
    let path = &process.data_dir;
    let shown = path.display();
    let found = match path.metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            findings.warn(
                WHAT,
                format!("`{shown}` is not there yet"),
                "`tollgate init` makes it, and so does `serve`",
            );
            return false;
        }
        Err(error) => {
            findings.fail(WHAT, format!("`{shown}`: {error}"), "let this user read the directories above it");
            return false;
        }
    };
    if !found.is_dir() {
        findings.fail(WHAT, format!("`{shown}` is no directory"), "set another `data_dir`");
        return false;
    }
    if found.mode() & 0o077 != 0 {
        let mend = format!("run `chmod 700 {shown}`");
        findings.warn(WHAT, format!("others may look into `{shown}`"), &mend);
    }
    match lock(path) {
        Ok(running) => {
            let by = if running { ", in use by a running gate" } else { "" };
            findings.fine(WHAT, format!("`{shown}` can be written{by}"));
            running
        }
        Err(error) => {
            let mend = format!(
                "make it this user's, `chown` it to whoever runs the gate (it is user {}'s)",
                found.uid()
            );
            findings.fail(WHAT, format!("`{shown}` cannot be written: {error}"), &mend);
            false
        }
    }
}

/// Whether somebody has the lock; it is let go of at once where nobody has.
fn lock(path: &Path) -> std::io::Result<bool> {
    let place = path.join(LOCK);
    let file = match OpenOptions::new().write(true).open(&place) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return writable(path).map(|()| false),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => writable(path).map(|()| false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether a file can be made there: the modes alone do not say it, as on a read-only file system.
fn writable(path: &Path) -> std::io::Result<()> {
    let probe = path.join(format!(".doctor.{}", std::process::id()));
    File::create_new(&probe)?;
    std::fs::remove_file(&probe)
}

/// The keys under which secrets are sealed.
pub fn sealing_keys(process: &Process, findings: &mut Findings) {
    const WHAT: &str = "sealing key";
    let path = process.data_dir.join(SEALING_KEYS);
    let shown = path.display();
    match path.metadata() {
        Ok(found) if found.mode() & 0o077 != 0 => {
            let mend = format!("run `chmod 600 {shown}`");
            findings.fail(WHAT, format!("others may read `{shown}`, so it is not used"), &mend);
        }
        Ok(_) => findings.fine(WHAT, format!("`{shown}` is its owner's alone")),
        // Whether one is needed already is known by the store.
        Err(_) => {}
    }
}

/// Key files and secrets that the configuration names.
pub fn secrets(compiled: &Compiled, findings: &mut Findings) {
    let mut seen = 0;
    // The first one is the configuration itself.
    for path in compiled.watched.iter().skip(1).map(|watched| &watched.path).filter(|path| is_secret(path)) {
        seen += 1;
        let mode = path.metadata().map(|found| found.permissions().mode()).unwrap_or_default();
        if mode & 0o077 != 0 {
            let shown = path.display();
            let mend = format!("run `chmod 600 {shown}`, as the user who runs the gate");
            findings.warn("secrets", format!("others than its owner may read `{shown}`"), &mend);
        }
    }
    if seen > 0 {
        findings.fine("secrets", format!("{seen} files with secrets were looked at"));
    }
}

/// Whether a file has more than what everybody may know: certificates and public keys.
fn is_secret(path: &Path) -> bool {
    const MARK: &str = "-----BEGIN ";
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let mut labels = text.lines().filter_map(|line| line.strip_prefix(MARK)).peekable();
    labels.peek().is_none()
        || labels.any(|label| !label.starts_with("CERTIFICATE") && !label.starts_with("PUBLIC KEY"))
}
