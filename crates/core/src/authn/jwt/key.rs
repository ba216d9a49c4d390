//! Verification keys, each bound to one algorithm.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ParsedPublicKey, RsaParameters, VerificationAlgorithm};

use super::algorithm::{Algorithm, Kind};
use super::jws::Jws;
use super::pem;
use crate::credential::Digest;

/// What a key is made from.
#[derive(Clone, Copy)]
pub enum Material<'a> {
    /// PEM of a public key: `PUBLIC KEY` (SPKI) or `RSA PUBLIC KEY` (PKCS#1).
    Pem(&'a [u8]),
    /// The shared secret of an HMAC algorithm, as it is.
    Secret(&'a [u8]),
}

/// Why material makes no key; the texts are for operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The value of the key claim is empty.
    #[error("the key's name is empty; give the text that tokens carry in their key claim")]
    NoName,
    /// The secret is empty.
    #[error("the secret is empty")]
    EmptySecret,
    /// The secret is PEM text, so tokens could be forged with what is public (CVE-2026-39999, CVE-2023-48223).
    #[error("the secret is PEM text; {0} needs a shared secret that is not a key file")]
    PemAsSecret(Algorithm),
    /// An HMAC algorithm with a public key.
    #[error("{0} needs a shared `secret`, not a public key")]
    NeedsSecret(Algorithm),
    /// A public-key algorithm with a secret.
    #[error("{0} needs a `public_key` in PEM, not a secret")]
    NeedsPem(Algorithm),
    /// The text holds no PEM block that can be read.
    #[error(
        "this is no PEM text; it must start with `-----BEGIN PUBLIC KEY-----` and be complete, line breaks included"
    )]
    NotPem,
    /// More than one block, so it is not clear which one is meant.
    #[error("the PEM text holds {0} blocks; give exactly one public key")]
    ManyBlocks(usize),
    /// A private key where a public one is needed.
    #[error(
        "this is a private key, which the gate must not have; give the public key (`openssl pkey -in FILE -pubout`)"
    )]
    Private,
    /// A certificate where a public key is needed.
    #[error("this is a certificate; give its public key (`openssl x509 -in FILE -noout -pubkey`)")]
    Certificate,
    /// Another kind of PEM block.
    #[error("a PEM block `{0}` is no key of a known kind")]
    Label(String),
    /// The key is of another type or curve, or its encoding is broken.
    #[error("the key does not fit {0}: {need} is needed", need = .0.needs())]
    WrongKey(Algorithm),
    /// An RSA modulus outside 2048 to 8192 bits.
    #[error("the RSA key has {0} bits; at least 2048 and at most 8192 are needed")]
    RsaSize(u32),
}

/// A verification key bound to one algorithm.
pub struct Key {
    /// What the key claim must say.
    pub claim_value: Box<str>,
    algorithm: Algorithm,
    verifier: Verifier,
    fingerprint: Digest,
    short: bool,
}

enum Verifier {
    Hmac(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl Key {
    /// Parses the material once, into the form that verifies.
    ///
    /// # Errors
    /// [`KeyError`] where the material does not fit the algorithm or is too weak for it.
    pub fn new(claim_value: &str, algorithm: Algorithm, material: Material<'_>) -> Result<Self, KeyError> {
        if claim_value.is_empty() {
            return Err(KeyError::NoName);
        }
        let (verifier, bytes, short) = match (algorithm.kind(), material) {
            (Kind::Hmac(hash), Material::Secret(secret)) => {
                check_secret(algorithm, secret)?;
                let short = secret.len() < hash.digest_algorithm().output_len();
                (Verifier::Hmac(Box::new(hmac::Key::new(hash, secret))), secret.to_vec(), short)
            }
            (Kind::Hmac(_), Material::Pem(_)) => return Err(KeyError::NeedsSecret(algorithm)),
            (_, Material::Secret(_)) => return Err(KeyError::NeedsPem(algorithm)),
            (kind, Material::Pem(text)) => {
                let der = public_der(text)?;
                (Verifier::Public(public(algorithm, kind, &der)?), der, false)
            }
        };
        let fingerprint = Digest::of_parts(&[algorithm.name().as_bytes(), b"\0", &bytes]);
        Ok(Self { claim_value: claim_value.into(), algorithm, verifier, fingerprint, short })
    }

    /// The only algorithm that this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this is a secret shorter than its hash, which RFC 7518 §3.2 forbids and APISIX allows: worth a warning.
    pub fn has_short_secret(&self) -> bool {
        self.short
    }

    /// Another key, or the same under another algorithm, has another fingerprint.
    pub(super) fn fingerprint(&self) -> &Digest {
        &self.fingerprint
    }

    /// Whether the token's algorithm is this key's and its signature is right.
    pub(super) fn verifies(&self, jws: &Jws<'_>) -> bool {
        if jws.algorithm != self.algorithm.name() {
            return false;
        }
        match &self.verifier {
            Verifier::Hmac(key) => hmac::verify(key, jws.signed, &jws.signature).is_ok(),
            Verifier::Public(key) => key.verify_sig(jws.signed, &jws.signature).is_ok(),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("claim_value", &self.claim_value)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Material<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem(_) => "Pem(…)",
            Self::Secret(_) => "Secret(…)",
        })
    }
}

pub(super) fn check_secret(algorithm: Algorithm, secret: &[u8]) -> Result<(), KeyError> {
    if secret.is_empty() {
        return Err(KeyError::EmptySecret);
    }
    if pem::looks_like_pem(secret) {
        return Err(KeyError::PemAsSecret(algorithm));
    }
    Ok(())
}

fn public_der(text: &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut blocks = pem::blocks(text).ok_or(KeyError::NotPem)?;
    let many = blocks.len();
    let block = blocks.pop().ok_or(KeyError::NotPem)?;
    if many > 1 {
        return Err(KeyError::ManyBlocks(many));
    }
    match block.label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => Ok(block.der),
        "CERTIFICATE" => Err(KeyError::Certificate),
        label if label.ends_with("PRIVATE KEY") => Err(KeyError::Private),
        label => Err(KeyError::Label(label.to_owned())),
    }
}

fn public(algorithm: Algorithm, kind: Kind, der: &[u8]) -> Result<ParsedPublicKey, KeyError> {
    let wrong = KeyError::WrongKey(algorithm);
    let verification: &'static dyn VerificationAlgorithm = match kind {
        Kind::Hmac(_) => return Err(wrong),
        Kind::Curve(verification) => verification,
        Kind::Rsa(parameters) => {
            let key = rsa::PublicKey::from_der(der).map_err(|_| wrong.clone())?;
            let bits = RsaParameters::public_modulus_len(key.as_ref()).map_err(|_| wrong.clone())?;
            if !(parameters.min_modulus_len()..=parameters.max_modulus_len()).contains(&bits) {
                return Err(KeyError::RsaSize(bits));
            }
            parameters
        }
    };
    ParsedPublicKey::new(verification, der).map_err(|_| wrong)
}
