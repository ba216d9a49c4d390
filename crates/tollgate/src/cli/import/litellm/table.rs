//! Rows of a database table, as JSON or CSV.

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value};

/// The rows, each a mapping from column to value; in CSV every value is text.
///
/// # Errors
/// The text is neither a list of objects nor CSV with a line of column names.
pub fn parse(text: &str, shown: &str) -> anyhow::Result<Vec<Value>> {
    let rows = match text.trim_start().chars().next() {
        None => bail!("`{shown}` is empty"),
        Some('[' | '{') => json(text).with_context(|| format!("`{shown}` is no list of keys in JSON"))?,
        Some(_) => csv(text).with_context(|| format!("`{shown}` is no table in CSV"))?,
    };
    ensure!(rows.iter().all(Value::is_object), "`{shown}` is no list of objects");
    Ok(rows)
}

/// A list, `{"keys": […]}` as the key list of LiteLLM's API has it, or an object a line.
fn json(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter() {
        values.push(value?);
    }
    match values.as_mut_slice() {
        [Value::Array(rows)] => Ok(std::mem::take(rows)),
        [Value::Object(members)] => match members.get_mut("keys") {
            Some(Value::Array(rows)) => Ok(std::mem::take(rows)),
            _ => Ok(values),
        },
        _ => Ok(values),
    }
}

/// CSV as PostgreSQL writes it (RFC 4180), with a header.
fn csv(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut records = records(text)?.into_iter();
    let header = records.next().context("there is no line of column names")?;
    ensure!(header.iter().any(|name| name == "token"), "there is no column `token`");
    let mut rows = Vec::new();
    for (record, number) in records.zip(2..) {
        ensure!(
            record.len() == header.len(),
            "record {number} has {} columns, the header {}",
            record.len(),
            header.len()
        );
        let members: Map<String, Value> =
            header.iter().cloned().zip(record.into_iter().map(Value::String)).collect();
        rows.push(Value::Object(members));
    }
    Ok(rows)
}

fn records(text: &str) -> anyhow::Result<Vec<Vec<String>>> {
    let mut records = Vec::new();
    let (mut record, mut field) = (Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            other => field.push(other),
        }
    }
    ensure!(!quoted, "a quote has no end");
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    // An empty line is no record of one empty field.
    records.retain(|record| record.iter().any(|field| !field.is_empty()));
    Ok(records)
}

/// A list of texts: JSON, or PostgreSQL's `{a,"b c"}`.
pub fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        Value::String(text) if text.is_empty() || text == "{}" => Some(Vec::new()),
        Value::String(text) if text.starts_with('[') => texts(&serde_json::from_str::<Value>(text).ok()?),
        Value::String(text) => {
            let inner = text.strip_prefix('{')?.strip_suffix('}')?;
            // Backslashes stand for themselves in CSV, and escape within an array.
            let fields = records(&inner.replace("\\\"", "\"\"")).ok()?;
            fields.into_iter().next()
        }
        _ => None,
    }
}
