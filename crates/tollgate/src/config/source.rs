//! The text of a configuration file, and places in it.

use std::path::{Path, PathBuf};

use super::file::redact;
use super::problem::Finding;

/// A configuration is written by people; what is larger is some other file.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The text of a configuration file.
#[derive(Clone)]
pub struct Source {
    /// How problems name the file.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Where relative paths in it start.
    pub base: PathBuf,
}

impl Source {
    /// A text that problems call `name`; relative paths in it start at `base`.
    pub fn new(name: impl Into<String>, text: impl Into<String>, base: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), text: text.into(), base: base.into() }
    }

    /// Reads a file; relative paths in it start at its directory.
    pub(super) fn read(path: &Path) -> Result<Self, Box<(Sheet, Finding)>> {
        use std::io::Read;
        let name = path.display().to_string();
        let refuse = |text: String, finding| Err(Box::new((Sheet::new(name.clone(), text), finding)));
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path);
        if let Err(error) = file.and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)) {
            return refuse(String::new(), Finding::whole(format!("the file cannot be read: {error}")));
        }
        if bytes.len() as u64 > MAX_BYTES {
            let finding = Finding::whole("the file is larger than 16 MiB").hint("is this the configuration?");
            return refuse(String::new(), finding);
        }
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text, base }),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let finding = Finding::at(Span { start: at, end: at }, "the file is not UTF-8 text");
                refuse(
                    redact::lines(&String::from_utf8_lossy(error.as_bytes())),
                    finding.hint("save it as UTF-8"),
                )
            }
        }
    }
}

impl std::fmt::Debug for Source {
    /// The text may hold inline secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.name)
    }
}

/// A range of bytes in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    /// Whether `other` lies within this range.
    pub fn covers(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// A text as problems show it: named, with its inline secrets masked.
pub(super) struct Sheet {
    name: String,
    text: String,
    /// Offset of the first byte of each line.
    lines: Vec<usize>,
}

impl Sheet {
    /// `text` must be free of secrets.
    pub fn new(name: String, text: String) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(after_breaks).collect();
        Self { name, text, lines }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of an offset, counted from 1, the column in characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_of(offset);
        let before = self.text.as_bytes().get(self.lines[line]..offset).unwrap_or_default();
        // Continuation bytes of UTF-8 belong to a character that was counted.
        let column = before.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        (line + 1, column + 1)
    }

    /// Bytes of the line at an offset and of its neighbours.
    pub fn bytes_around(&self, offset: usize) -> usize {
        let line = self.line_of(offset);
        let start = self.lines[line.saturating_sub(1)];
        let end = self.lines.get(line + 2).copied().unwrap_or(self.text.len());
        end - start
    }

    /// The part of a range that lies on its first line; carets under whole blocks would tell nothing.
    pub fn first_line_of(&self, span: Span) -> Span {
        let start = span.start.min(self.text.len());
        let line_end = self.text.as_bytes()[start..].iter().position(|&byte| byte == b'\n');
        let line_end = line_end.map_or(self.text.len(), |length| start + length);
        Span { start, end: span.end.clamp(start, line_end) }
    }

    fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|&start| start <= offset) - 1
    }
}
