//! What every exchange must keep, whether a transcript asks for it or not.
//!
//! Answers carry only fields that the gate or the model may say, those of limits once at most. Request ids are ULIDs and
//! never repeat. No credential reaches a model. Every request that a model saw has exactly one access record, and a
//! refused request has reached none, unless its body failed while it was on its way: then the model never saw it whole.
//! Every call that was admitted on a metered route has exactly one usage event, and nothing else has one.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::answer::{Answer, shown};
use crate::upstreams::Seen;

/// Fields that answers may carry; a transcript that names another one allows it.
const FIELDS: [&str; 32] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "sec-websocket-accept",
    "server",
    "server-authorization",
    "set-cookie",
    "transfer-encoding",
    "upgrade",
    "vary",
    "www-authenticate",
    "x-accel-buffering",
    "x-queue-wait",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
];

/// Bodies of requests that failed on their way; their heads were sent before that could be known.
const FAILED_BODIES: [&str; 3] = ["body_too_large", "framing_refused", "request_too_slow"];

/// Judges the head of an answer.
pub fn head(answer: &Answer, named: &BTreeSet<&str>, ids: &mut BTreeSet<String>) -> Result<()> {
    for (name, value) in &answer.fields.0 {
        let known = FIELDS.contains(&name.as_str()) || named.contains(name.as_str());
        ensure!(known, "the answer carries `{name}: {value}`, which no answer may");
    }
    for name in ["ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-reset"] {
        ensure!(answer.fields.all(name).count() <= 1, "the answer has two `{name}`");
    }
    if (100..200).contains(&answer.status) && answer.status != 101 {
        return Ok(());
    }
    let mut found = answer.fields.all("x-request-id");
    let id = found.next().context("the answer has no `X-Request-ID`")?;
    ensure!(found.next().is_none(), "the answer has two `X-Request-ID`");
    ensure!(is_ulid(id), "`{id}` is no ULID");
    ensure!(ids.insert(id.to_owned()), "the request id `{id}` was used before");
    Ok(())
}

/// Judges all of a test at its end.
pub fn end(records: &[Value], seen: &[Seen], secrets: &BTreeSet<String>) -> Result<()> {
    for request in seen {
        for secret in secrets {
            let reached =
                contains(&request.head, secret.as_bytes()) || contains(&request.body, secret.as_bytes());
            ensure!(!reached, "a credential reached an upstream: {}", shown(&request.head));
        }
    }
    let mut requests: BTreeMap<&str, &Seen> = BTreeMap::new();
    for request in seen {
        let id = request.fields.get("x-request-id").context("an upstream saw a request without id")?;
        ensure!(requests.insert(id, request).is_none(), "an upstream saw the request `{id}` twice");
    }
    let mut ids = BTreeSet::new();
    for record in records {
        let id = record["request_id"].as_str().context("a record without id")?;
        ensure!(ids.insert(id), "there are two records of the request `{id}`");
        account(record, requests.get(id).copied())?;
    }
    for (id, request) in requests {
        ensure!(ids.contains(id), "no record tells of {} {}", request.method, request.target);
    }
    Ok(())
}

/// Judges the usage events: one for each admitted call, and none for any other. `metered` says that every route makes such.
pub fn events(events: &[Value], records: &[Value], seen: &[Seen], metered: bool) -> Result<()> {
    let mut ids = BTreeSet::new();
    for event in events {
        let id = event["id"].as_str().context("an event without id")?;
        ensure!(ids.insert(id), "there are two events of the request `{id}`");
        let record = records.iter().find(|record| record["request_id"] == id);
        let record = record.with_context(|| format!("no record tells of the event {event}"))?;
        let failed = record["denial"].as_str().is_some_and(|code| FAILED_BODIES.contains(&code));
        ensure!(record["outcome"] != "denied" || failed, "refused, yet there is an event: {record}");
    }
    for request in seen.iter().filter(|_| metered) {
        let id = request.fields.get("x-request-id").unwrap_or_default();
        ensure!(ids.contains(id), "no event tells of {} {}", request.method, request.target);
    }
    Ok(())
}

/// Compares a record with what an upstream saw of its request.
fn account(record: &Value, request: Option<&Seen>) -> Result<()> {
    let outcome = record["outcome"].as_str().unwrap_or_default();
    let denial = record["denial"].as_str();
    match outcome {
        // What the gate answers by itself has no time at an upstream.
        "served" if record["upstream_ms"].is_null() => {
            ensure!(request.is_none(), "not served by the gate itself: {record}")
        }
        "served" => ensure!(request.is_some(), "served, yet no upstream saw it: {record}"),
        "denied" => {
            let failed = denial.is_some_and(|code| FAILED_BODIES.contains(&code));
            let clean = request.is_none_or(|request| failed && !request.whole);
            ensure!(clean, "refused, yet an upstream saw it: {record}");
        }
        // The caller or the model may have gone before the request was sent.
        "cancelled" | "upstream_error" => {}
        other => anyhow::bail!("`{other}` is no outcome"),
    }
    Ok(())
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// 26 characters of Crockford's base 32; the first holds three bits.
fn is_ulid(text: &str) -> bool {
    let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    text.len() == 26
        && text.starts_with(|c| ('0'..='7').contains(&c))
        && text.chars().all(|c| alphabet.contains(c))
}
