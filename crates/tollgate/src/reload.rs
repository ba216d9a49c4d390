//! Hot reload: on a change of the file or of what it names, and on SIGHUP where an operator may send it.

mod opened;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::config::{self, Watched};
use crate::server::Server;

/// How often the files are looked at. Looking works on every file system, also where changes are not announced.
const LOOK: Duration = Duration::from_millis(500);
/// Two reads this far apart must agree: a file that is being written is not loaded.
const SETTLE: Duration = Duration::from_millis(100);

/// What SIGHUP does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// It loads the file, changed or not.
    Load,
    /// It leaves a line in the log and nothing else: there is no file that an operator could mean.
    Ignore,
}

/// Watches the configuration for as long as the gate runs; SIGHUP is caught from the return on. What was written since the
/// watched files were read, while the gate started, is loaded too.
///
/// A file that cannot be used changes nothing and says why, once.
///
/// # Errors
/// Where SIGHUP cannot be watched.
pub fn start(
    server: &Arc<Server>,
    path: PathBuf,
    watched: Vec<Watched>,
    on_hangup: Hangup,
) -> std::io::Result<JoinHandle<()>> {
    let _entered = server.control().enter();
    let hangup = signal(SignalKind::hangup())?;
    Ok(server.control().spawn(watch(Arc::downgrade(server), hangup, on_hangup, path, watched)))
}

async fn watch(
    server: Weak<Server>,
    mut hangup: Signal,
    on_hangup: Hangup,
    path: PathBuf,
    mut watched: Vec<Watched>,
) {
    loop {
        let forced = tokio::select! {
            _ = hangup.recv() => match on_hangup {
                Hangup::Load => true,
                Hangup::Ignore => {
                    tracing::warn!("SIGHUP is ignored here; the configuration is loaded when its file changes");
                    continue;
                }
            },
            () = tokio::time::sleep(LOOK) => false,
        };
        let now: Vec<Watched> = watched.iter().map(Watched::again).collect();
        if now == watched && !forced {
            continue;
        }
        if !settled(&path).await {
            continue;
        }
        watched = now;
        let Some(server) = server.upgrade() else { return };
        if let Some(files) = load(&server, &path).await {
            watched = files;
        }
    }
}

/// Loads the file and installs it; the files to watch from now on, if it could be used.
async fn load(server: &Server, path: &Path) -> Option<Vec<Watched>> {
    let compiled = match config::load(path) {
        Ok(compiled) => compiled,
        Err(problems) => {
            tracing::error!(
                "the configuration was refused, the old one stays in force\n{}",
                problems.render(false)
            );
            return None;
        }
    };
    for warning in &compiled.warnings {
        tracing::warn!("{warning}");
    }
    let opened = opened::by(&server.gate().live().snapshot, &compiled.snapshot);
    if let Err(error) = server.reserve(&source(path), &compiled.snapshot).await {
        tracing::error!("the configuration was refused, the old one stays in force: {error:#}");
        return None;
    }
    match server.reload(&compiled.process, compiled.snapshot) {
        Ok(()) => {
            for change in opened {
                tracing::warn!("the new configuration {change}");
            }
            tracing::info!(file = %path.display(), "the configuration was loaded");
            Some(compiled.watched)
        }
        Err(error) => {
            tracing::error!("the configuration was refused, the old one stays in force: {error:#}");
            None
        }
    }
}

/// Under which name the store reserves what a file declares: the same file has the same name at every start.
pub fn source(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // The store takes 128 characters; the end of a path tells more than its beginning.
    let text = path.to_string_lossy();
    let skip = text.chars().count().saturating_sub(100);
    format!("file:{}", text.chars().skip(skip).collect::<String>())
}

async fn settled(path: &Path) -> bool {
    let before = tokio::fs::read(path).await.ok();
    tokio::time::sleep(SETTLE).await;
    // A file that is gone is settled too: loading it says so.
    before == tokio::fs::read(path).await.ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
