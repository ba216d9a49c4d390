//! `tollgate consumer`: calling services and persons, and their credentials.

mod credential;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::Outcome;
use super::client::encoded;
use super::output::Output;
use super::resource::{Column, Enabled, Listing, Speak, body, given};

/// List, make and change consumers, and give them credentials
#[derive(Debug, Args)]
pub struct Consumer {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List consumers
    List(Listing),
    /// Make a consumer
    Add {
        /// Its name
        name: String,
        /// Who pays: an account's id or name [default: an account of the consumer's name]
        #[arg(long)]
        account: Option<String>,
        /// A tier of the configuration file
        #[arg(long)]
        tier: Option<String>,
        /// A scope beside those of the tier. May be repeated
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        #[command(flatten)]
        speak: Speak,
    },
    /// Show a consumer
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        speak: Speak,
    },
    /// Change a consumer
    Set {
        /// Its name
        name: String,
        #[command(flatten)]
        tier: Tier,
        #[command(flatten)]
        scopes: Scopes,
        #[command(flatten)]
        enabled: Enabled,
        #[command(flatten)]
        speak: Speak,
    },
    /// Show what a consumer used of its quotas, or correct it
    Quota {
        /// Its name
        name: String,
        /// So much was used in truth, of the present period
        #[arg(long, value_name = "N")]
        set: Option<u64>,
        /// As much as is booked of the present period was used, where that is more than is counted, such as after a backup
        /// of the store was put back
        #[arg(long, conflicts_with = "set")]
        booked: bool,
        /// Of which quota, where the consumer has several
        #[arg(long, value_name = "LIMIT", requires = "set")]
        limit: Option<String>,
        /// Of which tier's, where its credentials are of several
        #[arg(long, value_name = "TIER", requires = "set")]
        tier: Option<String>,
        #[command(flatten)]
        speak: Speak,
    },
    /// Remove a consumer and revoke its credentials; its name stays taken
    Rm {
        /// Its name
        name: String,
        #[command(flatten)]
        speak: Speak,
    },
    Credential(credential::Credential),
}

/// Another tier, or none.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Tier {
    /// Another tier of the configuration file
    #[arg(long)]
    tier: Option<String>,
    /// No tier of its own any more
    #[arg(long)]
    no_tier: bool,
}

/// Other scopes, or none.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Scopes {
    /// A scope in place of those that it has. May be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// No scopes of its own any more
    #[arg(long)]
    no_scopes: bool,
}

impl Tier {
    /// The member of a change.
    pub fn wanted(self) -> Option<Value> {
        if self.no_tier { Some(Value::Null) } else { self.tier.map(Into::into) }
    }
}

impl Scopes {
    /// The member of a change.
    pub fn wanted(&self) -> Option<Value> {
        if self.no_scopes { Some(Value::Null) } else { given(&self.scopes) }
    }
}

const COLUMNS: [Column; 6] = [
    ("name", "name"),
    ("account", "account"),
    ("tier", "tier"),
    ("scopes", "scopes"),
    ("source", "source"),
    ("enabled", "enabled"),
];

const QUOTAS: [Column; 6] = [
    ("limit", "limit"),
    ("tier", "tier"),
    ("amount", "amount"),
    ("used", "used"),
    ("remaining", "remaining"),
    ("until", "period_end"),
];

impl Consumer {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let path = |name: &str| format!("/consumers/{}", encoded(name));
        match self.action {
            Action::List(listing) => listing.print(output, "name", "/consumers", &[], &COLUMNS)?,
            Action::Add { name, account, tier, scopes, speak } => {
                let body = body([
                    ("name", Some(name.into())),
                    ("account", account.map(Into::into)),
                    ("tier", tier.map(Into::into)),
                    ("scopes", given(&scopes)),
                ]);
                speak.make(output, "name", "/consumers", &body)?;
            }
            Action::Show { name, speak } => speak.show(output, "name", &path(&name))?,
            Action::Set { name, tier, scopes, enabled, speak } => {
                let body = body([
                    ("tier", tier.wanted()),
                    ("scopes", scopes.wanted()),
                    ("enabled", enabled.wanted().map(Into::into)),
                ]);
                speak.change(output, "name", &path(&name), &body)?;
            }
            Action::Quota { name, set, booked, limit, tier, speak } => {
                let members = [
                    ("used", set.map(Into::into)),
                    ("booked", booked.then(|| true.into())),
                    ("limit", limit.map(Into::into)),
                    ("tier", tier.map(Into::into)),
                ];
                let change = (set.is_some() || booked).then(|| body(members));
                speak.list(output, "used", &format!("{}/quota", path(&name)), change.as_ref(), &QUOTAS)?;
            }
            Action::Rm { name, speak } => speak.end(output, &path(&name), "removed", &name)?,
            Action::Credential(credential) => credential.run(output)?,
        }
        Ok(Outcome::Done)
    }
}
