//! What to do where a secret or a file that the configuration names is not there.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use tollgate_secrets::ResolveError;

/// How a secret that could not be had is brought there.
pub(super) fn secret(error: &ResolveError) -> String {
    match error {
        ResolveError::EnvMissing(name) | ResolveError::EnvEmpty(name) => {
            format!("export it before the start: `export {}=…`", name.escape_debug())
        }
        ResolveError::File { path, error } => file(path, error),
        ResolveError::FileEmpty(path) => format!("write the secret into `{}`", resolved(path).display()),
        ResolveError::FileTooLarge(path) => {
            format!("`{}` should hold the secret and nothing else", resolved(path).display())
        }
        ResolveError::InlineEmpty => "name where it is kept: `{ env: NAME }` or `{ file: PATH }`".to_owned(),
        ResolveError::Unsupported(_) => {
            "keep it where this version reads it: `{ env: NAME }` or `{ file: PATH }`".to_owned()
        }
    }
}

/// How a file becomes readable; names the whole path, because a relative one hides where it starts.
pub(super) fn file(path: &Path, error: &Error) -> String {
    let shown = resolved(path);
    let shown = shown.display();
    match error.kind() {
        ErrorKind::NotFound => {
            format!("create `{shown}`; relative paths start at the configuration file's directory")
        }
        ErrorKind::PermissionDenied => format!("let the user that runs the gate read `{shown}`"),
        ErrorKind::IsADirectory => format!("name a file in `{shown}`"),
        _ => format!("make `{shown}` a readable file"),
    }
}

/// The path from the root, where the current directory is known.
fn resolved(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
