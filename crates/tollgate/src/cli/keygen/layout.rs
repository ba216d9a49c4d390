//! Which files hold which secret.

use std::path::Path;

use anyhow::bail;
use tollgate_core::consumer::Name;

use crate::cli::files::NewFile;
use crate::keys::{HawkKey, JwtAlgorithm, KeyPair};

/// Variables for the gate's environment, in the order in which they were set.
///
/// Values stand in double quotes, where a shell keeps line ends and what keys are made of as they are: `set -a; . .env`
/// reads the file, multi-line public keys included. Readers that go by lines see the first line of those.
#[derive(Debug, Default)]
pub struct EnvFile {
    variables: Vec<(String, String)>,
}

impl EnvFile {
    /// Adds `NAME_WHAT`, with the service's name in upper case and `-` and `.` as `_`.
    ///
    /// # Errors
    /// The name makes no variable that a shell takes, or another service's.
    pub fn set(&mut self, service: &Name, what: &str, value: &str) -> anyhow::Result<()> {
        let variable = format!("{}_{what}", service.as_str().to_ascii_uppercase().replace(['-', '.'], "_"));
        if variable.starts_with(|first: char| first.is_ascii_digit()) {
            bail!("`{service}` begins with a digit, so `{variable}` is no variable that a shell takes");
        }
        if self.variables.iter().any(|(taken, _)| *taken == variable) {
            bail!("`{service}` and another name both make the variable `{variable}`");
        }
        self.variables.push((variable, value.trim_end_matches('\n').to_owned()));
        Ok(())
    }

    /// The file `.env` in this directory.
    pub fn file(&self, directory: &Path) -> NewFile {
        let content = self.variables.iter().map(|(name, value)| format!("{name}=\"{value}\"\n")).collect();
        NewFile { path: directory.join(".env"), content, private: true }
    }
}

/// `NAME-private.pem` and `NAME-public.pem`.
pub fn pair(directory: &Path, name: &Name, pair: &KeyPair) -> [NewFile; 2] {
    let file = |suffix: &str, content: &str, private| NewFile {
        path: directory.join(format!("{name}-{suffix}.pem")),
        content: content.to_owned(),
        private,
    };
    [file("private", &pair.private_pem, true), file("public", &pair.public_pem, false)]
}

/// Everything for a set of services: the pairs, and `.env` with all public keys before all Hawk keys.
pub fn all(algorithm: JwtAlgorithm, directory: &Path, names: &[Name]) -> anyhow::Result<Vec<NewFile>> {
    let mut files = Vec::new();
    let mut env = EnvFile::default();
    for name in names {
        let made = KeyPair::generate(algorithm)?;
        env.set(name, "PUBLIC_KEY", &made.public_pem)?;
        files.extend(pair(directory, name, &made));
    }
    for name in names {
        env.set(name, "HAWK_KEY", &HawkKey::generate(name)?.key)?;
    }
    files.push(env.file(directory));
    Ok(files)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
