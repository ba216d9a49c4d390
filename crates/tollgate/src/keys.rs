//! Fresh secrets, from the operating system's random source.

use anyhow::anyhow;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use aws_lc_rs::{rand, rsa};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use tollgate_core::consumer::Name;

/// Algorithms that key pairs are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum JwtAlgorithm {
    /// RSA of 2048 bits, PKCS #1 v1.5, SHA-256
    #[value(name = "RS256")]
    Rs256,
    /// ECDSA on P-256, SHA-256
    #[value(name = "ES256")]
    Es256,
    /// Ed25519
    #[value(name = "EdDSA")]
    EdDsa,
}

/// A signing key and what verifies its signatures. Neither is printable: one of them is secret.
pub struct KeyPair {
    /// PKCS #8 (RFC 5958) as PEM.
    pub private_pem: String,
    /// SubjectPublicKeyInfo (RFC 5280) as PEM.
    pub public_pem: String,
}

/// A Hawk credential as its consumer holds it.
pub struct HawkKey {
    /// What the `id` attribute says; not secret.
    pub id: String,
    /// 64 lower-case hexadecimal digits. Hawk keys are text: the MAC is keyed with these characters, not with the
    /// bytes that they spell.
    pub key: String,
}

impl KeyPair {
    /// Makes a pair for the algorithm.
    ///
    /// # Errors
    /// The library refused, which it has no reason to.
    pub fn generate(algorithm: JwtAlgorithm) -> anyhow::Result<Self> {
        let pair = match algorithm {
            JwtAlgorithm::Rs256 => rsa_2048(),
            JwtAlgorithm::Es256 => p256(),
            JwtAlgorithm::EdDsa => ed25519(),
        };
        pair.map_err(|Unspecified| anyhow!("the cryptographic library could not make a key pair"))
    }

    fn of_der(private: &[u8], public: &[u8]) -> Self {
        Self { private_pem: pem("PRIVATE KEY", private), public_pem: pem("PUBLIC KEY", public) }
    }
}

impl HawkKey {
    /// Makes a key for the service, under the id `NAME_id`.
    ///
    /// # Errors
    /// The random source failed.
    pub fn generate(name: &Name) -> anyhow::Result<Self> {
        Ok(Self { id: format!("{name}_id"), key: hex::encode(random::<32>()?) })
    }
}

/// Bytes from the operating system's random source.
///
/// # Errors
/// The source failed; a guessable secret is never the answer.
pub fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|Unspecified| anyhow!("the operating system gave no random bytes"))?;
    Ok(bytes)
}

fn rsa_2048() -> Result<KeyPair, Unspecified> {
    let pair = rsa::KeyPair::generate(KeySize::Rsa2048)?;
    let private: Pkcs8V1Der<'_> = pair.as_der()?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
    Ok(KeyPair::of_der(private.as_ref(), public.as_ref()))
}

fn p256() -> Result<KeyPair, Unspecified> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
    Ok(KeyPair::of_der(pair.to_pkcs8v1()?.as_ref(), public.as_ref()))
}

fn ed25519() -> Result<KeyPair, Unspecified> {
    let pair = Ed25519KeyPair::generate()?;
    // Version 1, without the public key: OpenSSL before 3.5 and most JWT libraries read no other.
    let private: Pkcs8V1Der<'_> = pair.as_der()?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
    Ok(KeyPair::of_der(private.as_ref(), public.as_ref()))
}

/// Textual encoding of RFC 7468: 64 characters a line.
fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = STANDARD.encode(der);
    for (at, character) in encoded.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text + &format!("\n-----END {label}-----\n")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
