//! `tollgate ledger replay`: roll-ups made anew from the events.

use clap::Args;
use serde_json::{Value, json};
use tollgate_store::{Mended, Replayed};

use super::access;
use crate::cli::Outcome;
use crate::cli::check::ConfigFile;
use crate::cli::output::Output;
use crate::cli::{offline, table};

/// Make the roll-ups anew from the events, and print those that were not what their events come to
///
/// It goes back as far as all events are kept. A store in SQLite is opened while no gate runs on its data directory, one in
/// PostgreSQL at any time.
#[derive(Debug, Args)]
pub struct Replay {
    #[command(flatten)]
    file: ConfigFile,
    /// Only look: change nothing, and exit 1 if something would change
    #[arg(long)]
    check: bool,
}

impl Replay {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let compiled = match offline::load(&self.file.path, output) {
            Ok(compiled) => compiled,
            Err(outcome) => return Ok(outcome),
        };
        let offline = access(&compiled.process)?;
        let store = offline.open(&compiled.process.store.url())?;
        output.progress("reading events …");
        let replayed =
            if self.check { offline.run(store.compare_usage()) } else { offline.run(store.replay_usage()) };
        output.progress("");
        offline.run(store.close());
        let replayed = replayed?;
        self.tell(&replayed, output)?;
        Ok(if self.check && replayed.mended > 0 { Outcome::Refused } else { Outcome::Done })
    }

    fn tell(&self, replayed: &Replayed, output: &Output) -> anyhow::Result<()> {
        let Replayed { from, events, rollups, mended, first } = replayed;
        let value = json!({
            "from": from.map(|from| from.to_string()),
            "events": events,
            "rollups": rollups,
            "changed": mended,
            "first": first.iter().map(described).collect::<Vec<_>>(),
        });
        let since = from.map(|from| format!(" since {from}")).unwrap_or_default();
        let what = match (mended, self.check) {
            (0, _) => "each as it should be".to_owned(),
            (_, true) => format!("{mended} of them or beside them are not as they should be:"),
            (_, false) => format!("{mended} were mended:"),
        };
        let mut text = format!("{events} events{since} come to {rollups} roll-ups, {what}");
        if !first.is_empty() {
            let headings = ["of", "start", "consumer", "route", "model", "sum", "stored", "should be"];
            let rows: Vec<Vec<String>> = first.iter().map(row).collect();
            text = format!("{text}\n{}", table::aligned(&headings, 6, &rows));
        }
        let rest = mended - first.len() as u64;
        if rest > 0 {
            text = format!("{text}\n… and {rest} more");
        }
        output.result(&value, &text)?;
        Ok(())
    }
}

fn described(one: &Mended) -> Value {
    json!({
        "period": one.period.as_str(),
        "start": one.start.to_string(),
        "consumer": one.consumer,
        "route": one.route,
        "model": one.model,
        "sum": one.sum,
        "was": one.was,
        "is": one.is,
    })
}

fn row(one: &Mended) -> Vec<String> {
    let figure = |sum: Option<u64>| sum.map_or_else(|| "-".to_owned(), |sum| sum.to_string());
    let text = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    vec![
        one.period.as_str().to_owned(),
        one.start.to_string(),
        text(&one.consumer),
        text(&one.route),
        text(&one.model),
        one.sum.to_owned(),
        figure(one.was),
        figure(one.is),
    ]
}
