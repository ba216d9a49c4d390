//! One row of `LiteLLM_VerificationTokenView`, or of the table below it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use tollgate_core::credential::Digest;

use crate::cli::import::litellm::table;
use crate::cli::import::members::Members;
use crate::cli::import::report::Report;

/// What a key may do, and what it is found by.
#[derive(Debug)]
pub struct Row {
    pub place: String,
    /// SHA-256 of the key, in lower-case hexadecimal digits.
    pub digest: String,
    pub alias: Option<String>,
    /// Whose keys it belongs to: a team's, or a user's.
    pub account: Option<String>,
    /// Models that it may use; absent means all.
    pub models: Option<Vec<String>>,
    pub requests_per_minute: Option<u64>,
    pub tokens_per_minute: Option<u64>,
    pub at_once: Option<u64>,
    /// US dollars, as written.
    pub budget: Option<String>,
    /// Over which time, as written.
    pub budget_duration: Option<String>,
}

/// Columns that narrow what a key may do, in ways that have no counterpart. Empty ones narrow nothing.
const NARROWING: [&str; 15] = [
    "access_group_ids",
    "allowed_routes",
    "budget_id",
    "budget_limits",
    "model_max_budget",
    "object_permission_id",
    "permissions",
    "policies",
    "project_id",
    "agent_id",
    "aliases",
    "team_max_budget",
    "team_rpm_limit",
    "team_tpm_limit",
    "team_model_aliases",
];

/// Words of LiteLLM for sets of models.
const ALL: &str = "all-proxy-models";
const OF_TEAM: &str = "all-team-models";

impl Row {
    /// Reads a row; nothing for keys that let nobody in.
    pub fn read(mut members: Members<'_>, now: Timestamp, report: &mut Report) -> Option<Self> {
        let place = members.place().to_owned();
        let digest = digest(&mut members, report)?;
        if flag(&mut members, "blocked") || flag(&mut members, "team_blocked") {
            report.note(&place, "the key is blocked and left out");
            return None;
        }
        if ended(&mut members, now, report)? {
            report.note(&place, "the key has ended and is left out");
            return None;
        }
        for name in NARROWING {
            if members.take(name).is_some_and(says_something) {
                report.lose(
                    &members.place_of(name),
                    "this gate has no counterpart, and it narrows what the key may do",
                );
            }
        }
        let team = text(&mut members, "team_id");
        let user = text(&mut members, "user_id").filter(|user| user != "default_user_id");
        Some(Self {
            digest,
            alias: text(&mut members, "key_alias"),
            models: models(&mut members, team.is_some(), report),
            account: team.or(user),
            requests_per_minute: number(&mut members, "rpm_limit", report),
            tokens_per_minute: number(&mut members, "tpm_limit", report),
            at_once: number(&mut members, "max_parallel_requests", report),
            budget: text(&mut members, "max_budget"),
            budget_duration: text(&mut members, "budget_duration"),
            place,
        })
    }
}

/// The digest that LiteLLM stores; rows from before it did have the key itself.
fn digest(members: &mut Members<'_>, report: &mut Report) -> Option<String> {
    let token = members.need("token", Members::text, report)?;
    let place = members.place_of("token");
    if token.starts_with("sk-") {
        report.note(&place, "the table has the key itself; the configuration has its digest");
        return Some(hex::encode(Digest::of(token.as_bytes()).0));
    }
    if token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(token.to_ascii_lowercase());
    }
    report.lose(&place, "it is no digest of 64 hexadecimal digits");
    None
}

/// Whether the key has ended. One that will end is lost: keys of a file have no end.
fn ended(members: &mut Members<'_>, now: Timestamp, report: &mut Report) -> Option<bool> {
    let place = members.place_of("expires");
    let Some(text) = text(members, "expires") else { return Some(false) };
    let naive = || text.replacen(' ', "T", 1).parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    let Some(end) = text.parse().ok().or_else(|| naive().map(|zoned| zoned.timestamp())) else {
        report.lose(&place, &format!("{text:?} is no time"));
        return None;
    };
    if end > now {
        let why = "a key of the file does not end by itself; give its owner a new one, `tollgate key add --expires`";
        report.lose(&place, why);
    }
    Some(end <= now)
}

/// The models that the key is granted; absent means all.
fn models(members: &mut Members<'_>, has_team: bool, report: &mut Report) -> Option<Vec<String>> {
    let place = members.place_of("models");
    let own = list(members, "models", report)?.unwrap_or_default();
    let of_team = list(members, "team_models", report)?;
    if own.iter().any(|model| model == ALL) {
        return None;
    }
    if !own.is_empty() && !own.iter().any(|model| model == OF_TEAM) {
        return Some(own);
    }
    match of_team {
        _ if !has_team => None,
        Some(models) if models.is_empty() || models.iter().any(|model| model == ALL) => None,
        Some(models) => Some(models),
        None => {
            let why = "the key may use its team's models, which this table does not have; export the view";
            report.lose(&place, why);
            None
        }
    }
}

/// A column that is a list of names; nothing within where there is no such column.
fn list(members: &mut Members<'_>, name: &str, report: &mut Report) -> Option<Option<Vec<String>>> {
    let Some(value) = members.take(name) else { return Some(None) };
    let texts = table::texts(value);
    if texts.is_none() {
        report.lose(&members.place_of(name), "a list of names was expected");
    }
    texts.map(Some)
}

/// A column of text or a number, unless it is empty.
fn text(members: &mut Members<'_>, name: &str) -> Option<String> {
    match members.take(name)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn number(members: &mut Members<'_>, name: &str, report: &mut Report) -> Option<u64> {
    let text = text(members, name)?;
    let number = text.parse().ok().filter(|number| *number > 0);
    if number.is_none() {
        report.lose(&members.place_of(name), &format!("{text:?} is no limit"));
    }
    number
}

/// A column of truth values, of JSON or of PostgreSQL.
fn flag(members: &mut Members<'_>, name: &str) -> bool {
    match members.take(name) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => matches!(text.as_str(), "t" | "true" | "True"),
        _ => false,
    }
}

/// Whether a column says more than that there is nothing.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !matches!(text.trim(), "" | "{}" | "[]" | "null"),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}
