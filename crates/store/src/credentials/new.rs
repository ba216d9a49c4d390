//! What a new credential is to be.

use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use tollgate_core::authn::{hawk, jwt};
use tollgate_core::consumer::{Name, Scopes};
use tollgate_core::credential::Digest;
use tollgate_core::credential::api_key_text::{Recognised, recognise};

use super::check;
use super::kind::{Kind, Lookup};
use super::secret::Secret;
use crate::error::{Error, Result};
use crate::id::{AccountId, ConsumerId, CredentialId};
use crate::sealing::{Binding, Plaintext, SealingKeys};
use crate::text;

/// A credential that is to be made.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// Whose it is to be.
    pub consumer: ConsumerId,
    /// What its owner calls it: 1 to 100 characters.
    pub name: String,
    /// The proof itself.
    pub proof: NewProof,
    /// The service it is for, as the auth-service contract tells it.
    pub service_id: Option<String>,
    /// Scopes of its own; absent means its consumer's.
    pub scopes: Option<Scopes>,
    /// A tier in place of its consumer's.
    pub tier: Option<Name>,
    /// An hourly rate in place of its tier's.
    pub rate_limit_per_hour: Option<i64>,
    /// Networks that it may come from; none means all.
    pub networks: Vec<IpNet>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// The proof of a new credential, by kind.
#[derive(Debug, Clone)]
pub enum NewProof {
    /// An opaque key, of which only the digest is kept.
    ApiKey {
        /// SHA-256 of the key's text.
        digest: Digest,
        /// Its beginning, to recognise it by.
        display: Option<String>,
        /// `live`, `test` or `dev`.
        environment: Option<String>,
    },
    /// Tokens that are signed with a private key, which nobody here has.
    JwtPublic {
        /// The value of the key claim.
        key: String,
        /// The one algorithm that is accepted.
        algorithm: jwt::Algorithm,
        /// The public key in PEM.
        pem: String,
    },
    /// Tokens that are signed with a secret, which is sealed.
    JwtSecret {
        /// The value of the key claim.
        key: String,
        /// The one algorithm that is accepted.
        algorithm: jwt::Algorithm,
        /// The secret.
        secret: Plaintext,
    },
    /// Hawk requests; the secret is sealed.
    Hawk {
        /// The Hawk id.
        id: String,
        /// The hash of its MACs.
        algorithm: hawk::Algorithm,
        /// The secret.
        secret: Plaintext,
    },
}

/// The columns that a proof fills.
pub(super) struct Stored {
    pub(super) kind: Kind,
    pub(super) lookup: Lookup,
    pub(super) secret: Secret,
    pub(super) algorithm: Option<String>,
    pub(super) display: Option<String>,
    pub(super) environment: Option<String>,
}

impl NewCredential {
    /// A credential with nothing but whose it is, its name and its proof.
    pub fn new(consumer: ConsumerId, name: impl Into<String>, proof: NewProof) -> Self {
        Self {
            consumer,
            name: name.into(),
            proof,
            service_id: None,
            scopes: None,
            tier: None,
            rate_limit_per_hour: None,
            networks: Vec::new(),
            expires_at: None,
        }
    }
}

impl NewProof {
    /// The proof of an API key's text: its digest, its beginning, and for a key of ours its environment.
    pub fn api_key(text: &str) -> Self {
        let environment = match recognise(text) {
            Recognised::Ours(environment) => Some(environment.to_string()),
            Recognised::Foreign | Recognised::Damaged => None,
        };
        // Twelve characters of a key of ours leave 36 that nobody sees. Of another system's key nobody knows how many
        // of its characters are random.
        let shown = match (&environment, text.chars().count()) {
            (Some(_), _) => 12,
            (None, 32..) => 4,
            (None, _) => 0,
        };
        let display: String = text.chars().take(shown).collect();
        Self::ApiKey {
            digest: Digest::of(text.as_bytes()),
            display: Some(display).filter(|display| !display.is_empty()),
            environment,
        }
    }

    /// What a careful owner would mend about it, if anything; it is accepted all the same.
    pub fn warning(&self) -> Option<String> {
        let Self::JwtSecret { key, algorithm, secret } = self else { return None };
        let made = jwt::Key::new(key, *algorithm, jwt::Material::Secret(secret.expose())).ok()?;
        made.has_short_secret().then(|| {
            let bytes = secret.expose().len();
            format!(
                "the secret has {bytes} bytes, too few for {algorithm}; use a random one as long as the hash (RFC 7518 §3.2)"
            )
        })
    }

    /// The proof's kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::ApiKey { .. } => Kind::ApiKey,
            Self::JwtPublic { .. } | Self::JwtSecret { .. } => Kind::Jwt,
            Self::Hawk { .. } => Kind::Hawk,
        }
    }

    /// Checks the proof and makes what is stored of it. `sealing` is asked for the keys only where there is something
    /// to seal.
    pub(super) fn store(
        self,
        account: AccountId,
        credential: CredentialId,
        sealing: impl FnOnce() -> Result<Arc<SealingKeys>>,
    ) -> Result<Stored> {
        let kind = self.kind();
        let seal = |secret: &Plaintext| -> Result<Secret> {
            if secret.expose().is_empty() || secret.expose().len() > check::SECRET {
                return Err(Error::invalid("secret", format!("has 1 to {} bytes", check::SECRET)));
            }
            sealing()?.seal(Binding { account, credential, kind }, secret)
        };
        let stored = |lookup: Lookup, secret: Secret, algorithm: Option<String>| {
            Ok(Stored { kind, lookup, secret, algorithm, display: None, environment: None })
        };
        match self {
            Self::ApiKey { digest, display, environment } => {
                text::check_optional("display", display.as_deref(), 16)?;
                text::check_optional("environment", environment.as_deref(), 16)?;
                let lookup = Lookup::digest(digest);
                Ok(Stored { kind, lookup, secret: Secret::Lookup, algorithm: None, display, environment })
            }
            Self::JwtPublic { key, algorithm, pem } => {
                if pem.len() > check::PEM {
                    return Err(Error::invalid("public_key", format!("has at most {} bytes", check::PEM)));
                }
                jwt::Key::new(&key, algorithm, jwt::Material::Pem(pem.as_bytes()))
                    .map_err(|error| refused(&error, "public_key"))?;
                stored(Lookup::text(&key)?, Secret::Public(pem), Some(algorithm.name().to_owned()))
            }
            Self::JwtSecret { key, algorithm, secret } => {
                jwt::Key::new(&key, algorithm, jwt::Material::Secret(secret.expose()))
                    .map_err(|error| refused(&error, "secret"))?;
                stored(Lookup::text(&key)?, seal(&secret)?, Some(algorithm.name().to_owned()))
            }
            Self::Hawk { id, algorithm, secret } => {
                hawk::Key::new(&id, algorithm, secret.expose()).map_err(|error| match error {
                    hawk::KeyError::Id => Error::invalid("lookup", format!("is refused: {error}")),
                    hawk::KeyError::EmptySecret => Error::invalid("secret", "may not be empty"),
                })?;
                stored(Lookup::text(&id)?, seal(&secret)?, Some(algorithm.to_string()))
            }
        }
    }
}

/// Whose fault it is that this makes no key: the name's or the material's.
fn refused(error: &jwt::KeyError, material: &'static str) -> Error {
    let field = if *error == jwt::KeyError::NoName { "lookup" } else { material };
    Error::invalid(field, format!("is refused: {error}"))
}
