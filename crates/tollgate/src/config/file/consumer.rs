//! Consumers and their credentials.

use schemars::JsonSchema;
use serde::Deserialize;

use super::given;
use super::secret::Secret;
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
    ApiKey(Spanned<Secret>),
    /// Client id and secret.
    ServiceToken(ServiceToken),
    /// User name and password.
    Basic(Basic),
    /// A key of HMAC request signatures.
    Hmac(Hmac),
    /// A client certificate.
    Mtls(Mtls),
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
