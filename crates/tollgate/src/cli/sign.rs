//! `tollgate sign`: the credential header of one request, for `curl -H "$(tollgate sign …)"`.

mod hawk;
mod jwt;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use super::Outcome;
use super::output::Output;

/// Sign a request, or a token for one, as a consumer
#[derive(Debug, Args)]
pub struct Sign {
    #[command(subcommand)]
    scheme: Scheme,
}

#[derive(Debug, Subcommand)]
enum Scheme {
    Hawk(Box<hawk::Hawk>),
    Jwt(jwt::Jwt),
}

impl Sign {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let now = now()?;
        let (value, raw) = match self.scheme {
            Scheme::Hawk(hawk) => (hawk.authorization(now)?, false),
            Scheme::Jwt(jwt) => (jwt.authorization(now)?, jwt.raw),
        };
        let line = if raw { value.clone() } else { format!("Authorization: {value}") };
        output.result(&json!({ "header": "Authorization", "value": value }), &line)?;
        Ok(Outcome::Done)
    }
}

/// A shared secret from the environment.
///
/// # Errors
/// The variable is not set, empty or no text.
fn secret_from(variable: &str) -> anyhow::Result<String> {
    let secret = std::env::var(variable).with_context(|| format!("the environment variable `{variable}`"))?;
    anyhow::ensure!(!secret.is_empty(), "the environment variable `{variable}` is empty");
    Ok(secret)
}

/// Time since the Unix epoch.
fn now() -> anyhow::Result<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).context("this machine's clock is before 1970")
}
