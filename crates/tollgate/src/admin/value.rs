//! Values that several bodies have, and their bounds.

use std::str::FromStr;

use axum::http::StatusCode;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use tollgate_core::consumer::{Name, Scopes};
use utoipa::ToSchema;

use super::problem::{Problem, Result};

/// Days that a key may be given at its making.
pub const DAYS: std::ops::RangeInclusive<i64> = 1..=365;
/// The longest grace of a rotation.
const GRACE_MOST: SignedDuration = SignedDuration::from_hours(24 * 90);

/// Where something is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// In the configuration file, where alone it is changed.
    File,
    /// In the store.
    Store,
}

/// The name of an account, consumer or tier.
#[derive(Debug, ToSchema)]
#[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]{1,64}$")]
pub struct NameText(#[expect(dead_code, reason = "only its schema is used")] String);

/// Reads a name.
pub fn name(field: &str, text: &str) -> Result<Name> {
    Name::new(text).map_err(|error| Problem::invalid(field, format!("is no name: {error}")))
}

/// Reads scopes; their spelling is checked by the store.
pub fn scopes(list: &[String]) -> Scopes {
    list.iter().map(String::as_str).collect()
}

/// Reads networks and single addresses.
pub fn networks(list: &[String]) -> Result<Vec<IpNet>> {
    let refused = |text: &str| {
        let why =
            format!("has something that is neither an address nor a network: `{}`", text.escape_debug());
        Problem::invalid("allowed_ips", why)
    };
    list.iter()
        .map(|text| {
            let single = std::net::IpAddr::from_str(text).map(|address| IpNet::from(address.to_canonical()));
            single.or_else(|_| IpNet::from_str(text)).map_err(|_| refused(text))
        })
        .collect()
}

/// Reads a point in time in the form of RFC 3339; without an offset it is UTC, as the auth service's own clients send
/// it.
pub fn time(field: &str, text: &str) -> Result<Timestamp> {
    let civil = || {
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    text.parse().ok().or_else(civil).ok_or_else(|| match jiff::fmt::temporal::Pieces::parse(text) {
        // Well written, and beyond what a clock of ours can show.
        Ok(_) => Problem::invalid(field, format!("is too far away: {} is the last", last())),
        Err(_) => Problem::invalid(field, "is no time such as `2027-01-31T12:00:00Z`"),
    })
}

/// The last second that there is.
fn last() -> String {
    Timestamp::from_second(Timestamp::MAX.as_second()).unwrap_or(Timestamp::MAX).to_string()
}

/// The end of a key, from either way to say it.
pub fn end(at: Option<&str>, in_days: Option<i64>, now: Timestamp) -> Result<Option<Timestamp>> {
    match (at, in_days) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Problem::invalid("expires_in_days", "and `expires_at` exclude each other")),
        (Some(at), None) => time("expires_at", at).map(Some),
        (None, Some(days)) if DAYS.contains(&days) => {
            let end = now.checked_add(SignedDuration::from_hours(24 * days));
            end.map(Some).map_err(|_| Problem::invalid("expires_in_days", "is too far away"))
        }
        (None, Some(_)) => {
            let why = format!("must be from {} to {}", DAYS.start(), DAYS.end());
            Err(Problem::invalid("expires_in_days", why))
        }
    }
}

/// Until when an old key works beside the new one: `30s`, `10m`, `24h`, `7d`.
pub fn grace(text: &str, now: Timestamp) -> Result<Timestamp> {
    let refused =
        || Problem::invalid("grace", "must be a time such as `30s`, `10m`, `24h` or `7d`, at most `90d`");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(refused()),
    };
    let number: i64 = digits.parse().ok().filter(|number| *number > 0).ok_or_else(refused)?;
    let grace = SignedDuration::from_secs(number.checked_mul(seconds).ok_or_else(refused)?);
    if grace > GRACE_MOST {
        return Err(refused());
    }
    now.checked_add(grace).map_err(|_| refused())
}

/// A view as JSON.
pub fn body_of(view: impl Serialize) -> Result<Value> {
    serde_json::to_value(view).map_err(|error| {
        tracing::error!(%error, "an answer is no JSON");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the answer could not be written")
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
