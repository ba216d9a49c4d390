//! `tollgate ledger ship`: empties the journal of a gate that is gone.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{access, ensure_journal};
use crate::cli::Outcome;
use crate::cli::check::ConfigFile;
use crate::cli::offline;
use crate::cli::output::Output;
use crate::config::process::StorePlace;
use crate::data_dir::DataDir;
use crate::ledger::{Emptied, Ledger};

/// Deliver what the journal of a data directory still has, such as that of a machine that serves no more; exit 1 if
/// something is left
///
/// Calls that were under way when its gate ended become `interrupted` events. The sink and the store are those of the
/// configuration file.
#[derive(Debug, Args)]
pub struct Ship {
    #[command(flatten)]
    file: ConfigFile,
    /// The data directory; no gate may run on it
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Deliver again, too, what was delivered and is still there, such as after a backup of the store was put back; what
    /// the store has counts once
    #[arg(long)]
    again: bool,
    /// Seconds that it may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    within: u32,
}

impl Ship {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let compiled = match offline::load(&self.file.path, output) {
            Ok(compiled) => compiled,
            Err(outcome) => return Ok(outcome),
        };
        ensure_journal(&self.data_dir)?;
        let mut process = compiled.process;
        let is_own =
            std::fs::canonicalize(&process.data_dir).ok() == std::fs::canonicalize(&self.data_dir).ok();
        let is_file = matches!(process.store, StorePlace::Sqlite(_));
        // The store's own lock, unless it is the very directory that is emptied.
        let offline = if is_file && is_own { offline::Offline::unlocked()? } else { access(&process)? };
        let orphan = DataDir::lock(&self.data_dir)?;
        process.data_dir.clone_from(&self.data_dir);
        let store = offline.open(&process.store.url())?;
        let ledger = Ledger::open(&process, &orphan)?;
        output.progress("delivering …");
        let emptied = offline.run(ledger.empty(&store, self.again, Duration::from_secs(self.within.into())));
        output.progress("");
        offline.run(store.close());
        let Emptied { events: shipped, left, unread } = emptied;
        let (events, why) = left.map_or((0, None), |left| (left.events, left.why.map(|why| why.to_string())));
        let ok = events == 0 && unread.is_empty();
        let value = json!({ "ok": ok, "shipped": shipped, "left": events, "why": why, "unread": unread });
        let mut text = format!("delivered {shipped} events");
        if events > 0 {
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            text = format!("{text}; {events} are left{why}");
        }
        for stream in &unread {
            text = format!("{text}\nnothing of a stream was delivered, as it cannot be read: {stream}");
        }
        output.result(&value, &text)?;
        Ok(if ok { Outcome::Done } else { Outcome::Refused })
    }
}
