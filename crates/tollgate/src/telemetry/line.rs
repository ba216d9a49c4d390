//! Lines of logs have a bound, so that a collector neither splits nor drops them.

use serde_json::{Map, Value};

/// The longest line in bytes, its end included.
pub const MAX: usize = 8 * 1024;

/// Lengths to which texts are cut, one after the other, until the line fits.
const CUTS: [usize; 3] = [2048, 256, 32];

/// A JSON object of one line, with long texts cut where it would be longer than [`MAX`].
pub fn json(line: &[u8]) -> Vec<u8> {
    if line.len() <= MAX {
        return line.to_vec();
    }
    let Ok(Value::Object(mut object)) = serde_json::from_slice(line) else {
        return text(line);
    };
    for most in CUTS {
        for value in object.values_mut() {
            if let Value::String(long) = value
                && long.len() > most
            {
                long.truncate(long.floor_char_boundary(most));
                long.push('…');
            }
        }
        if let Some(short) = written(&object) {
            return short;
        }
    }
    // Only what every line has; so many members come from no code of ours.
    object.retain(|name, _| {
        ["timestamp", "time", "level", "target", "message", "event", "logger"].contains(&name.as_str())
    });
    written(&object).unwrap_or_default()
}

/// A line of text, cut where it would be longer than [`MAX`].
pub fn text(line: &[u8]) -> Vec<u8> {
    if line.len() <= MAX {
        return line.to_vec();
    }
    let text = String::from_utf8_lossy(&line[..MAX]);
    let mut short = text[..text.floor_char_boundary(MAX - 8)].to_owned();
    short.push_str("…\n");
    short.into_bytes()
}

fn written(object: &Map<String, Value>) -> Option<Vec<u8>> {
    let mut line = serde_json::to_vec(object).ok()?;
    line.push(b'\n');
    (line.len() <= MAX).then_some(line)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
