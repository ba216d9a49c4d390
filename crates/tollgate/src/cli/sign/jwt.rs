//! `tollgate sign jwt`: a token signed by its consumer.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value};

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
    /// What to sign with [default: what fits the key: RS256, ES256 or EdDSA, and HS256 for a secret]
    #[arg(long, value_parser = algorithm)]
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
        let claims = self.claims(now)?;
        let (algorithm, key) = self.signer.open(self.algorithm)?;
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims, &key)
            .with_context(|| format!("the key cannot sign with {algorithm:?}"))?;
        Ok(if self.raw {
            token
        } else {
            format!("Bearer {token}")
        })
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
        let expiry = now
            .checked_add(self.expires)
            .context("the token would expire after the end of time")?;
        claims.entry("iat").or_insert(now.as_secs().into());
        claims.entry("exp").or_insert(expiry.as_secs().into());
        Ok(claims)
    }
}

impl Signer {
    fn open(&self, wanted: Option<Algorithm>) -> anyhow::Result<(Algorithm, EncodingKey)> {
        match self {
            Self {
                private_key: Some(path),
                ..
            } => {
                let shown = path.display();
                let pem = std::fs::read(path).with_context(|| format!("`{shown}` cannot be read"))?;
                private_key(&pem, wanted).with_context(|| format!("the key in `{shown}`"))
            }
            Self {
                secret_env: Some(variable),
                ..
            } => {
                let secret = super::secret_from(variable)?;
                let algorithm = wanted.unwrap_or(Algorithm::HS256);
                let symmetric = matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512);
                ensure!(
                    symmetric,
                    "{algorithm:?} signs with `--private-key`, not with a secret"
                );
                Ok((algorithm, EncodingKey::from_secret(secret.as_bytes())))
            }
            Self {
                private_key: None,
                secret_env: None,
            } => bail!("neither `--private-key` nor `--secret-env`"),
        }
    }
}

/// Reads the PEM as the wanted algorithm needs it, or as what it is.
fn private_key(pem: &[u8], wanted: Option<Algorithm>) -> anyhow::Result<(Algorithm, EncodingKey)> {
    match wanted {
        Some(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) => {
            bail!("HS algorithms sign with `--secret-env`, not with a private key")
        }
        Some(algorithm @ (Algorithm::ES256 | Algorithm::ES384)) => {
            Ok((algorithm, EncodingKey::from_ec_pem(pem)?))
        }
        Some(Algorithm::EdDSA) => Ok((Algorithm::EdDSA, EncodingKey::from_ed_pem(pem)?)),
        Some(algorithm) => Ok((algorithm, EncodingKey::from_rsa_pem(pem)?)),
        None => EncodingKey::from_rsa_pem(pem)
            .map(|key| (Algorithm::RS256, key))
            .or_else(|_| EncodingKey::from_ec_pem(pem).map(|key| (Algorithm::ES256, key)))
            .or_else(|_| EncodingKey::from_ed_pem(pem).map(|key| (Algorithm::EdDSA, key)))
            .context("neither RSA nor EC nor Ed25519 in PEM"),
    }
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    text.parse().map_err(|_| {
        "one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384, HS512".to_owned()
    })
}

fn claim(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((
            name.to_owned(),
            serde_json::from_str(value).unwrap_or_else(|_| value.into()),
        )),
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
