//! The API keys that a service takes, where it guards itself. Every key has every right; a gate tells them apart.

use std::path::Path;

use axum::http::{HeaderMap, HeaderName};

/// Keys, as digests: what is kept in memory lets nobody in.
#[derive(Clone)]
pub struct Keys(Vec<[u8; 32]>);

/// There are no keys to be had.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    /// A list or a file without one.
    #[error("No API keys configured. Provide api_keys, api_key_file, or set environment variable.")]
    None,
    /// The file is not there.
    #[error("API key file not found: {0}")]
    NotFound(String),
    /// The file cannot be read.
    #[error("API key file `{0}` cannot be read: {1}")]
    Unreadable(String, std::io::Error),
}

/// What the key of a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presented {
    /// One of the keys.
    Known {
        /// How it begins, for the log.
        prefix: String,
        /// Which one it is: its place in the list.
        at: usize,
    },
    /// None of the keys.
    Unknown { prefix: String },
    /// There is none.
    Missing,
}

impl Keys {
    /// Reads a comma-separated list: each trimmed, blanks dropped, repetitions too.
    ///
    /// # Errors
    /// [`BadKeys::None`] where nothing is left.
    pub fn from_list(list: &str) -> Result<Self, BadKeys> {
        Self::new(list.split(','))
    }

    /// Reads a file with a key a line: each trimmed, blank lines and those that begin with `#` left out.
    ///
    /// # Errors
    /// [`BadKeys`] where the file cannot be read or has no key.
    pub fn from_file(path: &Path) -> Result<Self, BadKeys> {
        let text = std::fs::read_to_string(path).map_err(|why| match why.kind() {
            std::io::ErrorKind::NotFound => BadKeys::NotFound(path.display().to_string()),
            _ => BadKeys::Unreadable(path.display().to_string(), why),
        })?;
        Self::new(text.lines().filter(|line| !line.trim_start().starts_with('#')))
    }

    fn new<'a>(keys: impl Iterator<Item = &'a str>) -> Result<Self, BadKeys> {
        let mut all = Vec::new();
        for key in keys.map(str::trim).filter(|key| !key.is_empty()) {
            let digest = digest(key.as_bytes());
            if !all.contains(&digest) {
                all.push(digest);
            }
        }
        if all.is_empty() { Err(BadKeys::None) } else { Ok(Self(all)) }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Looks at the key of a request. Of several header fields the first counts; an empty one is none.
    pub(crate) fn check(&self, headers: &HeaderMap, header: &HeaderName) -> Presented {
        let Some(key) = headers.get(header).map(|value| value.as_bytes().trim_ascii()) else {
            return Presented::Missing;
        };
        if key.is_empty() {
            return Presented::Missing;
        }
        let (prefix, digest) = (shown(key), digest(key));
        // Digests may be compared in any time: what differs says nothing about the keys.
        match self.0.iter().position(|known| *known == digest) {
            Some(at) => Presented::Known { prefix, at },
            None => Presented::Unknown { prefix },
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

/// The first seven characters, which clients of the original find in its log; nothing of a shorter key.
fn shown(key: &[u8]) -> String {
    if key.len() < 7 {
        return "***".to_owned();
    }
    let plain = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' };
    key.iter().take(7).map(plain).collect()
}

fn digest(key: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key).as_ref());
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
