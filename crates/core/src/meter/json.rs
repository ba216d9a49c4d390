//! Looks through JSON that comes in parts, without keeping it.

use memchr::memchr2;

use super::grammar::Place;
use super::reported::{Member, Reported};

mod bytes;
mod found;

pub(super) use bytes::levels;
pub(super) use found::{Choices, Found};

use bytes::{is_word, marks, number, rest_of_text};

/// Containers on the way to a place of the [grammar](super::grammar).
const FRAMES: usize = 12;
/// Bytes of a name or number that are kept; the longest of the grammar has 27.
const WORD: usize = 40;

/// Reads JSON texts as they come, split anywhere, and notes what the [grammar](super::grammar) names. What cannot be JSON
/// is given up; what does not matter is skipped and not even looked at for its form.
#[derive(Debug, Clone)]
pub(super) struct Scanner {
    state: State,
    until_choices: bool,
    frames: [Frame; FRAMES],
    depth: usize,
    /// Brackets that are open within a value that does not matter.
    skipped: u64,
    /// Where the next value stands, or the one that is being read.
    place: Place,
    word: [u8; WORD],
    word_len: usize,
    /// Whether the choice, or an event without choices, has a text already: a piece of the answer may be said in more
    /// than one way at once (`reasoning` and `reasoning_content`), and counts once.
    counted: bool,
    found: Found,
    /// Numbers of an object that has not ended.
    draft: Reported,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A value must come.
    Value,
    /// A value or the end of a list that has just begun.
    FirstItem,
    /// A name, or the end of an object that has just begun.
    FirstName,
    /// A name must come.
    Name,
    /// The colon behind a name.
    Colon,
    /// A comma or an end.
    After,
    /// Within a name, which may have had an escape.
    InName { odd: bool },
    /// Behind a backslash in a name.
    EscapeInName,
    /// Within a text.
    InText { escaped: bool },
    /// Within a number or a literal.
    InWord,
    /// Within a value that does not matter.
    Skip,
    /// Within a text of it.
    SkipText { escaped: bool },
    /// It is no JSON, or need not be read; nothing more is.
    Broken,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    place: Place,
    list: bool,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            state: State::Value,
            until_choices: false,
            frames: [Frame { place: Place::Skip, list: false }; FRAMES],
            depth: 0,
            skipped: 0,
            place: Place::Root,
            word: [0; WORD],
            word_len: 0,
            counted: false,
            found: Found::default(),
            draft: Reported::default(),
        }
    }
}

