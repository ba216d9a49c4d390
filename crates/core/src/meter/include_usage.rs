//! Asks for usage in a stream where the caller did not.
//!
//! Servers of OpenAI's interface count a streamed answer for those who ask: `"stream_options": {"include_usage": true}`.
//! The gate asks for everybody, with the smallest edit of the body that does, and takes the one event that comes of it out
//! of the answer again ([`UsageChunkFilter`](super::UsageChunkFilter)).

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::RequestReading;

/// A piece of a body that is replaced; every other byte stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// Where the piece begins.
    pub at: usize,
    /// How many bytes it has.
    pub remove: usize,
    /// What comes in its place.
    pub insert: &'static str,
}

/// What a streamed request says of usage, and what there is to edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Options {
    /// There is no `stream_options`.
    Absent,
    /// It is of a kind that the model will refuse.
    Odd,
    /// Usage is asked for.
    Asked,
    /// It is `null`, and stands there.
    Null { at: usize },
    /// It is an object without `include_usage`: where its first member would be, and whether it has others.
    Silent { at: usize, empty: bool },
    /// `include_usage` has another value, of so many bytes.
    Refused { at: usize, len: usize },
}

impl Edit {
    /// The edited body.
    pub fn apply(&self, body: &[u8]) -> Vec<u8> {
        let (before, rest) = body.split_at(self.at.min(body.len()));
        let after = rest.get(self.remove..).unwrap_or_default();
        [before, self.insert.as_bytes(), after].concat()
    }
}

/// Whether calls of this path of the upstream may be asked for usage: `…/chat/completions` and `…/completions`.
pub fn concerns(path: &str) -> bool {
    path == "/completions" || path.ends_with("/completions")
}

/// The edit that asks in the caller's stead. Absent where the answer is not streamed, where the caller asked, and on paths
/// that it does not [concern](concerns). Where it is made, the model must be kept from compressing its answer, and the
/// answer goes through a [`UsageChunkFilter`](super::UsageChunkFilter).
pub fn edit(reading: &RequestReading, path: &str) -> Option<Edit> {
    reading.ask.filter(|_| concerns(path))
}

/// The edit of a body that is an object.
pub(super) fn ask(body: &[u8], options: Options) -> Option<Edit> {
    let edit = |at, remove, insert| Some(Edit { at, remove, insert });
    match options {
        Options::Absent => {
            // It has at least `stream`, so that a member follows.
            let at = body.iter().position(|byte| *byte == b'{')? + 1;
            edit(at, 0, r#""stream_options":{"include_usage":true},"#)
        }
        Options::Asked | Options::Odd => None,
        Options::Null { at } => edit(at, "null".len(), r#"{"include_usage":true}"#),
        Options::Silent { at, empty: true } => edit(at, 0, r#""include_usage":true"#),
        Options::Silent { at, empty: false } => edit(at, 0, r#""include_usage":true,"#),
        Options::Refused { at, len } => edit(at, len, "true"),
    }
}

impl Options {
    /// Reads `stream_options`, which is a part of `body`. Nothing where it says `include_usage` twice.
    pub fn read<'b>(body: &'b [u8], options: &'b str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Fields<'b> {
            #[serde(borrow, default, deserialize_with = "present")]
            include_usage: Option<&'b RawValue>,
        }
        let at = offset(body, options);
        match options.as_bytes() {
            b"null" => return Some(Self::Null { at }),
            [b'{', ..] => {}
            _ => return Some(Self::Odd),
        }
        let fields: Fields<'_> = serde_json::from_str(options).ok()?;
        Some(match fields.include_usage.map(RawValue::get) {
            Some("true") => Self::Asked,
            Some(value) => Self::Refused { at: offset(body, value), len: value.len() },
            None => {
                let empty = options[1..].trim_ascii_start().starts_with('}');
                Self::Silent { at: at + 1, empty }
            }
        })
    }
}

/// What stands there, also where that is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// Where in the body a part of it begins.
fn offset(body: &[u8], part: &str) -> usize {
    part.as_ptr().addr() - body.as_ptr().addr()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
