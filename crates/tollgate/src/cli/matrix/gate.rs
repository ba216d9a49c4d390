//! What the running gate says, of consumers of its store, too.

use serde_json::{Value, json};

use super::{mark, table};
use crate::cli::Outcome;
use crate::cli::client::{Access, encoded};
use crate::cli::output::Output;

/// Asks the gate for the whole matrix and prints it.
///
/// # Errors
/// There is no key, the gate refuses it, or does not answer.
pub(super) fn show(url: Option<&str>, output: &Output) -> anyhow::Result<Outcome> {
    let client = Access::of_url(url).client()?;
    let (mut consumers, mut cells) = (Vec::new(), Vec::new());
    let mut cursor: Option<String> = None;
    let routes = loop {
        let on = cursor.as_ref().map_or(String::new(), |cursor| format!("&cursor={}", encoded(cursor)));
        let mut page = client.get(&format!("/matrix?limit=1000{on}"))?;
        for (all, member) in [(&mut consumers, "consumers"), (&mut cells, "cells")] {
            if let Value::Array(more) = page[member].take() {
                all.extend(more);
            }
        }
        let next = page["next"].as_str().map(str::to_owned);
        // A gate that gives the same cursor again would keep this going for ever.
        if next.is_none() || next == cursor {
            break page["routes"].take();
        }
        cursor = next;
    };
    let cells: Vec<Value> = cells.iter().map(as_of_file).collect();
    let marks: Vec<(&str, &str, String)> = cells
        .iter()
        .map(|cell| {
            let word = |member: &str| cell[member].as_str().unwrap_or("?");
            (word("consumer"), word("route"), mark(cell["outcome"] == "allowed").to_owned())
        })
        .collect();
    let text = table(&marks);
    output.result(&json!({ "consumers": consumers, "routes": routes, "cells": cells }), &text)?;
    Ok(Outcome::Done)
}

/// A cell in the words of this command: whether it passes, and why.
fn as_of_file(cell: &Value) -> Value {
    let passes = cell["outcome"] == "allowed" || cell["outcome"] == "public";
    json!({
        "consumer": cell["consumer"],
        "route": cell["route"],
        "outcome": if passes { "allowed" } else { "denied" },
        "reason": cell["reason"],
    })
}
