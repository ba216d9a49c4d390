//! The stored form of a credential's secret.

use std::fmt;

use tollgate_core::credential::Digest;

use crate::error::Result;
use crate::row::Columns;
use crate::statement::Value;

/// What is stored of a secret: never more than its scheme needs.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Nothing: what finds the credential is the digest of the secret itself (API keys).
    Lookup,
    /// A digest, beside an id that finds the credential (service tokens).
    Digest(Digest),
    /// The secret, sealed, because the scheme computes with it (Hawk, HS256); see
    /// [`Store::unseal`](crate::Store::unseal).
    Sealed {
        /// Which sealing key it is under.
        key: String,
        /// Nonce, ciphertext and tag.
        bytes: Vec<u8>,
    },
    /// A public key in PEM; no secret at all (RS256, ES256, EdDSA).
    Public(String),
    /// A password's hash, in the form that names its function (Basic).
    Hash(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup => f.write_str("Lookup"),
            Self::Digest(_) => f.write_str("Digest(…)"),
            Self::Sealed { key, .. } => write!(f, "Sealed {{ key: {key:?}, … }}"),
            Self::Public(pem) => write!(f, "Public({pem:?})"),
            Self::Hash(_) => f.write_str("Hash(…)"),
        }
    }
}

impl Secret {
    /// The word for the form, in the tables and in the audit.
    pub fn form(&self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Digest(_) => "digest",
            Self::Sealed { .. } => "sealed",
            Self::Public(_) => "public",
            Self::Hash(_) => "hash",
        }
    }

    /// Which sealing key it is under, if it is sealed.
    pub fn sealing_key(&self) -> Option<&str> {
        match self {
            Self::Sealed { key, .. } => Some(key),
            Self::Lookup | Self::Digest(_) | Self::Public(_) | Self::Hash(_) => None,
        }
    }

    /// The columns `secret_form`, `secret` and `sealing_key`.
    pub(crate) fn row(&self) -> [Value; 3] {
        let (bytes, key) = match self {
            Self::Lookup => (None, None),
            Self::Digest(digest) => (Some(digest.0.to_vec()), None),
            Self::Sealed { key, bytes } => (Some(bytes.clone()), Some(key.clone())),
            Self::Public(text) | Self::Hash(text) => (Some(text.clone().into_bytes()), None),
        };
        [self.form().into(), bytes.into(), key.into()]
    }

    pub(crate) fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let form = columns.next::<String>()?;
        let bytes = columns.next::<Option<Vec<u8>>>()?;
        let key = columns.next::<Option<String>>()?;
        let secret = match (form.as_str(), bytes, key) {
            ("lookup", None, None) => Some(Self::Lookup),
            ("digest", Some(bytes), None) => bytes.try_into().ok().map(|bytes| Self::Digest(Digest(bytes))),
            ("sealed", Some(bytes), Some(key)) => Some(Self::Sealed { key, bytes }),
            ("public", Some(bytes), None) => String::from_utf8(bytes).ok().map(Self::Public),
            ("hash", Some(bytes), None) => String::from_utf8(bytes).ok().map(Self::Hash),
            _ => None,
        };
        secret.ok_or_else(|| columns.damaged(&form))
    }
}
