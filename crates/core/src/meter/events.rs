//! Server-sent events (WHATWG HTML, "Server-sent events") that come in parts.

use memchr::memchr2;

use super::json::Scanner;

/// Follows the lines of a stream and hands the data of each event to a [`Scanner`], as it comes.
#[derive(Debug, Clone, Default)]
pub(super) struct Events {
    line: Line,
    /// The last byte was a carriage return: a line feed behind it belongs to it.
    after_return: bool,
    /// Whether the event has any line that is no comment.
    begun: bool,
    /// Whether the event has data.
    data: bool,
    /// Bytes of the event that may be an answer: its data, and lines that are nothing else either.
    bytes: u64,
    /// So many of the first ones are those of [`END`].
    end: usize,
}

/// Where in its line the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Line {
    /// At its beginning.
    #[default]
    Start,
    /// In the name of a field, of which so many bytes have come.
    Field(&'static [u8], usize),
    /// Behind the colon of data, where one space is nothing.
    Space,
    /// In the data.
    Data,
    /// In a line that does not matter; of a comment or of another field.
    Other,
    /// In a line that is none of a stream of events.
    Strange,
}

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Bytes taken.
    pub used: usize,
    /// Whether a blank line ended there, and the event with it. The scanner has its data, if any, and is to be emptied.
    pub ended: bool,
    /// Bytes of the event that ended that may be an answer.
    pub bytes: u64,
}

const DATA: &[u8] = b"data";
/// What a line may begin with, beside a comment's colon.
const FIELDS: [&[u8]; 4] = [DATA, b"event", b"id", b"retry"];
/// What OpenAI's streams end with.
const END: &[u8] = b"[DONE]";

impl Events {
    /// Reads on, up to the end of an event or of `bytes`.
    pub fn step(&mut self, bytes: &[u8], scanner: &mut Scanner) -> Step {
        let mut at = 0;
        while at < bytes.len() {
            if std::mem::take(&mut self.after_return) && bytes[at] == b'\n' {
                at += 1;
                continue;
            }
            let end = memchr2(b'\r', b'\n', &bytes[at..]).map(|end| at + end);
            self.part(&bytes[at..end.unwrap_or(bytes.len())], scanner);
            let Some(end) = end else { break };
            self.after_return = bytes[end] == b'\r';
            at = end + 1;
            if self.after_return && bytes.get(at) == Some(&b'\n') {
                self.after_return = false;
                at += 1;
            }
            if self.line_ends() {
                let bytes = self.bytes();
                (self.bytes, self.end) = (0, 0);
                return Step { used: at, ended: true, bytes };
            }
        }
        Step { used: bytes.len(), ended: false, bytes: 0 }
    }

    /// Whether an event is open: a line of it has begun that is no comment.
    pub fn is_open(&self) -> bool {
        self.begun
    }

    /// Bytes of the open event, or of the one that has just ended, that may be an answer.
    pub fn bytes(&self) -> u64 {
        if self.bytes == END.len() as u64 && self.end == END.len() { 0 } else { self.bytes }
    }

    /// Whether a line feed, if it comes next, belongs to the blank line that has ended already.
    pub fn wants_line_feed(&self) -> bool {
        self.after_return && !self.begun && self.line == Line::Start
    }

    /// A part of a line.
    fn part(&mut self, mut part: &[u8], scanner: &mut Scanner) {
        while let Some((&byte, rest)) = part.split_first() {
            self.line = match self.line {
                Line::Start if byte == b':' => Line::Other,
                Line::Start => {
                    self.begun = true;
                    // No two begin with the same letter.
                    let name = FIELDS.into_iter().find(|name| name.first() == Some(&byte));
                    match name {
                        Some(name) => Line::Field(name, 1),
                        None => {
                            self.strange(part.len());
                            return;
                        }
                    }
                }
                Line::Field(name, have) if have == name.len() && byte == b':' => {
                    if name == DATA {
                        self.data_line(scanner);
                        Line::Space
                    } else {
                        Line::Other
                    }
                }
                Line::Field(name, have) if name.get(have) == Some(&byte) => Line::Field(name, have + 1),
                Line::Other => return,
                Line::Field(_, have) => {
                    self.strange(have + part.len());
                    return;
                }
                Line::Strange => {
                    self.strange(part.len());
                    return;
                }
                Line::Space if byte == b' ' => Line::Data,
                Line::Space | Line::Data => {
                    self.line = Line::Data;
                    self.note(part);
                    data(part, scanner);
                    return;
                }
            };
            part = rest;
        }
    }

    /// Counts bytes of a line that is none of a stream of events.
    fn strange(&mut self, bytes: usize) {
        self.line = Line::Strange;
        self.bytes += bytes as u64;
    }

    /// Counts data, and compares the first of it.
    fn note(&mut self, part: &[u8]) {
        if self.bytes == self.end as u64 {
            let rest = END[self.end..].iter();
            self.end += rest.zip(part).take_while(|(wanted, byte)| wanted == byte).count();
        }
        self.bytes += part.len() as u64;
    }

    /// Several lines of data are one text, with line ends between them.
    fn data_line(&mut self, scanner: &mut Scanner) {
        if std::mem::replace(&mut self.data, true) {
            data(b"\n", scanner);
        }
    }

    /// Whether the line is blank.
    fn line_ends(&mut self) -> bool {
        let blank = std::mem::take(&mut self.line) == Line::Start;
        if blank {
            (self.begun, self.data) = (false, false);
        }
        blank
    }
}

/// Data behind the end of a JSON text is left alone: an event has one.
fn data(data: &[u8], scanner: &mut Scanner) {
    if !scanner.found().whole {
        scanner.feed(data);
    }
}

#[cfg(test)]
mod tests;
