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

/// The same for what people read in lists and logs: it may hold nothing either that is not seen and changes how the rest
/// is seen.
pub(crate) fn check_shown(field: &'static str, text: &str, most: usize) -> Result<()> {
    check(field, text, most)?;
    if text.chars().any(is_unseen) {
        return Err(Error::invalid(
            field,
            "may hold no invisible characters, nor ones that change the direction",
        ));
    }
    Ok(())
}

/// Marks of direction, separators of lines, and what has no width (Unicode TR 36, §3.2); the joiners that words of some
/// languages need are not among them.
fn is_unseen(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// [`check`] where the text may be absent.
pub(crate) fn check_optional(field: &'static str, text: Option<&str>, most: usize) -> Result<()> {
    text.map_or(Ok(()), |text| check(field, text, most))
}

/// A list as JSON, the form of sets in the tables.
pub(crate) fn json_list<'a>(list: impl Iterator<Item = &'a str>) -> String {
    serde_json::Value::from_iter(list).to_string()
}
