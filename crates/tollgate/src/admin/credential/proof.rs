//! Making the proofs of new credentials, secrets included where nobody brought one.

use axum::http::StatusCode;
use tollgate_core::authn::{hawk, jwt};
use tollgate_core::credential::api_key_text::{Environment, make};
use tollgate_store::{Kind, NewProof, Plaintext};

use super::EnvironmentWord;
use crate::admin::problem::{Problem, Result};
use crate::keys;

/// A proof, and the secret that its owner is told once.
pub struct Made {
    /// What is stored.
    pub proof: NewProof,
    /// The member of the answer and the secret; absent where the caller brought it.
    pub secret: Option<(&'static str, String)>,
}

/// What a body says of a proof.
#[derive(Debug, Default)]
pub struct Wish {
    /// The environment of an API key.
    pub environment: Option<EnvironmentWord>,
    /// The key claim of a JWT credential, the id of a Hawk credential.
    pub lookup: Option<String>,
    /// The algorithm's name.
    pub algorithm: Option<String>,
    /// A public key in PEM.
    pub public_key: Option<String>,
    /// A secret that the caller brings.
    pub secret: Option<String>,
}

impl Made {
    /// The secret as an answer shows it.
    pub fn shown(&self) -> Option<(&'static str, &str)> {
        self.secret.as_ref().map(|(member, secret)| (*member, secret.as_str()))
    }
}

impl From<EnvironmentWord> for Environment {
    fn from(word: EnvironmentWord) -> Self {
        match word {
            EnvironmentWord::Live | EnvironmentWord::Production => Self::Live,
            EnvironmentWord::Test => Self::Test,
            EnvironmentWord::Dev | EnvironmentWord::Development => Self::Dev,
        }
    }
}

impl Wish {
    /// Makes the proof of a kind; a member that does not belong to it is refused.
    pub fn make(self, kind: Kind) -> Result<Made> {
        let foreign = |members: &[(&str, bool)]| match members.iter().find(|(_, given)| *given) {
            Some((member, _)) => {
                Err(Problem::invalid(member, format!("does not belong to a credential of the kind `{kind}`")))
            }
            None => Ok(()),
        };
        let (lookup, algorithm) = (self.lookup.is_some(), self.algorithm.is_some());
        let (public, secret) = (self.public_key.is_some(), self.secret.is_some());
        match kind {
            Kind::ApiKey => {
                foreign(&[
                    ("lookup", lookup),
                    ("algorithm", algorithm),
                    ("public_key", public),
                    ("secret", secret),
                ])?;
                api_key(self.environment.unwrap_or_default().into())
            }
            Kind::Jwt => {
                foreign(&[("environment", self.environment.is_some())])?;
                self.jwt()
            }
            Kind::Hawk => {
                foreign(&[("environment", self.environment.is_some()), ("public_key", public)])?;
                self.hawk()
            }
        }
    }

    fn jwt(self) -> Result<Made> {
        let name =
            self.algorithm.as_deref().unwrap_or(if self.public_key.is_some() { "RS256" } else { "HS256" });
        let algorithm: jwt::Algorithm = name
            .parse()
            .map_err(|error: jwt::UnknownAlgorithm| Problem::invalid("algorithm", error.to_string()))?;
        let key = self.lookup.map_or_else(|| identifier("jwt"), Ok)?;
        match (self.public_key, self.secret) {
            (Some(pem), None) => {
                Ok(Made { proof: NewProof::JwtPublic { key, algorithm, pem }, secret: None })
            }
            (None, given) if name.starts_with("HS") => {
                let shown = given.is_none();
                let text = given.map_or_else(secret, Ok)?;
                let secret = Plaintext::new(text.as_bytes());
                let proof = NewProof::JwtSecret { key, algorithm, secret };
                Ok(Made { proof, secret: shown.then_some(("secret", text)) })
            }
            (Some(_), Some(_)) => Err(Problem::invalid("secret", "and `public_key` exclude each other")),
            (None, _) => Err(Problem::invalid("public_key", format!("is needed for {name}"))),
        }
    }

    fn hawk(self) -> Result<Made> {
        let algorithm = match self.algorithm.as_deref() {
            None => hawk::Algorithm::default(),
            Some(name) => name
                .parse()
                .map_err(|error: hawk::UnknownAlgorithm| Problem::invalid("algorithm", error.to_string()))?,
        };
        let id = self.lookup.map_or_else(|| identifier("hawk"), Ok)?;
        let shown = self.secret.is_none();
        let text = self.secret.map_or_else(secret, Ok)?;
        let secret = Plaintext::new(text.as_bytes());
        Ok(Made {
            proof: NewProof::Hawk { id, algorithm, secret },
            secret: shown.then_some(("secret", text)),
        })
    }
}

/// A new API key.
pub fn api_key(environment: Environment) -> Result<Made> {
    let key = make(environment, random()?);
    Ok(Made { proof: NewProof::api_key(&key), secret: Some(("api_key", key)) })
}

/// 64 hexadecimal digits: as text a Hawk key, and long enough for every HMAC.
fn secret() -> Result<String> {
    Ok(hex::encode(random::<32>()?))
}

fn identifier(kind: &str) -> Result<String> {
    Ok(format!("{kind}-{}", hex::encode(random::<8>()?)))
}

fn random<const N: usize>() -> Result<[u8; N]> {
    keys::random().map_err(|error| {
        tracing::error!(%error, "no secret can be made");
        let detail = "the operating system gave no random bytes";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_random_bytes", detail)
    })
}
