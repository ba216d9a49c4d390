//! `tollgate usage`: what was used, summed up.

use std::cmp::Reverse;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Outcome;
use super::client::{Access, Client, encoded};
use super::moment::Moment;
use super::output::Output;
use super::table;

/// Sum up what was used, by whatever tells calls apart
#[derive(Debug, Args)]
pub struct Usage {
    /// What tells groups apart; of `minute`, `hour` and `day` one at most. May be repeated, or have commas
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = BY)]
    by: Vec<String>,
    /// From when: so long ago (`90m`, `24h`, `7d`), a day, or a time
    #[arg(long, value_name = "WHEN", default_value = "24h")]
    since: Moment,
    /// To before when; now unless given
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    /// Whose hours and days, such as `Europe/Berlin`
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// Groups that the table shows at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    access: Access,
}

/// Which calls count.
#[derive(Debug, Args)]
pub struct Filter {
    /// Calls of this account alone
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Calls of this consumer alone
    #[arg(long, value_name = "NAME")]
    consumer: Option<String>,
    /// Calls with this key alone
    #[arg(long, value_name = "KEY_ID")]
    key: Option<String>,
    /// Calls of this route alone
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Calls of this model alone
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
}

/// What tells groups apart. `key` is `credential` where answers name it.
const BY: [&str; 11] = [
    "account",
    "consumer",
    "key",
    "credential",
    "route",
    "model",
    "status",
    "outcome",
    "minute",
    "hour",
    "day",
];

/// A column of numbers: its heading, and what of a group it shows.
type Column = (&'static str, fn(&Value) -> Option<u64>);

const COLUMNS: [Column; 9] = [
    ("requests", |sum| sum["measures"]["requests"].as_u64()),
    ("tokens in", |sum| sum["measures"]["tokens_in"].as_u64()),
    ("cached", |sum| sum["measures"]["tokens_cached"].as_u64()),
    ("tokens out", |sum| sum["measures"]["tokens_out"].as_u64()),
    ("rows", |sum| sum["measures"]["rows"].as_u64()),
    ("bytes in", |sum| sum["measures"]["request_bytes"].as_u64()),
    ("bytes out", |sum| sum["measures"]["response_bytes"].as_u64()),
    ("p50 ms", |sum| sum["duration_ms"]["p50"].as_u64()),
    ("p95 ms", |sum| sum["duration_ms"]["p95"].as_u64()),
];
/// Where the column of compute units stands, which are no whole numbers.
const UNITS: usize = 5;

impl Filter {
    /// The parameters of a question.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("account", &self.account),
            ("consumer", &self.consumer),
            ("credential", &self.key),
            ("route", &self.route),
            ("model", &self.model),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

impl Usage {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let client = self.access.client()?;
        let now = Timestamp::now();
        let until = self.until.unwrap_or(Moment::Ago(jiff::SignedDuration::ZERO));
        let (from, to) = (self.since.floor(now), until.ceiling(now));
        let mut query = self.filter.query();
        query.extend([("from", from.to_string()), ("to", to.to_string())]);
        query.extend(self.zone.clone().map(|zone| ("zone", zone)));
        let (totals, as_of) = all(&client, "/usage", &query)?;
        let total = totals.into_iter().next();
        query.push(("by", self.by.join(",")));
        let items = if self.by.is_empty() { Vec::new() } else { all(&client, "/usage", &query)?.0 };
        let value = json!({ "from": from.to_string(), "to": to.to_string(), "items": items, "total": total, "as_of": as_of });
        let text = match &total {
            None => format!("nothing was used from {from} to {to}"),
            Some(total) => self.text(items, total),
        };
        output.result(&value, &text)?;
        Ok(Outcome::Done)
    }

    /// The table: those with the most requests first, unless they are told apart by time; their total last.
    fn text(&self, mut items: Vec<Value>, total: &Value) -> String {
        let names: Vec<&str> =
            self.by.iter().map(|name| if name == "key" { "credential" } else { name.as_str() }).collect();
        if !names.iter().any(|name| ["minute", "hour", "day"].contains(name)) {
            items.sort_by_key(|sum| Reverse((sum["measures"]["requests"].as_u64(), sum["events"].as_u64())));
        }
        let hidden = items.len().saturating_sub(self.limit);
        items.truncate(self.limit);
        let shown: Vec<&Column> = COLUMNS.iter().filter(|(_, of)| of(total).is_some_and(|n| n > 0)).collect();
        let units = total["measures"]["compute_units"].is_string();
        let before_units = shown.iter().filter(|column| COLUMNS[..UNITS].iter().any(|one| one.0 == column.0));
        let before_units = before_units.count();
        let numbers = |sum: &Value| {
            let number = |column: &&Column| (column.1)(sum).map_or_else(|| "-".to_owned(), grouped);
            let mut cells: Vec<String> = shown.iter().map(number).collect();
            if units {
                cells.insert(before_units, table::cell(&sum["measures"]["compute_units"]));
            }
            cells
        };
        let mut headings: Vec<&str> = shown.iter().map(|(heading, _)| *heading).collect();
        if units {
            headings.insert(before_units, "units");
        }
        let columns = [names.as_slice(), &headings].concat();
        let group = |sum: &Value| names.iter().map(|name| table::cell(&sum[*name])).collect::<Vec<_>>();
        let mut rows: Vec<Vec<String>> =
            items.iter().map(|sum| [group(sum), numbers(sum)].concat()).collect();
        if hidden > 0 {
            rows.push(vec![format!("… {hidden} more")]);
        }
        let name = |at: usize| if at == 0 { "total".to_owned() } else { String::new() };
        rows.push([(0..names.len()).map(name).collect(), numbers(total)].concat());
        table::aligned(&columns, names.len(), &rows)
    }
}

/// Every item of a list, and `as_of` of its last page.
pub fn all(client: &Client, path: &str, query: &[(&str, String)]) -> anyhow::Result<(Vec<Value>, Value)> {
    let (mut items, mut cursor): (Vec<Value>, Option<String>) = (Vec::new(), None);
    loop {
        let mut page = client.get(&page_of(path, query, cursor.as_deref()))?;
        if let Value::Array(more) = page["items"].take() {
            items.extend(more);
        }
        let next = page["next"].as_str().map(str::to_owned);
        // A gate that gives the same cursor again would keep this going for ever.
        if next.is_none() || next == cursor {
            return Ok((items, page["as_of"].take()));
        }
        cursor = next;
    }
}

/// The path of one page, as long as pages may be.
pub fn page_of(path: &str, query: &[(&str, String)], cursor: Option<&str>) -> String {
    let cursor = cursor.map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default();
    let query = query.iter().map(|(name, value)| format!("&{name}={}", encoded(value)));
    format!("{path}?limit=1000{}{cursor}", query.collect::<String>())
}

/// A number with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
