//! `tollgate ledger replay`: roll-ups made anew from the events.

use clap::Args;
use serde_json::{Value, json};
use tollgate_store::{Mended, Replayed, Short, Stored};

use super::access;
use crate::cli::Outcome;
use crate::cli::check::ConfigFile;
use crate::cli::output::Output;
use crate::cli::{offline, table};

/// Make the roll-ups anew from the events, and print those that were not what their events come to
///
/// Who and what roll-ups are told of is made anew, too. It goes back as far as all events are kept. A store in SQLite is
/// opened while no gate runs on its data directory, one in PostgreSQL at any time.
#[derive(Debug, Args)]
pub struct Replay {
    #[command(flatten)]
    file: ConfigFile,
    /// Only look: change nothing, and exit 1 if something would change
    #[arg(long)]
    check: bool,
    /// Lower sums, too, that count more events than are there, which else are left as they are: only where no event is
    /// missing
    #[arg(long, conflicts_with = "check")]
    lower: bool,
}

/// Days that are named.
const DAYS: usize = 20;

impl Replay {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let compiled = match offline::load(&self.file.path, output) {
            Ok(compiled) => compiled,
            Err(outcome) => return Ok(outcome),
        };
        let offline = access(&compiled.process)?;
        let store = offline.open(&compiled.process.store.url())?;
        output.progress("reading events …");
        let replayed = match (self.check, self.lower) {
            (true, _) => offline.run(store.compare_usage()),
            (false, false) => offline.run(store.replay_usage()),
            (false, true) => offline.run(store.lower_usage()),
        };
        output.progress("");
        offline.run(store.close());
        let replayed = replayed?;
        self.tell(&replayed, output)?;
        let is_wrong = replayed.lost > 0 || !replayed.short.is_empty() || (self.check && replayed.mended > 0);
        Ok(if is_wrong { Outcome::Refused } else { Outcome::Done })
    }

    fn tell(&self, replayed: &Replayed, output: &Output) -> anyhow::Result<()> {
        let Replayed { from, events, rollups, mended, first, lost, short } = replayed;
        let value = json!({
            "from": from.map(|from| from.to_string()),
            "events": events,
            "rollups": rollups,
            "changed": mended,
            "lost": lost,
            "short": short.iter().map(short_day).collect::<Vec<_>>(),
            "first": first.iter().map(described).collect::<Vec<_>>(),
        });
        let since = from.map(|from| format!(" since {from}")).unwrap_or_default();
        let what = match (mended, *lost + short.len() as u64, self.check) {
            (0, 0, _) => "each as it should be".to_owned(),
            (0, _, _) => "and nothing was mended:".to_owned(),
            (_, _, true) => {
                format!("{mended} of them, beside them or of their names are not as they should be:")
            }
            (_, _, false) => format!("{mended} of them, beside them or of their names were mended:"),
        };
        let mut text = format!("{events} events{since} come to {rollups} roll-ups, {what}");
        if !first.is_empty() {
            let headings = ["of", "start", "consumer", "route", "model", "sum", "stored", "should be"];
            let rows: Vec<Vec<String>> = first.iter().map(row).collect();
            text = format!("{text}\n{}", table::aligned(&headings, 6, &rows));
        }
        let rest = mended + lost - first.len() as u64;
        if rest > 0 {
            text = format!("{text}\n… and {rest} more");
        }
        for Short { day, counted, events } in short.iter().take(DAYS) {
            let day = day.strftime("%F");
            text = format!("{text}\nthe sums of {day} (UTC) count {counted} events, and {events} are there");
        }
        if !short.is_empty() {
            let days = short.len();
            text = format!(
                "{text}\n{days} days are left as they are: restore a backup where events are missing; where `ledger verify` \
                 finds nothing else and the sums are wrong, `ledger replay --lower` lowers them"
            );
        }
        if *lost > 0 {
            text = format!(
                "{text}\n{lost} roll-ups or their names are damaged and their events are deleted, so they stay as they are: \
                 restore a backup of the database"
            );
        }
        output.result(&value, &text)?;
        Ok(())
    }
}

fn short_day(short: &Short) -> Value {
    json!({ "day": short.day.strftime("%F").to_string(), "counted": short.counted, "events": short.events })
}

fn described(one: &Mended) -> Value {
    json!({
        "period": one.time.map(|(period, _)| period.as_str()),
        "start": one.time.map(|(_, start)| start.to_string()),
        "consumer": one.consumer,
        "route": one.route,
        "model": one.model,
        "sum": one.what,
        "was": one.was.as_ref().map(value),
        "is": one.is.as_ref().map(value),
    })
}

fn value(stored: &Stored) -> Value {
    match stored {
        Stored::Sum(sum) => json!(sum),
        Stored::Name(name) => json!(name),
        Stored::Damaged => json!("(damaged)"),
    }
}

fn row(one: &Mended) -> Vec<String> {
    let stored = |stored: &Option<Stored>| table::cell(&stored.as_ref().map_or(Value::Null, value));
    let text = |text: &str| table::cell(&text.into());
    vec![
        one.time.map_or("names", |(period, _)| period.as_str()).to_owned(),
        one.time.map_or_else(|| "-".to_owned(), |(_, start)| start.to_string()),
        text(&one.consumer),
        text(&one.route),
        text(&one.model),
        one.what.to_owned(),
        stored(&one.was),
        stored(&one.is),
    ]
}
