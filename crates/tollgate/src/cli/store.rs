//! `tollgate store`: the database as a whole.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tollgate_store::{TableDigest, copy, inspect};

use super::Outcome;
use super::check::ConfigFile;
use super::offline::{self, Offline};
use super::output::Output;
use super::table;

/// Migrate, copy, reseal and back up the store; the gate of this data directory must not run
#[derive(Debug, Args)]
pub struct Store {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Bring the store's tables up to this program; `serve` does so at its start too
    Migrate {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Copy everything into another, new store, and compare both
    ///
    /// Afterwards set `store:` in the configuration file to the other one. The sealing key file stays where it is, and
    /// is needed as before.
    Copy {
        #[command(flatten)]
        to: Target,
        #[command(flatten)]
        file: ConfigFile,
        /// Copy although other gates or workers use the store; what they write from then on is not copied
        #[arg(long)]
        live: bool,
    },
    /// Seal every secret under a new key, and drop the old one
    ///
    /// The new key comes into the sealing key file of this data directory. Give every gate on the store this file before it
    /// starts again; a backup of the store from before still needs the old file. A run that was ended half-way is gone on
    /// with by the next.
    Reseal {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Write the store into a new file
    ///
    /// The sealing key file is not in it; keep a copy of that elsewhere. A store in PostgreSQL is backed up by
    /// `pg_dump --schema tollgate`.
    Backup {
        /// The file to be
        to: PathBuf,
        #[command(flatten)]
        file: ConfigFile,
    },
}

/// Where a copy goes.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// `sqlite:PATH` or `postgres://…`
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// Environment variable that has the URL, where it holds a password
    #[arg(long, value_name = "NAME")]
    to_env: Option<String>,
}

impl Store {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let (Action::Migrate { file }
        | Action::Copy { file, .. }
        | Action::Reseal { file }
        | Action::Backup { file, .. }) = &self.action;
        let compiled = match offline::load(&file.path, output) {
            Ok(compiled) => compiled,
            Err(outcome) => return Ok(outcome),
        };
        let offline = Offline::lock(&compiled.process)?;
        let url = compiled.process.store.url();
        match self.action {
            Action::Migrate { .. } => migrate(&offline, &url, output)?,
            Action::Copy { to, live, .. } => copy_to(&offline, &url, &to.url()?, live, output)?,
            Action::Reseal { .. } => reseal(&offline, &url, output)?,
            Action::Backup { to, .. } => backup(&offline, &url, to, output)?,
        }
        Ok(Outcome::Done)
    }
}

impl Target {
    fn url(self) -> anyhow::Result<String> {
        match (self.url, self.to_env) {
            (Some(url), _) => Ok(url),
            (None, name) => {
                let name = name.unwrap_or_default();
                std::env::var(&name).with_context(|| format!("the environment variable `{name}`"))
            }
        }
    }
}

fn migrate(offline: &Offline, url: &str, output: &Output) -> anyhow::Result<()> {
    let before = offline.run(inspect(url))?;
    let store = offline.open(url)?;
    offline.run(store.close());
    let after = offline.run(inspect(url))?;
    let text = match before.migration {
        0 => format!("made the store, at migration {}", after.migration),
        same if same == after.migration => format!("the store is at migration {same} already"),
        old => format!("migrated the store from {old} to {}", after.migration),
    };
    output.result(&json!({ "from": before.migration, "to": after.migration }), &text)?;
    Ok(())
}

fn copy_to(offline: &Offline, from: &str, to: &str, live: bool, output: &Output) -> anyhow::Result<()> {
    let source = offline.open(from).context("the store that is copied")?;
    let alone = offline.run(source.alone())?;
    match (&alone, live) {
        (Some(_), _) => {}
        (None, true) => {
            output.warning("other gates or workers use the store; what they write from now on is not copied")
        }
        (None, false) => anyhow::bail!(
            "other gates or workers use the store, and what they write from now on would not be copied; stop them, or copy all \
             the same with `--live`"
        ),
    }
    let target = offline.open(to).context("the store that is copied into")?;
    output.progress("copying …");
    let copied = offline.run(copy(&source, &target));
    output.progress("comparing …");
    let compared = copied.and_then(|copied| {
        // Once more from what was committed: the copy itself compares within its own transaction.
        offline.run(target.digests()).map(|arrived| (copied, arrived))
    });
    output.progress("");
    offline.run(async {
        // A store is closed once nobody has a connection of it any more.
        drop(alone);
        (source.close().await, target.close().await)
    });
    let (copied, arrived) = compared?;
    anyhow::ensure!(copied == arrived, "the two stores differ after the copy; do not use the new one");
    let rows: Vec<Vec<String>> = copied
        .iter()
        .map(|table| vec![table.table.to_owned(), table.rows.to_string(), hex::encode(&table.digest[..8])])
        .collect();
    let total: u64 = copied.iter().map(|table| table.rows).sum();
    let tables: Vec<Value> = copied.iter().map(described).collect();
    let text = format!(
        "{}\n{total} rows copied; both stores have the same",
        table::table(&["table", "rows", "digest"], &rows)
    );
    output.result(&json!({ "tables": tables, "rows": total }), &text)?;
    Ok(())
}

/// Secrets that are sealed anew in one transaction.
const BATCH: u16 = 500;

fn reseal(offline: &Offline, url: &str, output: &Output) -> anyhow::Result<()> {
    let store = offline.open(url)?;
    let Some(alone) = offline.run(store.alone())? else {
        anyhow::bail!("other gates or workers use the store, and have not the new key; stop them first");
    };
    let path = offline.data_dir()?.sealing_keys();
    let (actor, now) = offline::by("store reseal")?;
    let done = offline.run(async {
        store.open_sealing_keys(&path, &actor, now).await?;
        if !store.has_old_sealing_keys()? {
            store.add_sealing_key(&path, &actor, now).await?;
        }
        let mut count = 0_u64;
        loop {
            let batch = store.reseal(&actor, now, BATCH).await?;
            count += u64::from(batch.count);
            output.progress(&format!("{count} secrets …"));
            if !batch.more {
                break;
            }
        }
        let dropped = store.drop_old_sealing_keys(&path, &actor, now).await?;
        tollgate_store::Result::Ok((count, dropped))
    });
    output.progress("");
    offline.run(async {
        // A store is closed once nobody has a connection of it any more.
        drop(alone);
        store.close().await;
    });
    let (count, dropped) = done?;
    let text = format!(
        "sealed {count} secrets under a new key, which is in `{}`; keep a copy of that file apart from the store",
        path.display()
    );
    output.result(&json!({ "secrets": count, "dropped_keys": dropped, "file": path }), &text)?;
    Ok(())
}

fn described(table: &TableDigest) -> Value {
    json!({ "table": table.table, "rows": table.rows, "sha256": hex::encode(table.digest) })
}

fn backup(offline: &Offline, url: &str, to: PathBuf, output: &Output) -> anyhow::Result<()> {
    let store = offline.open(url)?;
    output.progress("writing …");
    let written = offline.run(store.backup(&to));
    output.progress("");
    offline.run(store.close());
    written?;
    let bytes = std::fs::metadata(&to).map(|data| data.len()).unwrap_or_default();
    let text = format!("wrote `{}`, {bytes} bytes; the sealing key file is not in it", to.display());
    output.result(&json!({ "file": to, "bytes": bytes }), &text)?;
    Ok(())
}
