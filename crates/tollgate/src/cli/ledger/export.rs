//! `tollgate ledger export`: the events, for other programs.

use std::io::{self, Write};

use anyhow::Context;
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tollgate_core::usage::{CloudEvent, Measure, UsageEvent};

use crate::cli::Outcome;
use crate::cli::client::Access;
use crate::cli::moment::Moment;
use crate::cli::output::{self, Output};
use crate::cli::usage::{Filter, page_of};

/// Write usage events to standard output, the oldest first
#[derive(Debug, Args)]
pub struct Export {
    /// From when: so long ago (`90m`, `24h`, `7d`), a day, or a time
    #[arg(long, value_name = "WHEN", default_value = "24h")]
    since: Moment,
    /// To before when; now unless given
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    /// One CloudEvent a line, or one row a line under a row of names
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// CloudEvents 1.0 in JSON, one a line
    Ndjson,
    /// Comma-separated values (RFC 4180)
    Csv,
}

/// Members of an event, each a column.
const MEMBERS: [&str; 23] = [
    "id",
    "time",
    "node",
    "account",
    "account_id",
    "consumer",
    "credential",
    "route",
    "model",
    "method",
    "path",
    "status",
    "outcome",
    "client_request_id",
    "duration_ms",
    "upstream_ms",
    "queue_ms",
    "request_bytes",
    "response_bytes",
    "quality",
    "tier",
    "stream",
    "seq",
];

impl Export {
    /// Pages are written as they come, so that any number of events takes the room of one page.
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let client = self.access.client()?;
        let now = Timestamp::now();
        let until = self.until.unwrap_or(Moment::Ago(SignedDuration::ZERO));
        let mut query = self.filter.query();
        query.push(("from", self.since.exact(now).to_string()));
        query.push(("to", until.exact(now).to_string()));
        let mut lines = io::BufWriter::new(output::lines().lock());
        let mut written = self.begin(&mut lines);
        let (mut cursor, mut count): (Option<String>, u64) = (None, 0);
        while written.is_ok() {
            let page = client.get(&page_of("/usage/events", &query, cursor.as_deref()))?;
            let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
            for item in items {
                let line = self.line(item)?;
                written = written.and_then(|()| lines.write_all(line.as_bytes()));
            }
            count += items.len() as u64;
            output.progress(&format!("{count} events …"));
            let next = page["next"].as_str().map(str::to_owned);
            if next.is_none() || next == cursor {
                break;
            }
            cursor = next;
        }
        output.progress("");
        match written.and_then(|()| lines.flush()) {
            // `tollgate … | head` has read what it wanted.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Done),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(Outcome::Done),
        }
    }

    fn begin(&self, lines: &mut impl Write) -> io::Result<()> {
        match self.format {
            Format::Ndjson => Ok(()),
            Format::Csv => {
                let members = MEMBERS.iter().map(|name| (*name).to_owned());
                // Bytes are known of every call, and a measure where the route meters them.
                let measures = Measure::ALL.iter().map(|measure| match measure {
                    Measure::RequestBytes | Measure::ResponseBytes => format!("metered_{}", measure.as_str()),
                    _ => measure.as_str().to_owned(),
                });
                write!(lines, "{}\r\n", members.chain(measures).collect::<Vec<_>>().join(","))
            }
        }
    }

    /// The line of an event, with its end.
    fn line(&self, item: &Value) -> anyhow::Result<String> {
        match self.format {
            Format::Ndjson => {
                let event: UsageEvent =
                    serde_json::from_value(item.clone()).context("the gate answers no usage event")?;
                Ok(serde_json::to_string(&CloudEvent(event))? + "\n")
            }
            Format::Csv => {
                let members = MEMBERS.iter().map(|name| field(&item[*name]));
                let measures = Measure::ALL.iter().map(|measure| field(&item["measures"][measure.as_str()]));
                Ok(members.chain(measures).collect::<Vec<_>>().join(",") + "\r\n")
            }
        }
    }
}

/// A value as a field: quoted where it must be. What a table calculator would take for a formula gets a `'` before it:
/// paths and the callers' own ids come from strangers.
fn field(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests;
