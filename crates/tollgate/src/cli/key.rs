//! `tollgate key`: API keys, from their making to their end.

use std::io::Read;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Outcome;
use super::client::{Refusal, encoded};
use super::consumer::{Scopes, Tier};
use super::output::Output;
use super::resource::{Bounds, Column, Enabled, Listing, NewBounds, Speak, body, given, print_object};

/// List, make, rotate and revoke API keys
#[derive(Debug, Args)]
pub struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List keys, never their secrets
    List {
        /// Of one consumer alone
        #[arg(long)]
        consumer: Option<String>,
        /// Revoked ones, too
        #[arg(long)]
        revoked: bool,
        #[command(flatten)]
        listing: Listing,
    },
    /// Make a key; it is shown this once
    Add(Box<Add>),
    /// Show a key, never its secret
    Show {
        /// Its id
        id: String,
        #[command(flatten)]
        speak: Speak,
    },
    /// Change a key
    Set(Box<Set>),
    /// Put a new key in the place of another
    Rotate {
        /// Id of the key that is to end
        id: String,
        /// How long both work, such as `30m`, `24h` or `7d`; without it the old key ends at once
        #[arg(long, value_name = "DURATION")]
        grace: Option<String>,
        /// When the new one ends, in days [default: as the old one]
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<i64>,
        #[command(flatten)]
        speak: Speak,
    },
    /// End a key for good
    #[command(visible_alias = "revoke")]
    Rm {
        /// Its id
        id: String,
        #[command(flatten)]
        speak: Speak,
    },
    /// Show what was reported of a key's use
    Usage {
        /// Its id
        id: String,
        #[command(flatten)]
        speak: Speak,
    },
    /// Ask whether a key is accepted, and what for; exit 1 if it is not
    Validate {
        /// Environment variable that has the key; without it, standard input has it
        #[arg(long, value_name = "NAME")]
        key_env: Option<String>,
        /// The service that asks
        #[arg(long, value_name = "ID", default_value = "platform")]
        service_id: String,
        /// The address that the key came from
        #[arg(long, value_name = "ADDRESS")]
        client_ip: Option<String>,
        #[command(flatten)]
        speak: Speak,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// What its owner calls it
    name: String,
    /// Whose key it is; without it a consumer of the key's name is made
    #[arg(long)]
    consumer: Option<String>,
    /// Which deployment it is for; stands in its prefix
    #[arg(long, value_enum, default_value_t = Environment::Live)]
    environment: Environment,
    /// The service it is for
    #[arg(long, value_name = "ID")]
    service_id: Option<String>,
    /// A scope in place of its consumer's. May be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A tier in place of its consumer's
    #[arg(long)]
    tier: Option<String>,
    #[command(flatten)]
    bounds: NewBounds,
    #[command(flatten)]
    speak: Speak,
}

#[derive(Debug, Args)]
struct Set {
    /// Its id
    id: String,
    /// What its owner calls it
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    scopes: Scopes,
    #[command(flatten)]
    tier: Tier,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    enabled: Enabled,
    #[command(flatten)]
    speak: Speak,
}

/// The environments of keys, as arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Environment {
    Live,
    Test,
    Dev,
}

const COLUMNS: [Column; 8] = [
    ("id", "key_id"),
    ("prefix", "prefix"),
    ("name", "name"),
    ("consumer", "consumer"),
    ("tier", "tier"),
    ("state", "state"),
    ("expires", "expires_at"),
    ("last used", "last_used_at"),
];

impl Key {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let path = |id: &str| format!("/keys/{}", encoded(id));
        match self.action {
            Action::List { consumer, revoked, listing } => {
                let mut query: Vec<(&str, &str)> =
                    consumer.iter().map(|name| ("consumer", &**name)).collect();
                query.extend(revoked.then_some(("revoked", "true")));
                listing.print(output, "key_id", "/keys", &query, &COLUMNS)?;
            }
            Action::Add(add) => {
                let (body, speak) = add.body();
                speak.make(output, "key_id", "/keys", &body)?;
            }
            Action::Show { id, speak } => speak.show(output, "key_id", &path(&id))?,
            Action::Set(set) => {
                let (id, body, speak) = set.body()?;
                speak.change(output, "key_id", &path(&id), &body)?;
            }
            Action::Rotate { id, grace, expires_in_days, speak } => {
                let body = body([
                    ("grace", grace.map(Into::into)),
                    ("expires_in_days", expires_in_days.map(Into::into)),
                ]);
                speak.make(output, "key_id", &format!("{}/rotate", path(&id)), &body)?;
            }
            Action::Rm { id, speak } => speak.end(output, &path(&id), "revoked", &id)?,
            Action::Usage { id, speak } => {
                speak.show(output, "total_requests", &format!("/usage/{}", encoded(&id)))?;
            }
            Action::Validate { key_env, service_id, client_ip, speak } => {
                let body =
                    body([("service_id", Some(service_id.into())), ("client_ip", client_ip.map(Into::into))]);
                return validate(&speak, key_env.as_deref(), &body, output);
            }
        }
        Ok(Outcome::Done)
    }
}

impl Add {
    fn body(self) -> (Value, Speak) {
        let environment = self.environment.to_possible_value().map(|value| value.get_name().to_owned());
        let own = [
            ("name", Some(self.name.into())),
            ("consumer", self.consumer.map(Into::into)),
            ("environment", environment.map(Into::into)),
            ("service_id", self.service_id.map(Into::into)),
            ("scopes", given(&self.scopes)),
            ("tier", self.tier.map(Into::into)),
        ];
        (body(own.into_iter().chain(self.bounds.members())), self.speak)
    }
}

impl Set {
    fn body(self) -> anyhow::Result<(String, Value, Speak)> {
        let own = [
            ("name", self.name.map(Into::into)),
            ("scopes", self.scopes.wanted()),
            ("tier", self.tier.wanted()),
            ("enabled", self.enabled.wanted().map(Into::into)),
        ];
        Ok((self.id, body(own.into_iter().chain(self.bounds.members()?)), self.speak))
    }
}

/// Presents the key itself, as the gateways do that ask for it.
fn validate(speak: &Speak, variable: Option<&str>, body: &Value, output: &Output) -> anyhow::Result<Outcome> {
    let key = match variable {
        Some(name) => std::env::var(name).with_context(|| format!("the environment variable `{name}`"))?,
        None => {
            let mut text = String::new();
            std::io::stdin().lock().take(64 * 1024).read_to_string(&mut text).context("standard input")?;
            text
        }
    };
    anyhow::ensure!(!key.trim().is_empty(), "there is no key to ask about");
    let client = speak.access.stranger()?.presenting(key.trim())?;
    match client.call(Method::POST, "/keys/validate", Some(body)) {
        Ok(valid) => {
            print_object(output, speak.quiet, &valid, "key_id")?;
            Ok(Outcome::Done)
        }
        Err(error) => match error.downcast_ref::<Refusal>() {
            // The 401 is about the key that was asked about, not about whoever asks.
            Some(refusal) if refusal.status() == StatusCode::UNAUTHORIZED => {
                let detail = refusal.problem()["detail"].as_str().unwrap_or("it is not accepted");
                output
                    .result(&json!({ "valid": false, "detail": detail }), &format!("not valid: {detail}"))?;
                Ok(Outcome::Refused)
            }
            _ => Err(error),
        },
    }
}
