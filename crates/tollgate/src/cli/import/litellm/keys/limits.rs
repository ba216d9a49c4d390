//! A key's limits as a tier.

use super::row::Row;
use crate::cli::import::report::Report;
use crate::cli::import::yaml::{Entries, Node};

/// The tier of the key's limits, named after them so that keys with the same limits share one; nothing for keys without.
pub fn tier(row: &Row, report: &mut Report) -> Option<(String, Node)> {
    let rates = [
        (row.requests_per_minute, "rpm", "requests/min"),
        (row.tokens_per_minute, "tpm", "tokens/min"),
        (row.at_once, "at-once", "concurrent"),
    ];
    let mut name = Vec::new();
    let mut limits = Vec::new();
    for (count, short, unit) in rates {
        let Some(count) = count else { continue };
        name.push(format!("{count}-{short}"));
        limits.push(Node::Plain(format!("{count} {unit}")));
    }
    let mut body = Entries::new();
    if !limits.is_empty() {
        body.push(("limits".to_owned(), Node::List(limits)));
    }
    if let Some((amount, period)) = budget(row, report) {
        name.push(format!("{amount}-usd-{period}"));
        body.push(("budget".to_owned(), Node::Plain(format!("{amount} USD/{period}"))));
    }
    (!body.is_empty()).then(|| (name.join("_"), Node::Section(body)))
}

/// Money per calendar day or month, as far as the key's budget is that.
fn budget(row: &Row, report: &mut Report) -> Option<(String, &'static str)> {
    let amount = row.budget.as_deref()?;
    let place = format!("{}.max_budget", row.place);
    let exact = decimal(amount);
    if exact.is_none() {
        report.lose(&place, &format!("{amount:?} is no amount of money"));
    }
    let period = match row.budget_duration.as_deref() {
        Some("1d" | "24h") => Some("day"),
        Some("1mo") => Some("month"),
        Some("30d") => {
            report.note(&place, "30 days become a calendar month");
            Some("month")
        }
        Some(other) => {
            report.lose(&place, &format!("budgets are counted per day or month here, not per {other:?}"));
            None
        }
        None => {
            report.lose(&place, "a budget for the whole life of a key has no counterpart");
            None
        }
    };
    Some((exact?, period?))
}

/// A number without an exponent, and without zeros that say nothing.
fn decimal(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    Some(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}
