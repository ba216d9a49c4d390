//! Reads tokens from an answer while it passes.

use super::events::Events;
use super::json::{Found, Scanner};
use super::reading::{Doubt, Reading, tokens_of};
use super::reported::{Reported, Tokens};
use crate::usage::Quality;

/// Looks at an answer while it passes and tells what it cost. Its state is a few hundred bytes, however large the answer
/// is and however it is split; equal bytes give equal readings.
#[derive(Debug, Clone)]
pub struct AnswerMeter {
    kind: Kind,
    shape: Shape,
    /// What the prompt is thought to have, for a model that does not say.
    prompt: u64,
    bytes: u64,
    scanner: Scanner,
    events: Events,
    tally: Tally,
}

/// What an answer is, by its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `application/json`, and types that end in `+json`.
    Json,
    /// `text/event-stream`.
    Events,
    /// Nothing that says more; the first byte tells.
    Unknown,
    /// Pictures, sound and films, which have no text, and answers with a status of failure, for which a model did not
    /// work: they cost what the model reports, and nothing where it does not.
    Unbilled,
}

/// What an answer is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// So many bytes of a byte order mark and white space have come.
    Blank,
    /// JSON, one text or several in a row.
    Json,
    /// Server-sent events.
    Events,
    /// Anything else.
    Opaque,
}

/// What was found in all texts or events of an answer.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    reported: Reported,
    /// Texts up to the last report.
    texts_reported: u64,
    texts: u64,
    text_bytes: u64,
    /// JSON texts that were read.
    objects: u64,
    known: bool,
    embeddings: bool,
    /// Bytes of events that ended and of which nothing is known: not that they are an answer, nor that they are none.
    strange: u64,
    /// JSON texts that say that something failed, and nothing else.
    errors: u64,
}

impl Kind {
    /// What the head of an answer says.
    pub fn of(status: http::StatusCode, content_type: Option<&[u8]>) -> Self {
        if !status.is_success() {
            return Self::Unbilled;
        }
        let full = content_type.unwrap_or_default();
        let essence = full.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
        let begins =
            |name: &str| essence.get(..name.len()).is_some_and(|b| b.eq_ignore_ascii_case(name.as_bytes()));
        let ends = |name: &str| {
            let from = essence.len().checked_sub(name.len());
            from.is_some_and(|from| essence[from..].eq_ignore_ascii_case(name.as_bytes()))
        };
        if is("text/event-stream") {
            Self::Events
        } else if is("application/json") || ends("+json") {
            Self::Json
        } else if begins("image/") || begins("audio/") || begins("video/") {
            Self::Unbilled
        } else {
            Self::Unknown
        }
    }
}

impl AnswerMeter {
    /// Begins with an answer whose prompt is thought to have `prompt` tokens
    /// ([`RequestReading::tokens_in`](super::RequestReading::tokens_in)).
    pub fn new(kind: Kind, prompt: u64) -> Self {
        Self {
            kind,
            shape: Shape::Blank,
            prompt,
            bytes: 0,
            scanner: Scanner::default(),
            events: Events::default(),
            tally: Tally::default(),
        }
    }

