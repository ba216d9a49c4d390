//! `tollgate account`: who pays.

use clap::{Args, Subcommand};
use serde_json::json;

use super::Outcome;
use super::client::encoded;
use super::output::Output;
use super::resource::{Column, Enabled, Listing, Speak, body};

/// List, make and change accounts: who pays for consumers
#[derive(Debug, Args)]
pub struct Account {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List accounts
    List(Listing),
    /// Make an account
    Add {
        /// Its name
        name: String,
        #[command(flatten)]
        speak: Speak,
    },
    /// Show an account
    Show {
        /// Its id or name
        account: String,
        #[command(flatten)]
        speak: Speak,
    },
    /// Change an account
    Set {
        /// Its id or name
        account: String,
        /// Another name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        enabled: Enabled,
        #[command(flatten)]
        speak: Speak,
    },
    /// Remove an account that has no consumers
    Rm {
        /// Its id or name
        account: String,
        #[command(flatten)]
        speak: Speak,
    },
}

const COLUMNS: [Column; 5] =
    [("id", "id"), ("name", "name"), ("source", "source"), ("enabled", "enabled"), ("created", "created_at")];

impl Account {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let path = |account: &str| format!("/accounts/{}", encoded(account));
        match self.action {
            Action::List(listing) => listing.print(output, "name", "/accounts", &[], &COLUMNS)?,
            Action::Add { name, speak } => {
                speak.make(output, "id", "/accounts", &json!({ "name": name }))?;
            }
            Action::Show { account, speak } => speak.show(output, "id", &path(&account))?,
            Action::Set { account, name, enabled, speak } => {
                let body =
                    body([("name", name.map(Into::into)), ("enabled", enabled.wanted().map(Into::into))]);
                speak.change(output, "id", &path(&account), &body)?;
            }
            Action::Rm { account, speak } => speak.end(output, &path(&account), "removed", &account)?,
        }
        Ok(Outcome::Done)
    }
}
