//! Consumers and their credentials.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::given;
use super::secret::{Place, Secret};
use super::spanned::Spanned;

/// A calling service or person.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Consumer {
    /// Who pays. Default: the consumer's own name.
    #[serde(default)]
    pub account: Option<Spanned<String>>,
    /// The consumer's tier.
    #[serde(default)]
    pub tier: Option<Spanned<String>>,
    /// Scopes beside those of the tier.
    #[serde(default, deserialize_with = "given")]
    pub scopes: Option<Vec<Spanned<String>>>,
    /// Stored proofs of who is calling.
    #[serde(default, deserialize_with = "given")]
    pub credentials: Option<Spanned<Vec<Spanned<Credential>>>>,
}

/// A stored proof of one consumer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Credential {
    /// A key that verifies JSON Web Tokens.
    Jwt(Jwt),
    /// A key of Hawk request signatures.
    Hawk(Hawk),
    /// An opaque key.
    ApiKey(Spanned<ApiKey>),
    /// Client id and secret.
    ServiceToken(ServiceToken),
    /// User name and password.
    Basic(Basic),
    /// A key of HMAC request signatures.
    Hmac(Hmac),
    /// A client certificate.
    Mtls(Mtls),
}

/// An opaque key: `{ env: NAME }`, `{ file: PATH }`, `{ sha256: HEX }`, or, with a warning, the text itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind")]
#[schemars(untagged, rename = "ApiKeyText")]
pub(in crate::config) enum ApiKey {
    #[serde(rename = "text")]
    Inline(Inline),
    #[serde(rename = "mapping")]
    Kept(ApiKeyPlace),
}

/// A text that is a secret.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::config) struct Inline(pub String);

impl std::fmt::Debug for Inline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inline(…)")
    }
}

/// Where an opaque key is kept, or what is known of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ApiKeyPlace {
    /// An environment variable.
    Env(String),
    /// A file; a relative path starts at the configuration file's directory.
    File(PathBuf),
    /// `PATH#FIELD` in Vault or OpenBao.
    Vault(String),
    /// `ID#FIELD` in AWS Secrets Manager.
    Aws(String),
    /// A name in Azure Key Vault.
    Azure(String),
    /// SHA-256 of the key's text, 64 hexadecimal digits: for keys that only their owners have.
    Sha256(String),
}

/// What a file says of an opaque key.
pub(in crate::config) enum Given<'a> {
    /// Where to find its text.
    Text(Secret),
    /// The digest of its text, in hexadecimal digits.
    Sha256(&'a str),
}

impl ApiKey {
    /// The text, by its reference, or the digest in place of it.
    pub fn given(&self) -> Given<'_> {
        let place = match self {
            Self::Inline(Inline(text)) => return Given::Text(Secret::Inline(text.clone())),
            Self::Kept(place) => place,
        };
        Given::Text(Secret::Kept(match place {
            ApiKeyPlace::Env(name) => Place::Env(name.clone()),
            ApiKeyPlace::File(path) => Place::File(path.clone()),
            ApiKeyPlace::Vault(id) => Place::Vault(id.clone()),
            ApiKeyPlace::Aws(id) => Place::Aws(id.clone()),
            ApiKeyPlace::Azure(id) => Place::Azure(id.clone()),
            ApiKeyPlace::Sha256(hex) => return Given::Sha256(hex),
        }))
    }
}

/// A key that verifies JSON Web Tokens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Jwt {
    /// What the key claim says.
    #[serde(default)]
    pub key: Option<Spanned<String>>,
    /// The one algorithm that is accepted. Default `HS256`.
    #[serde(default)]
    pub algorithm: Option<Spanned<String>>,
    /// PEM of the public key, for RS, PS, ES and EdDSA.
    #[serde(default)]
    pub public_key: Option<Spanned<Secret>>,
    /// The shared secret, for HS.
    #[serde(default)]
    pub secret: Option<Spanned<Secret>>,
    /// An issuer whose tokens stand for this consumer.
    #[serde(default)]
    pub issuer: Option<Spanned<String>>,
    /// What `sub` says in them.
    #[serde(default)]
    pub subject: Option<Spanned<String>>,
}

/// A key of Hawk request signatures.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Hawk {
    /// What the `id` attribute says.
    pub id: Spanned<String>,
    /// The shared secret.
    pub key: Spanned<Secret>,
    /// `sha256` or `sha1`. Default `sha256`.
    #[serde(default)]
    pub algorithm: Option<Spanned<String>>,
}

/// Client id and secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ServiceToken {
    /// The client id.
    pub id: String,
    /// The secret.
    pub secret: Secret,
}

/// User name and password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Basic {
    /// The user's name.
    pub username: String,
    /// A bcrypt hash of the password.
    pub password_hash: Secret,
}

/// A key of HMAC request signatures.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Hmac {
    /// The key's id.
    pub id: String,
    /// The shared secret.
    pub secret: Secret,
}

/// A client certificate.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Mtls {
    /// The certificate's subject.
    #[serde(default)]
    pub subject: Option<String>,
    /// One of its alternative names.
    #[serde(default)]
    pub san: Option<String>,
    /// SHA-256 of the certificate, in hex.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// A password file whose users become consumers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Htpasswd {
    /// The file.
    pub file: String,
    /// The tier of its users.
    #[serde(default)]
    pub tier: Option<String>,
}
