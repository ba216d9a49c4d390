//! `tollgate sign jwt`: a token signed by its consumer.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::{Map, Value};
use tollgate_core::authn::jwt::{self, Algorithm, SignError};

/// Print the `Authorization` header with a token signed by a consumer
///
/// The token carries the key claim, `iat`, `exp` and the claims given.
#[derive(Debug, Args)]
pub struct Jwt {
    /// Value of the claim that names the credential
    #[arg(long, value_name = "CLAIM")]
    key: String,
    /// Name of the claim that names the credential
    #[arg(long, value_name = "NAME", default_value = "key")]
    key_claim: String,
    #[command(flatten)]
    signer: Signer,
    /// What to sign with [default: what fits the key: RS256, ES256, ES384, ES512 or EdDSA; HS256 for a secret]
    #[arg(long)]
    algorithm: Option<Algorithm>,
    /// A further claim; the value is JSON where it reads as JSON, else text. May be repeated
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// How long the token is good, for example `90s`, `15m`, `1h`, `7d`
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    expires: Duration,
    /// Print the token alone, without `Authorization: Bearer`
    #[arg(long)]
    pub raw: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Signer {
    /// PEM file of the private key
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// Environment variable that holds the shared secret, for HS algorithms
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
}

impl Jwt {
    /// The header's value, or the bare token.
    ///
    /// # Errors
    /// The key cannot be read or does not fit the algorithm, or a claim is given twice.
    pub fn authorization(&self, now: Duration) -> anyhow::Result<String> {
        let claims = Value::Object(self.claims(now)?);
        let token = self.signer.sign(self.algorithm, &claims)?;
        Ok(if self.raw { token } else { format!("Bearer {token}") })
    }

    /// Claims given win over those that are added by habit, but no claim is given twice.
    fn claims(&self, now: Duration) -> anyhow::Result<Map<String, Value>> {
        let mut claims = Map::new();
        claims.insert(self.key_claim.clone(), self.key.clone().into());
        for (name, value) in &self.claims {
            ensure!(
                claims.insert(name.clone(), value.clone()).is_none(),
                "the claim `{name}` is given twice"
            );
        }
        let expiry = now.checked_add(self.expires).context("the token would expire after the end of time")?;
        claims.entry("iat").or_insert(now.as_secs().into());
        claims.entry("exp").or_insert(expiry.as_secs().into());
        Ok(claims)
    }
}

impl Signer {
    fn sign(&self, wanted: Option<Algorithm>, claims: &Value) -> anyhow::Result<String> {
        match self {
            Self { private_key: Some(path), .. } => {
                let shown = path.display();
                let pem = std::fs::read(path).with_context(|| format!("`{shown}` cannot be read"))?;
                with_private_key(&pem, wanted, claims).with_context(|| format!("`{shown}`"))
            }
            Self { secret_env: Some(variable), .. } => {
                let secret = super::secret_from(variable)?;
                let algorithm = wanted.unwrap_or(Algorithm::Hs256);
                ensure!(
                    algorithm.is_symmetric(),
                    "{algorithm} signs with `--private-key`, not with a secret"
                );
                Ok(jwt::sign(algorithm, secret.as_bytes(), claims)?)
            }
            Self { private_key: None, secret_env: None } => {
                bail!("neither `--private-key` nor `--secret-env`")
            }
        }
    }
}

/// Algorithms to try with a private key of unknown type: one for each type and curve.
const BY_KEY: [Algorithm; 5] =
    [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::Es512, Algorithm::EdDsa];

fn with_private_key(pem: &[u8], wanted: Option<Algorithm>, claims: &Value) -> anyhow::Result<String> {
    if let Some(algorithm) = wanted {
        ensure!(!algorithm.is_symmetric(), "{algorithm} signs with `--secret-env`, not with a private key");
        return Ok(jwt::sign(algorithm, pem, claims)?);
    }
    for algorithm in BY_KEY {
        match jwt::sign(algorithm, pem, claims) {
            Err(SignError::WrongKey(_)) => {}
            signed => return Ok(signed?),
        }
    }
    bail!("neither RSA nor an elliptic curve that tokens are signed with")
}

fn claim(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into())))
        }
        _ => Err("a claim is written NAME=VALUE".to_owned()),
    }
}

/// A duration in one unit: `90s`, `15m`, `1h`, `7d`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(60 * 60),
        "d" => Some(24 * 60 * 60),
        _ => None,
    };
    let count = digits.parse::<u64>().ok();
    seconds
        .zip(count)
        .and_then(|(unit, count)| count.checked_mul(unit))
        .map(Duration::from_secs)
        .ok_or_else(|| "a duration is a number and one of `s`, `m`, `h`, `d`".to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
