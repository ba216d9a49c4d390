//! Answers as people read them.

use std::fmt::Write;

use serde_json::Value;

use crate::cli::output::table;

/// What was decided of a request.
pub(super) fn decision(decision: &Value) -> String {
    let mut text = heading(decision);
    let mut line = |name: &str, said: String| {
        let _ = write!(text, "\n{name:<9} {said}");
    };
    if let Some(detail) = decision["detail"].as_str() {
        line("why", detail.to_owned());
    }
    if let Some(time) = decision["time"].as_str() {
        line("when", time.to_owned());
    }
    let caller = match (decision["consumer"].as_str(), decision["credential"].as_str()) {
        (Some(consumer), Some(credential)) => format!("`{consumer}` with the credential `{credential}`"),
        (Some(consumer), None) => format!("`{consumer}`"),
        (None, _) => "nobody was identified".to_owned(),
    };
    line("who", format!("{caller}, from {}", decision["client"].as_str().unwrap_or("?")));
    if let (Some(method), Some(path)) = (decision["method"].as_str(), decision["path"].as_str()) {
        let route =
            decision["route"].as_str().map_or("on no route".to_owned(), |route| format!("on `{route}`"));
        line("request", format!("{method} {path}, {route}"));
    }
    if let Some(rule) = decision["rule"].as_str() {
        line("rule", rule.to_owned());
    }
    let ends = ends(decision);
    text + &ends
}

/// Why a call is allowed or refused.
pub(super) fn explanation(explanation: &Value) -> String {
    let mut text = heading(explanation);
    for step in explanation["steps"].as_array().into_iter().flatten() {
        let mark = if step["outcome"] == "allowed" { "✓" } else { "✗" };
        let (name, detail) =
            (step["step"].as_str().unwrap_or("?"), step["detail"].as_str().unwrap_or_default());
        let rule = step["rule"].as_str().map_or(String::new(), |rule| format!("  ({rule})"));
        let _ = write!(text, "\n{mark} {name:<9} {detail}{rule}");
    }
    text + &ends(explanation)
}

/// Who would break.
pub(super) fn report(report: &Value) -> String {
    let items: Vec<&Value> = report["items"].as_array().into_iter().flatten().collect();
    if items.is_empty() {
        return "nobody would have been refused since the gate started".to_owned();
    }
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut rows =
        vec![["caller", "route", "refusal", "count", "last", "last id"].map(str::to_owned).to_vec()];
    for item in items {
        let caller = item["consumer"].as_str().or(item["network"].as_str()).unwrap_or("-").to_owned();
        rows.push(vec![
            caller,
            word(&item["route"]),
            word(&item["denial"]),
            item["count"].to_string(),
            word(&item["last"]),
            word(&item["decision"]),
        ]);
    }
    let mut text = table(&rows);
    if let Some(others) = report["others"].as_u64().filter(|others| *others > 0) {
        let _ = write!(text, "\nand {others} refusals of further callers");
    }
    text
}

/// `denied: 403 scope_missing`, and whether it is in force.
fn heading(of: &Value) -> String {
    let word = of["outcome"].as_str().unwrap_or("?").replace('_', " ");
    let refusal = match (of["status"].as_u64(), of["denial"].as_str()) {
        (Some(status), Some(denial)) => format!("{status} {denial}"),
        _ => return word,
    };
    match of["would"] == of["outcome"] {
        true => format!("{word}: {refusal}"),
        false => format!("{word}, and only recorded: {refusal}"),
    }
}

/// What the limits had left, and when the refusal ends.
fn ends(of: &Value) -> String {
    let mut text = String::new();
    for counter in of["counters"].as_array().into_iter().flatten() {
        let name = counter["name"].as_str().unwrap_or("?");
        let (limit, remaining, reset) = (&counter["limit"], &counter["remaining"], &counter["reset"]);
        let _ = write!(text, "\nlimit     {name}: {remaining} of {limit} left, all of it in {reset} s");
    }
    if let Some(seconds) = of["retry_after"].as_u64() {
        let _ = write!(text, "\nends      in {seconds} s");
    }
    text
}
