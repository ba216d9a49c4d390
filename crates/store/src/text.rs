//! Bounds of texts that come from outside.

use crate::error::{Error, Result};

/// Refuses what is empty, longer than so many characters, or holds control characters: those break lines of logs, and
/// PostgreSQL stores no NUL.
pub(crate) fn check(field: &'static str, text: &str, most: usize) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(field, "may not be empty"));
    }
    if text.chars().count() > most {
        return Err(Error::invalid(field, format!("has at most {most} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "may hold no control characters"));
    }
    Ok(())
}

/// The same where the text may be absent.
pub(crate) fn check_optional(field: &'static str, text: Option<&str>, most: usize) -> Result<()> {
    text.map_or(Ok(()), |text| check(field, text, most))
}

/// A list as JSON, the form of sets in the tables.
pub(crate) fn json_list<'a>(list: impl Iterator<Item = &'a str>) -> String {
    serde_json::Value::from_iter(list).to_string()
}
