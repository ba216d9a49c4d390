//! Files of variables, as shells and containers read them.

use std::collections::BTreeMap;

use anyhow::bail;

/// Reads lines `NAME=VALUE`; `export` before, quotes around the value and comments are understood. Nothing is expanded.
///
/// # Errors
/// A line that is none of these, by its number: what stands in it may be a secret.
pub fn parse(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            bail!("line {number} has no `=`");
        };
        let name = name.trim_end();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            bail!("line {number} names no variable");
        }
        match unquoted(value.trim()) {
            Some(value) => variables.insert(name.to_owned(), value),
            None => bail!("line {number} has a quote without an end"),
        };
    }
    Ok(variables)
}

/// The value without its quotes, or without the comment after it.
fn unquoted(value: &str) -> Option<String> {
    let Some(quote) = value.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        let end = value.find(" #").unwrap_or(value.len());
        return Some(value[..end].trim_end().to_owned());
    };
    let mut out = String::new();
    let mut characters = value.chars().skip(1);
    while let Some(character) = characters.next() {
        match character {
            '\\' if quote == '"' => out.push(characters.next()?),
            end if end == quote => return Some(out),
            other => out.push(other),
        }
    }
    None
}
