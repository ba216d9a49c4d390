//! Tables for people: aligned text, one line for each row.

use serde_json::Value;

/// A table of these columns; the last one is not padded.
pub fn table(columns: &[&str], rows: &[Vec<String>]) -> String {
    aligned(columns, columns.len(), rows)
}

/// A table whose columns are numbers from this one on, which stand at the right.
pub fn aligned(columns: &[&str], numbers: usize, rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([columns[at].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).enumerate().map(|(at, (cell, width))| {
            if at < numbers { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut columns.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

/// One object, a member on each line.
pub fn object(value: &Value) -> String {
    let Value::Object(members) = value else { return cell(value) };
    let width = members.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): (&String, &Value)| format!("{name:<width$}  {}", printable(&cell(value)));
    members.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A value in one line; nothing and an empty list are `-`, a list is its items.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(members) if members.is_empty() => "-".to_owned(),
        Value::Object(_) | Value::Number(_) => value.to_string(),
    }
}

/// The text in one line, without what would move a terminal's cursor.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests;
