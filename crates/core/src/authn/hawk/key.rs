//! Hawk credentials.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::header::is_value;
use super::mac::Signed;

/// The hash of a credential's MACs; it belongs to the credential and is never on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-1, for callers that know nothing else; as HMAC it is still sound.
    Sha1,
}

/// A text that names no [`Algorithm`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no Hawk algorithm; use `sha256` or `sha1`")]
pub struct UnknownAlgorithm(pub String);

/// Why id and secret make no credential; the texts are for operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The id could not stand in a header.
    #[error("a Hawk id is one or more printable ASCII characters without `\"` and `\\`")]
    Id,
    /// The secret is empty.
    #[error("the Hawk key is empty")]
    EmptySecret,
}

/// A Hawk credential: its id and the MAC key, prepared once. Copies share the key.
#[derive(Clone)]
pub struct Key {
    /// What the `id` attribute says.
    pub id: Box<str>,
    algorithm: Algorithm,
    secret: Arc<hmac::Key>,
}

impl Key {
    /// A credential of this id; the secret is used as it is, so a key in hexadecimal is its text.
    ///
    /// # Errors
    /// [`KeyError`] where no caller could present the id, or the secret is empty.
    pub fn new(id: &str, algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        if !is_value(id) {
            return Err(KeyError::Id);
        }
        if secret.is_empty() {
            return Err(KeyError::EmptySecret);
        }
        Ok(Self { id: id.into(), algorithm, secret: Arc::new(hmac::Key::new(algorithm.hmac(), secret)) })
    }

    /// The hash of this credential.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The MAC over a normalised string, in base64.
    pub(super) fn mac(&self, signed: &Signed<'_>) -> String {
        let mut context = hmac::Context::with_key(&self.secret);
        signed.feed(|text| context.update(text));
        STANDARD.encode(context.sign())
    }

    /// The MAC over our clock, which tells a caller that the time is really ours.
    pub(super) fn mac_of_time(&self, ts: i64) -> String {
        STANDARD.encode(hmac::sign(&self.secret, format!("hawk.1.ts\n{ts}\n").as_bytes()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl Algorithm {
    /// The name in config files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha1 => "sha1",
        }
    }

    pub(super) fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        match name {
            "sha256" => Ok(Self::Sha256),
            "sha1" => Ok(Self::Sha1),
            other => Err(UnknownAlgorithm(other.to_owned())),
        }
    }
}
