//! `tollgate ledger verify`: whether every event is as its gate made it.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use tollgate_ledger::journal;
use tollgate_store::{Paging, UsageVerdict};

use super::{access, ensure_journal, seal_keys};
use crate::cli::Outcome;
use crate::cli::check::ConfigFile;
use crate::cli::offline;
use crate::cli::output::Output;
use crate::data_dir::DataDir;

/// Walk the chain and the seals of every stream, and name the first event that was changed, removed or added, or that
/// is not sealed; exit 1 if there is one
///
/// At last the events of each day are counted and held against the sums, which a stream that was removed as a whole is
/// still in. That is said of a day; `ledger replay --check` names the sums.
///
/// Alarms that were raised while events were booked are said beside that: what came again with other content, or is
/// missing, or came from the future.
///
/// Seals are held against the fleet's key, or the key of this data directory, and those that are named. A store in
/// SQLite is read while no gate runs on its data directory, one in PostgreSQL at any time.
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    file: ConfigFile,
    /// Walk the journal of this data directory instead of the store; no gate may run on it
    #[arg(long, value_name = "DATA_DIR")]
    journal: Option<PathBuf>,
    /// A key of seals: the file `ledger.key` of another node. May be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "no_seals")]
    seal_key: Vec<PathBuf>,
    /// Hold seals against the chain alone, where no key is at hand, and miss none
    #[arg(long)]
    no_seals: bool,
}

impl Verify {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let compiled = match offline::load(&self.file.path, output) {
            Ok(compiled) => compiled,
            Err(outcome) => return Ok(outcome),
        };
        let mut process = compiled.process;
        if let Some(directory) = &self.journal {
            process.data_dir.clone_from(directory);
        }
        let keys = if self.no_seals { Vec::new() } else { seal_keys(&process, &self.seal_key)? };
        if keys.is_empty() && !self.no_seals {
            output.warning(
                "no key of seals is at hand; they are held against the chain alone, and none is missed",
            );
        }
        if self.journal.is_some() {
            ensure_journal(&process.data_dir)?;
            let data_dir = DataDir::lock(&process.data_dir)?;
            let journal::Verified { streams, events, seals, broken } =
                journal::verify(&data_dir.journal(), &keys)?;
            return match broken {
                None => whole(streams, events, seals, output),
                Some(journal::Broken { stream, seq, why }) => {
                    broken_at(&stream.to_string(), seq, None, &why, output)
                }
            };
        }
        let offline = access(&process)?;
        let store = offline.open(&process.store.url())?;
        output.progress("walking the chains …");
        let verdict = offline.run(store.verify_usage(&keys, Timestamp::now()));
        output.progress("");
        let alarms = offline.run(store.usage_alarms(&Paging::default()));
        offline.run(store.close());
        let alarms = alarms?;
        for alarm in &alarms.items {
            output.warning(&format!("seen at {}: {alarm}", alarm.at));
        }
        if alarms.next.is_some() {
            output.warning("there are more alarms; the admin API lists all of them");
        }
        match verdict? {
            UsageVerdict::Whole { streams, events, seals } => whole(streams, events, seals, output),
            UsageVerdict::Broken { stream, seq, id, why } => {
                broken_at(&stream.to_string(), seq, id.map(|id| id.to_string()), why, output)
            }
            UsageVerdict::Uncounted { day, events, counted } => uncounted(day, events, counted, output),
        }
    }
}

fn whole(streams: u64, events: u64, seals: u64, output: &Output) -> anyhow::Result<Outcome> {
    let value = json!({ "ok": true, "streams": streams, "events": events, "seals": seals });
    let text = format!("{events} events in {streams} streams, each as its gate made it; {seals} seals hold");
    output.result(&value, &text)?;
    Ok(Outcome::Done)
}

fn broken_at(
    stream: &str,
    seq: u64,
    id: Option<String>,
    why: &str,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let named = id.as_ref().map(|id| format!(" (`{id}`)")).unwrap_or_default();
    let value: Value = json!({ "ok": false, "stream": stream, "seq": seq, "id": id, "why": why });
    output.result(&value, &format!("event {seq} of stream `{stream}`{named} is broken: {why}"))?;
    Ok(Outcome::Refused)
}

fn uncounted(day: Timestamp, events: u64, counted: u64, output: &Output) -> anyhow::Result<Outcome> {
    let day = day.strftime("%F").to_string();
    let why = format!("its sums count {counted} events, and {events} are there");
    let value = json!({ "ok": false, "day": day, "events": events, "counted": counted, "why": why });
    let text = format!(
        "the day {day} (UTC) is not what it was: {why}; `tollgate ledger replay --check` names the sums"
    );
    output.result(&value, &text)?;
    Ok(Outcome::Refused)
}
