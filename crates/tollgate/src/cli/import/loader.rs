//! Reads a foreign YAML file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// Configurations are written by people; what is larger is another file given by mistake.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The file's text and its content as plain data, a mapping at the top.
///
/// # Errors
/// The file cannot be read, is too large, or is not one YAML mapping; YAML errors name line and column.
pub fn load(path: &Path) -> anyhow::Result<(String, Value)> {
    let text = text(path)?;
    let value =
        parse(&text).with_context(|| format!("`{}` is not a configuration in YAML", path.display()))?;
    Ok((text, value))
}

/// The file's text; `-` is standard input.
///
/// # Errors
/// The file cannot be read, is too large, or is no text.
pub fn text(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("`{shown}` cannot be read"))?;
    ensure!(
        bytes.len() as u64 <= MAX_BYTES,
        "`{shown}` is larger than 16 MiB, too large for a configuration"
    );
    String::from_utf8(bytes).with_context(|| format!("`{shown}` is not text in UTF-8"))
}

/// Parses one YAML document. Duplicate keys are refused, and aliases expand within the parser's bounds.
pub fn parse(text: &str) -> anyhow::Result<Value> {
    let options = serde_saphyr::options! {
        // `no` and `on` are words: a consumer may be called so.
        strict_booleans: true,
        // A key made of digits keeps its zeros.
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options(text, options)? {
        value @ Value::Object(_) => Ok(value),
        Value::Null => bail!("it is empty"),
        _ => bail!("a mapping was expected at the top"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