    /// Looks at the next part of the body, decoded. It may be split anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let mut rest = bytes;
        while self.shape == Shape::Blank {
            let Some((byte, behind)) = rest.split_first() else { return };
            self.shape = Shape::of(*byte, self.kind);
            if self.shape == Shape::Blank {
                rest = behind;
            }
        }
        match self.shape {
            Shape::Json => self.json(rest),
            Shape::Events => self.events(rest),
            Shape::Blank | Shape::Opaque => {}
        }
    }

    /// What the answer cost, as far as it came; more may come all the same.
    pub fn read(&self) -> Reading {
        let mut tally = self.tally;
        let mut scanner = self.scanner.clone();
        // An event counts once it has ended, or its data has; a JSON text counts as far as it came.
        if scanner.found().whole || self.shape == Shape::Json && scanner.has_begun() {
            tally.add(&scanner.take());
        }
        let (said, doubt) = tally.said();
        let reading = Reading {
            tokens_in: said.prompt,
            tokens_out: said.answer,
            tokens_cached: said.cached,
            tokens_reasoning: said.reasoning,
            doubt,
            began: self.bytes > 0,
            ..Reading::default()
        };
        let unbilled = self.kind == Kind::Unbilled || self.failed(&tally);
        if unbilled { reading } else { self.completed(&tally, reading) }
    }

    /// What the model said, with the gate's own count for what it did not.
    fn completed(&self, tally: &Tally, said: Reading) -> Reading {
        let (tokens_in, quality_in) = match said.tokens_in {
            Some(prompt) => (prompt, Quality::Reported),
            None => (self.prompt, Quality::Estimated),
        };
        let (tokens_out, quality_out) = tally.answer(said.tokens_out, self.own(tally));
        let (quality, doubt) = match (self.lies(), quality_out) {
            (true, _) => (Quality::Estimated, said.doubt.or(Some(Doubt::Type))),
            (false, Quality::Reported) => (quality_in, said.doubt),
            (false, _) => (quality_out, said.doubt),
        };
        let (tokens_in, tokens_out) = (Some(tokens_in), Some(tokens_out));
        Reading { tokens_in, tokens_out, quality, quality_in, doubt, ..said }
    }

    /// The gate's own count of the answer.
    fn own(&self, tally: &Tally) -> (u64, Quality) {
        match self.shape {
            Shape::Events if tally.known => (tally.texts, Quality::Counted),
            // Lines of JSON are a stream too.
            Shape::Json if tally.known && tally.objects > 1 => (tally.texts, Quality::Counted),
            Shape::Json if tally.known => (tokens_of(tally.text_bytes), Quality::Estimated),
            // There is nothing to count.
            Shape::Json if tally.embeddings => (0, Quality::Reported),
            // Comments and the mark of the end are no answer.
            Shape::Events => match tally.strange + self.open_event() {
                0 => (0, Quality::Counted),
                strange => (tokens_of(strange), Quality::Estimated),
            },
            Shape::Blank | Shape::Json | Shape::Opaque => (tokens_of(self.bytes), Quality::Estimated),
        }
    }

    /// Whether all that came says that something failed, whatever the status said.
    fn failed(&self, tally: &Tally) -> bool {
        let nothing_else = match self.shape {
            Shape::Events => tally.strange + self.open_event() == 0,
            Shape::Blank | Shape::Json | Shape::Opaque => tally.errors == tally.objects,
        };
        tally.errors > 0 && !tally.known && nothing_else
    }

    /// Bytes of the event that has not ended, of which nothing is known.
    fn open_event(&self) -> u64 {
        if self.scanner.found().is_error() { 0 } else { self.events.bytes() }
    }

    /// Whether the head said something else than what came.
    fn lies(&self) -> bool {
        match self.kind {
            Kind::Json => self.shape == Shape::Events,
            Kind::Events => self.shape == Shape::Json,
            Kind::Unknown | Kind::Unbilled => false,
        }
    }

    fn json(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let used = self.scanner.feed(bytes);
            bytes = &bytes[used..];
            if self.scanner.found().whole {
                self.tally.add(&self.scanner.take());
            }
        }
    }

    fn events(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let step = self.events.step(bytes, &mut self.scanner);
            bytes = &bytes[step.used..];
            if step.ended {
                let found = self.scanner.take();
                if found.whole {
                    self.tally.add(&found);
                }
                if !found.is_error() {
                    self.tally.strange += step.bytes;
                }
            }
        }
    }
}

impl Shape {
    fn of(byte: u8, kind: Kind) -> Self {
        match byte {
            // A byte order mark, in any order: nobody's answer begins with a part of one.
            b' ' | b'\t' | b'\r' | b'\n' | 0xEF | 0xBB | 0xBF => Self::Blank,
            b'{' | b'[' => Self::Json,
            // A field may have any name.
            _ if kind == Kind::Events => Self::Events,
            // `data`, `event`, `id`, `retry`, and comments.
            b'd' | b'e' | b'i' | b'r' | b':' => Self::Events,
            _ => Self::Opaque,
        }
    }
}

impl Tally {
    fn add(&mut self, found: &Found) {
        self.objects += 1;
        self.errors += u64::from(found.is_error());
        self.known |= found.known;
        self.embeddings |= found.embeddings;
        self.texts += found.texts;
        self.text_bytes += found.text_bytes;
        if !found.reported.is_empty() {
            self.reported.merge(&found.reported);
            self.texts_reported = self.texts;
        }
    }

    /// What the model said, if it can be true, and why not.
    fn said(&self) -> (Tokens, Option<Doubt>) {
        match self.reported.judge() {
            // Said behind the texts.
            Ok(Tokens { answer: Some(0), .. }) if self.texts > 0 && self.texts_reported == self.texts => {
                (Tokens::default(), Some(Doubt::Contradicting))
            }
            Ok(said) => (said, None),
            Err(doubt) => (Tokens::default(), Some(doubt)),
        }
    }

    /// Tokens of the answer: what the model said, if it said so after the last text; what was said before grows by what
    /// was counted since. `own` is the gate's count of the whole.
    fn answer(&self, said: Option<u64>, own: (u64, Quality)) -> (u64, Quality) {
        let since = self.texts - self.texts_reported;
        match said {
            None => own,
            Some(said) if since == 0 => (said, Quality::Reported),
            // Said ahead of the first text, as Anthropic does: of tokens that come with the texts.
            Some(said) if self.texts_reported == 0 => (said.max(self.texts), Quality::Counted),
            Some(said) => (said.saturating_add(since), Quality::Counted),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