impl Scanner {
    /// Reads on, up to the end of a JSON text or of `bytes`. Returns how many bytes it took: fewer than all only where a
    /// text has ended, which [`Self::take`] then hands over.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            at += self.step(&bytes[at..]);
            if self.found.whole {
                break;
            }
        }
        at
    }

    /// What was found, whether the text is whole or not. A new text may begin.
    pub fn take(&mut self) -> Found {
        let found = self.found;
        // The rest needs no clearing: it is only read behind what has been written.
        (self.state, self.depth, self.place) = (State::Value, 0, Place::Root);
        (self.found, self.draft, self.counted) = (Found::default(), Reported::default(), false);
        found
    }

    /// What was found so far.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// One that reads a text no further than its `choices`, where they hold anything: for those who look for an event
    /// without.
    pub fn until_choices() -> Self {
        Self { until_choices: true, ..Self::default() }
    }

    /// Whether it is no JSON, or is read no further.
    pub fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Whether anything but white space has come.
    pub fn has_begun(&self) -> bool {
        self.state != State::Value || self.depth != 0
    }

    /// Takes some of `bytes`, which are not empty, or none and goes on to another state.
    fn step(&mut self, bytes: &[u8]) -> usize {
        let byte = bytes[0];
        match self.state {
            State::InText { escaped } => self.text(bytes, escaped),
            State::Skip => self.skip(bytes),
            State::SkipText { escaped } => {
                let (used, next) = rest_of_text(bytes, escaped);
                self.state = match next {
                    Some(escaped) => State::SkipText { escaped },
                    None if self.skipped == 0 => State::After,
                    None => State::Skip,
                };
                used
            }
            State::InName { odd } => self.name(bytes, odd),
            State::EscapeInName => {
                self.state = State::InName { odd: true };
                1
            }
            State::InWord => {
                let run = bytes.iter().take_while(|byte| is_word(**byte)).count();
                self.keep(&bytes[..run]);
                if run < bytes.len() {
                    self.word_ends();
                }
                run
            }
            State::Broken => bytes.len(),
            State::Value
            | State::FirstItem
            | State::FirstName
            | State::Name
            | State::Colon
            | State::After => {
                if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                    self.mark(byte);
                }
                1
            }
        }
    }

    /// A byte that begins or ends something.
    fn mark(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (State::FirstItem, b']') | (State::FirstName, b'}') | (State::After, b']' | b'}') => {
                return self.close(byte);
            }
            (State::Value | State::FirstItem, _) => return self.value(byte),
            (State::FirstName | State::Name, b'"') => {
                self.word_len = 0;
                State::InName { odd: false }
            }
            (State::Colon, b':') => State::Value,
            (State::After, b',') if self.depth > 0 && self.top().list => {
                self.place = self.top().place.item();
                State::Value
            }
            (State::After, b',') if self.depth > 0 => State::Name,
            _ => State::Broken,
        };
    }

    fn value(&mut self, byte: u8) {
        // Choices that hold anything are those of an answer, whatever it is.
        if self.depth > 0 && self.top().place == Place::Choices {
            self.found.choices = Choices::Filled;
            if self.until_choices {
                self.state = State::Broken;
                return;
            }
        }
        match byte {
            b'{' | b'[' => self.open(byte == b'['),
            b'"' => {
                self.wrong_kind();
                self.found.known |= self.place.is_text();
                self.found.error |= self.place == Place::Error;
                self.skipped = 0;
                self.state = if self.place.is_text() {
                    State::InText { escaped: false }
                } else {
                    State::SkipText { escaped: false }
                };
            }
            _ if is_word(byte) => {
                self.word_len = 0;
                self.keep(&[byte]);
                self.state = State::InWord;
            }
            _ => self.state = State::Broken,
        }
    }

    fn open(&mut self, list: bool) {
        let place = self.place;
        if list || matches!(place, Place::Number(_)) {
            self.wrong_kind();
        }
        match (place, list) {
            (Place::Choices, true) => self.found.choices = Choices::Empty,
            (Place::Choices, false) => self.found.choices = Choices::Filled,
            (Place::Choice, false) => self.counted = false,
            (Place::Usage, false) => self.found.usage = true,
            (Place::Embedding, true) => self.found.embeddings = true,
            (Place::Error, false) => self.found.error = true,
            _ => {}
        }
        self.found.known |= place.is_known_by(list);
        let inner = if list { place.item() } else { place };
        // The outermost value is never skipped, so that its end is noticed.
        if self.depth > 0 && inner == Place::Skip || self.depth == FRAMES {
            (self.state, self.skipped) = (State::Skip, 1);
            return;
        }
        self.frames[self.depth] = Frame { place, list };
        self.depth += 1;
        self.place = inner;
        self.state = if list { State::FirstItem } else { State::FirstName };
    }

    fn close(&mut self, byte: u8) {
        if self.depth == 0 || self.top().list != (byte == b']') {
            self.state = State::Broken;
            return;
        }
        let place = self.top().place;
        self.depth -= 1;
        if matches!(place, Place::Usage | Place::Timings | Place::Root) && !self.draft.is_empty() {
            let draft = std::mem::take(&mut self.draft);
            self.found.reported.merge(&draft);
        }
        self.state = State::After;
        self.found.whole = self.depth == 0;
    }

    fn top(&self) -> Frame {
        // Asked only where a container is open.
        self.frames[self.depth.saturating_sub(1)]
    }

    /// Notes a value that is not of the kind that its place has.
    fn wrong_kind(&mut self) {
        if matches!(self.place, Place::Number(_) | Place::Usage) {
            self.draft.spoil();
        }
    }

    fn name(&mut self, bytes: &[u8], odd: bool) -> usize {
        let end = memchr2(b'"', b'\\', bytes);
        let (kept, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        let whole = self.word_len == 0 && rest.first() == Some(&b'"');
        if !whole {
            self.keep(kept);
        }
        self.state = match rest.first() {
            None => State::InName { odd },
            Some(b'"') => {
                // Names of the grammar are short and have no escapes.
                let name = if whole { Some(kept) } else { self.word.get(..self.word_len) };
                let name = name.filter(|_| !odd);
                self.place = name.map_or(Place::Skip, |name| self.top().place.member(name));
                State::Colon
            }
            Some(_) => State::EscapeInName,
        };
        kept.len() + usize::from(!rest.is_empty())
    }

    /// Keeps a part of a word; one that is too long has a length that says so.
    fn keep(&mut self, part: &[u8]) {
        let len = self.word_len + part.len();
        match self.word.get_mut(self.word_len..len) {
            Some(place) => {
                place.copy_from_slice(part);
                self.word_len = len;
            }
            None => self.word_len = WORD + 1,
        }
    }

    fn text(&mut self, bytes: &[u8], escaped: bool) -> usize {
        let (used, next) = rest_of_text(bytes, escaped);
        let written = used - usize::from(next.is_none());
        if written > 0 && !std::mem::replace(&mut self.counted, true) {
            self.found.texts += 1;
        }
        self.found.text_bytes += written as u64;
        self.state = next.map_or(State::After, |escaped| State::InText { escaped });
        used
    }

    fn word_ends(&mut self) {
        self.state = State::After;
        let word = self.word.get(..self.word_len);
        match (self.place, word) {
            (_, Some(b"null")) => {}
            (Place::Number(member), Some(word)) => self.number(member, number(word)),
            (Place::Number(member), None) => self.number(member, None),
            _ => self.wrong_kind(),
        }
        // A word that is all of the text ends nowhere; nobody answers so.
        if self.depth == 0 {
            self.state = State::Broken;
        }
    }

    fn number(&mut self, member: Member, number: Option<u64>) {
        match number {
            Some(number) => self.draft.put(member, number),
            None => self.draft.spoil(),
        }
    }

    /// Reads over a value that does not matter, up to its end or to a text in it.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        for (index, byte) in marks(bytes) {
            match byte {
                b'"' => {
                    self.state = State::SkipText { escaped: false };
                    return index + 1;
                }
                b'{' | b'[' => self.skipped += 1,
                _ => self.skipped -= 1,
            }
            if self.skipped == 0 {
                self.state = State::After;
                return index + 1;
            }
        }
        bytes.len()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
