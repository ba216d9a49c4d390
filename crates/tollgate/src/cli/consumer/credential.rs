//! `tollgate consumer credential`: what else than API keys a consumer proves itself with.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::client::encoded;
use crate::cli::consumer::{Scopes, Tier};
use crate::cli::output::Output;
use crate::cli::resource::{Bounds, Column, Enabled, Listing, NewBounds, Speak, body, given};

/// List, make, change, rotate and revoke the credentials of a consumer
#[derive(Debug, Args)]
pub struct Credential {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List a consumer's credentials of every kind, never their secrets
    List {
        /// The consumer's name
        consumer: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Make a credential
    #[command(subcommand)]
    Add(Kind),
    /// Show a credential, never its secret
    Show {
        /// The consumer's name
        consumer: String,
        /// The credential's id
        id: String,
        #[command(flatten)]
        speak: Speak,
    },
    /// Change a credential
    Set(Box<Set>),
    /// Put a new secret in the place of another; what a caller holds changes
    Rotate(Box<Rotate>),
    /// End a credential for good
    #[command(visible_alias = "revoke")]
    Rm {
        /// The consumer's name
        consumer: String,
        /// The credential's id
        id: String,
        #[command(flatten)]
        speak: Speak,
    },
}

#[derive(Debug, Args)]
struct Set {
    /// The consumer's name
    consumer: String,
    /// The credential's id
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

#[derive(Debug, Args)]
struct Rotate {
    /// The consumer's name
    consumer: String,
    /// Id of the credential that is to end
    id: String,
    /// How long both work, such as `30m`, `24h` or `7d`; without it the old one ends at once
    #[arg(long, value_name = "DURATION")]
    grace: Option<String>,
    /// When the new one ends, in days [default: as the old one]
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<i64>,
    /// The key claim or Hawk id of the new one [default: one is made]
    #[arg(long, value_name = "TEXT")]
    lookup: Option<String>,
    #[command(flatten)]
    verifier: Verifier,
    #[command(flatten)]
    speak: Speak,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Tokens that the consumer signs
    Jwt {
        #[command(flatten)]
        new: New,
        /// What the tokens' key claim says [default: one is made]
        #[arg(long, value_name = "CLAIM")]
        key: Option<String>,
        /// The one algorithm that is accepted [default: RS256 with a public key, else HS256]
        #[arg(long)]
        algorithm: Option<String>,
        #[command(flatten)]
        verifier: Verifier,
    },
    /// Requests that the consumer signs with Hawk
    Hawk {
        #[command(flatten)]
        new: New,
        /// What the `id` attribute says [default: one is made]
        #[arg(long)]
        id: Option<String>,
        /// What the MAC is made with: `sha256` or `sha1` [default: sha256]
        #[arg(long)]
        algorithm: Option<String>,
        /// Environment variable that has the shared key; without it one is made, and shown this once
        #[arg(long, value_name = "NAME")]
        key_env: Option<String>,
    },
}

/// What every kind has.
#[derive(Debug, Args)]
struct New {
    /// The consumer's name
    consumer: String,
    /// What its owner calls it
    #[arg(long)]
    name: Option<String>,
    /// A scope in place of the consumer's. May be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A tier in place of the consumer's
    #[arg(long)]
    tier: Option<String>,
    #[command(flatten)]
    bounds: NewBounds,
    #[command(flatten)]
    speak: Speak,
}

/// What verifies; without either a shared secret is made, and shown this once.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Verifier {
    /// PEM file of the public key
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// Environment variable that has the shared secret, where there is no public key
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
}

const COLUMNS: [Column; 7] = [
    ("id", "key_id"),
    ("kind", "kind"),
    ("name", "name"),
    ("lookup", "lookup"),
    ("state", "state"),
    ("expires", "expires_at"),
    ("last used", "last_used_at"),
];

impl Credential {
    pub fn run(self, output: &Output) -> anyhow::Result<()> {
        let path = |consumer: &str, id: &str| {
            format!("/consumers/{}/credentials/{}", encoded(consumer), encoded(id))
        };
        match self.action {
            Action::List { consumer, listing } => {
                let path = format!("/consumers/{}/credentials", encoded(&consumer));
                listing.print(output, "key_id", &path, &[], &COLUMNS)
            }
            Action::Show { consumer, id, speak } => speak.show(output, "key_id", &path(&consumer, &id)),
            Action::Set(set) => {
                let own = [
                    ("name", set.name.map(Into::into)),
                    ("scopes", set.scopes.wanted()),
                    ("tier", set.tier.wanted()),
                    ("enabled", set.enabled.wanted().map(Into::into)),
                ];
                let body = body(own.into_iter().chain(set.bounds.members()?));
                set.speak.change(output, "key_id", &path(&set.consumer, &set.id), &body)
            }
            Action::Rotate(rotate) => {
                let (public_key, secret) = rotate.verifier.read()?;
                let body = body([
                    ("grace", rotate.grace.map(Into::into)),
                    ("expires_in_days", rotate.expires_in_days.map(Into::into)),
                    ("lookup", rotate.lookup.map(Into::into)),
                    ("public_key", public_key.map(Into::into)),
                    ("secret", secret.map(Into::into)),
                ]);
                let path = format!("{}/rotate", path(&rotate.consumer, &rotate.id));
                rotate.speak.make(output, "key_id", &path, &body)
            }
            Action::Add(kind) => {
                let (new, members) = kind.members()?;
                new.make(members, output)
            }
            Action::Rm { consumer, id, speak } => speak.end(output, &path(&consumer, &id), "revoked", &id),
        }
    }
}

type Members = Vec<(&'static str, Option<Value>)>;

impl Kind {
    /// What every kind has, and what only this one has.
    fn members(self) -> anyhow::Result<(New, Members)> {
        Ok(match self {
            Self::Jwt { new, key, algorithm, verifier } => {
                let (public, secret) = verifier.read()?;
                let usual = public.is_some().then(|| "RS256".to_owned());
                let members = vec![
                    ("kind", Some("jwt".into())),
                    ("lookup", key.map(Into::into)),
                    ("algorithm", algorithm.or(usual).map(Into::into)),
                    ("public_key", public.map(Into::into)),
                    ("secret", secret.map(Into::into)),
                ];
                (new, members)
            }
            Self::Hawk { new, id, algorithm, key_env } => {
                let secret = key_env.map(|name| variable(&name)).transpose()?;
                let members = vec![
                    ("kind", Some("hawk".into())),
                    ("lookup", id.map(Into::into)),
                    ("algorithm", algorithm.map(Into::into)),
                    ("secret", secret.map(Into::into)),
                ];
                (new, members)
            }
        })
    }
}

impl Verifier {
    /// The public key and the secret, as far as they are given.
    fn read(self) -> anyhow::Result<(Option<String>, Option<String>)> {
        let public = self.public_key.map(|path| {
            let text = std::fs::read_to_string(&path);
            text.with_context(|| format!("the public key `{}`", path.display()))
        });
        Ok((public.transpose()?, self.secret_env.map(|name| variable(&name)).transpose()?))
    }
}

impl New {
    fn make(self, members: Members, output: &Output) -> anyhow::Result<()> {
        let path = format!("/consumers/{}/credentials", encoded(&self.consumer));
        let own = [
            ("name", self.name.map(Into::into)),
            ("scopes", given(&self.scopes)),
            ("tier", self.tier.map(Into::into)),
        ];
        let body = body(members.into_iter().chain(own).chain(self.bounds.members()));
        self.speak.make(output, "key_id", &path, &body)
    }
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("the environment variable `{name}`"))
}
