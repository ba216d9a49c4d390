//! Signature algorithms, and what verifies each.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, RsaParameters, VerificationAlgorithm};

/// A signature algorithm of RFC 7518 §3.1 or RFC 8037. `none` is not one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
}

/// A text that names no [`Algorithm`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no supported algorithm; use HS256, RS256, PS256 or ES256 (or their 384 and 512 forms), or EdDSA"
)]
pub struct UnknownAlgorithm(pub String);

/// What an algorithm verifies with.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Hmac(hmac::Algorithm),
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

impl Algorithm {
    /// Every algorithm, in the order of RFC 7518.
    pub const ALL: [Self; 13] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::EdDsa,
    ];

    /// The name in `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Whether signer and verifier share one secret.
    pub fn is_symmetric(self) -> bool {
        matches!(self.kind(), Kind::Hmac(_))
    }

    /// What kind of key fits, for messages.
    pub(super) fn needs(self) -> &'static str {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => "a shared secret",
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => "an RSA key",
            Self::Es256 => "an EC key on the curve P-256",
            Self::Es384 => "an EC key on the curve P-384",
            Self::Es512 => "an EC key on the curve P-521",
            Self::EdDsa => "an Ed25519 key",
        }
    }

    /// What verifies it.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Hs256 => Kind::Hmac(hmac::HMAC_SHA256),
            Self::Hs384 => Kind::Hmac(hmac::HMAC_SHA384),
            Self::Hs512 => Kind::Hmac(hmac::HMAC_SHA512),
            Self::Rs256 => Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 => Kind::Curve(&signature::ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Kind::Curve(&signature::ECDSA_P384_SHA384_FIXED),
            Self::Es512 => Kind::Curve(&signature::ECDSA_P521_SHA512_FIXED),
            Self::EdDsa => Kind::Curve(&signature::ED25519),
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

    /// Reads the exact name; algorithm names are case-sensitive (RFC 7515 §4.1.1).
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        let known = Self::ALL.into_iter().find(|algorithm| algorithm.name() == name);
        known.ok_or_else(|| UnknownAlgorithm(name.to_owned()))
    }
}
