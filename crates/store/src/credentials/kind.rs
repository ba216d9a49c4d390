//! Kinds of credentials, and what finds one of a kind.

use std::fmt;
use std::str::FromStr;

use tollgate_core::credential::Digest;

use crate::error::{Error, Result};
use crate::text;

/// A kind of credential. One more is one more variant here and in [`NewProof`](crate::credentials::NewProof); the
/// tables have room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An opaque key.
    ApiKey,
    /// A key that signs JSON Web Tokens.
    Jwt,
    /// A Hawk secret.
    Hawk,
}

/// What a request presents and the store looks up: the digest of an API key, the key claim of a token, a Hawk id.
/// Bytes, so that no rule of languages decides whether two are equal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Lookup(Vec<u8>);

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::ApiKey, Self::Jwt, Self::Hawk];

    /// The kind's name in tables, config, API and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Jwt => "jwt",
            Self::Hawk => "hawk",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| Error::invalid("kind", "is none of `api_key`, `jwt` and `hawk`"))
    }
}

impl Lookup {
    /// What finds an API key.
    pub fn digest(digest: Digest) -> Self {
        Self(digest.0.to_vec())
    }

    /// What finds a JWT or Hawk credential: the value of the key claim, the id.
    ///
    /// # Errors
    /// [`Error::Invalid`] for texts that are empty, longer than 255 characters or not printable.
    pub fn text(text: &str) -> Result<Self> {
        text::check_shown("lookup", text, 255)?;
        Ok(Self(text.as_bytes().to_owned()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Lookup {
    /// Texts are ids and may be seen; the digest of a key is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) if self.0.len() != 32 => write!(f, "Lookup({text:?})"),
            _ => f.write_str("Lookup(…)"),
        }
    }
}
