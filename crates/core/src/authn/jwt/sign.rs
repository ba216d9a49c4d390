//! Signs tokens: for the command line, for examples, and for tests.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{error::Unspecified, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::key::{KeyError, check_secret};
use super::pem;

/// Why a token could not be signed; the texts are for the person who asked for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The claims are no JSON object.
    #[error("the claims must be a JSON object")]
    Claims,
    /// The secret is empty or PEM text.
    #[error(transparent)]
    Secret(#[from] KeyError),
    /// The text holds no private key that can be read.
    #[error("no private key found; PEM text with `-----BEGIN PRIVATE KEY-----`, not encrypted, is needed")]
    NoPrivateKey,
    /// The private key is of another type, curve or size.
    #[error("the private key does not fit {0}")]
    WrongKey(Algorithm),
    /// The library refused to sign.
    #[error("signing failed")]
    Failed,
}

impl From<Unspecified> for SignError {
    fn from(_: Unspecified) -> Self {
        Self::Failed
    }
}

/// A compact token over `claims`; `key` is PEM of a private key (PKCS#8, PKCS#1 or SEC 1), or the secret of an HMAC
/// algorithm.
///
/// # Errors
/// [`SignError`] where claims or key do not fit.
pub fn sign(algorithm: Algorithm, key: &[u8], claims: &Value) -> Result<String, SignError> {
    if !claims.is_object() {
        return Err(SignError::Claims);
    }
    let header = json!({ "alg": algorithm.name(), "typ": "JWT" });
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let mut token = format!("{}.{}", encode(&header), encode(claims));
    let signature = signature(algorithm, key, token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

fn signature(algorithm: Algorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, SignError> {
    let wrong = SignError::WrongKey(algorithm);
    match algorithm {
        Algorithm::Hs256 => mac(algorithm, hmac::HMAC_SHA256, key, message),
        Algorithm::Hs384 => mac(algorithm, hmac::HMAC_SHA384, key, message),
        Algorithm::Hs512 => mac(algorithm, hmac::HMAC_SHA512, key, message),
        Algorithm::Rs256 => rsa(&signature::RSA_PKCS1_SHA256, key, message, wrong),
        Algorithm::Rs384 => rsa(&signature::RSA_PKCS1_SHA384, key, message, wrong),
        Algorithm::Rs512 => rsa(&signature::RSA_PKCS1_SHA512, key, message, wrong),
        Algorithm::Ps256 => rsa(&signature::RSA_PSS_SHA256, key, message, wrong),
        Algorithm::Ps384 => rsa(&signature::RSA_PSS_SHA384, key, message, wrong),
        Algorithm::Ps512 => rsa(&signature::RSA_PSS_SHA512, key, message, wrong),
        Algorithm::Es256 => ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, key, message, wrong),
        Algorithm::Es384 => ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, key, message, wrong),
        Algorithm::Es512 => ecdsa(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, key, message, wrong),
        Algorithm::EdDsa => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&private_der(key)?).map_err(|_| wrong)?;
            Ok(pair.try_sign(message)?.as_ref().to_vec())
        }
    }
}

fn mac(
    algorithm: Algorithm,
    hash: hmac::Algorithm,
    secret: &[u8],
    message: &[u8],
) -> Result<Vec<u8>, SignError> {
    check_secret(algorithm, secret)?;
    Ok(hmac::sign(&hmac::Key::new(hash, secret), message).as_ref().to_vec())
}

fn rsa(
    encoding: &'static dyn RsaEncoding,
    key: &[u8],
    message: &[u8],
    wrong: SignError,
) -> Result<Vec<u8>, SignError> {
    let der = private_der(key)?;
    let pair = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der)).map_err(|_| wrong)?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature)?;
    Ok(signature)
}

fn ecdsa(
    algorithm: &'static EcdsaSigningAlgorithm,
    key: &[u8],
    message: &[u8],
    wrong: SignError,
) -> Result<Vec<u8>, SignError> {
    let pair = EcdsaKeyPair::from_private_key_der(algorithm, &private_der(key)?).map_err(|_| wrong)?;
    Ok(pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec())
}

/// The first private key of the text; `openssl ecparam -genkey` writes the curve before it.
fn private_der(text: &[u8]) -> Result<Vec<u8>, SignError> {
    const LABELS: [&str; 3] = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
    let blocks = pem::blocks(text).ok_or(SignError::NoPrivateKey)?;
    let block = blocks.into_iter().find(|block| LABELS.contains(&block.label));
    block.map(|block| block.der).ok_or(SignError::NoPrivateKey)
}
