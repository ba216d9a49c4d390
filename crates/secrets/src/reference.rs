//! Names of secrets, and how they are looked up.

use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::Secret;

/// No secret is longer; the bound keeps a wrong path (a device, a log) from filling memory.
const MAX_BYTES: u64 = 1024 * 1024;

/// Where a secret is kept.
#[derive(Debug, Clone)]
pub enum Reference {
    /// An environment variable.
    Env(String),
    /// A file; a relative path starts at the directory of the configuration file.
    File(PathBuf),
    /// The text itself, written into the configuration.
    Inline(Secret),
    /// `PATH#FIELD` in Vault or OpenBao.
    Vault(String),
    /// `ID#FIELD` in AWS Secrets Manager.
    Aws(String),
    /// A name in Azure Key Vault.
    Azure(String),
}

impl Reference {
    /// The file that holds the secret, for those who want to hear of its changes.
    pub fn path(&self, base: &Path) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(base.join(path)),
            Self::Env(_) | Self::Inline(_) | Self::Vault(_) | Self::Aws(_) | Self::Azure(_) => None,
        }
    }
}

/// Why a secret could not be had; says where it was looked for, never what was found.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// No such environment variable.
    #[error("environment variable `{0}` is not set")]
    EnvMissing(String),
    /// The environment variable has no character.
    #[error("environment variable `{0}` is empty")]
    EnvEmpty(String),
    /// The file cannot be read.
    #[error("secret file `{}` cannot be read: {error}", path.display())]
    File {
        /// The file, joined with the base directory.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file has nothing but perhaps a line end.
    #[error("secret file `{}` is empty", .0.display())]
    FileEmpty(PathBuf),
    /// The file is longer than any secret.
    #[error("secret file `{}` is larger than 1 MiB", .0.display())]
    FileTooLarge(PathBuf),
    /// The text in the configuration has no character.
    #[error("the secret is empty")]
    InlineEmpty,
    /// A secret store that is not spoken to yet.
    #[error("secrets from {0} are not supported by this version")]
    Unsupported(&'static str),
}

/// Looks a secret up.
///
/// `base` is the directory that relative files start at; `env` answers for the process environment. One line end at
/// the end of a file is cut, because editors and `echo` add it.
///
/// # Errors
/// [`ResolveError`] where the secret is missing or empty, or its store is not supported.
pub fn resolve(
    reference: &Reference,
    base: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Secret, ResolveError> {
    match reference {
        Reference::Env(name) => match env(name) {
            None => Err(ResolveError::EnvMissing(name.clone())),
            Some(value) if value.is_empty() => Err(ResolveError::EnvEmpty(name.clone())),
            Some(value) => Ok(Secret::new(value)),
        },
        Reference::File(path) => read(base.join(path)),
        Reference::Inline(secret) if secret.is_empty() => Err(ResolveError::InlineEmpty),
        Reference::Inline(secret) => Ok(secret.clone()),
        Reference::Vault(_) => Err(ResolveError::Unsupported("Vault")),
        Reference::Aws(_) => Err(ResolveError::Unsupported("AWS Secrets Manager")),
        Reference::Azure(_) => Err(ResolveError::Unsupported("Azure Key Vault")),
    }
}

fn read(path: PathBuf) -> Result<Secret, ResolveError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(&path);
    if let Err(error) = file.and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)) {
        return Err(ResolveError::File { path, error });
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ResolveError::FileTooLarge(path));
    }
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(ResolveError::FileEmpty(path));
    }
    Ok(Secret::new(line))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
