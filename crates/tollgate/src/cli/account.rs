//! `tollgate account`: who pays.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::Outcome;
use super::client::encoded;
use super::output::Output;
use super::resource::{Column, Enabled, Part, Speak, body, list, print_done, print_list, print_object};

/// List, make and change accounts: who pays for consumers
#[derive(Debug, Args)]
pub struct Account {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List accounts
    List {
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        speak: Speak,
    },
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
            Action::List { part, speak } => {
                let list = list(&speak.access.client()?, "/accounts", &[], &part)?;
                print_list(output, speak.quiet, &list, &COLUMNS, "name")?;
            }
            Action::Add { name, speak } => {
                let body = json!({ "name": name });
                let made = speak.access.client()?.call(Method::POST, "/accounts", Some(&body))?;
                print_object(output, speak.quiet, &made, "id")?;
            }
            Action::Show { account, speak } => {
                let found = speak.access.client()?.get(&path(&account))?;
                print_object(output, speak.quiet, &found, "id")?;
            }
            Action::Set { account, name, enabled, speak } => {
                let body =
                    body([("name", name.map(Into::into)), ("enabled", enabled.wanted().map(Into::into))]);
                let changed = speak.access.client()?.call(Method::PATCH, &path(&account), Some(&body))?;
                print_object(output, speak.quiet, &changed, "id")?;
            }
            Action::Rm { account, speak } => {
                speak.access.client()?.call(Method::DELETE, &path(&account), None)?;
                print_done(output, speak.quiet, "removed", &account)?;
            }
        }
        Ok(Outcome::Done)
    }
}
