//! Takes out of a stream the usage that the gate asked for and the caller did not.

use std::ops::Range;

use super::events::Events;
use super::json::{Choices, Scanner};

/// Passes a stream of OpenAI's chat or completions on without its usage event: the one whose `choices` are an empty list
/// beside a `usage` that is an object.
///
/// Every other byte passes unchanged. That includes the `"usage": null` which some servers put into all other events when
/// they are asked for usage: a client that does not know it ignores it, and to take it out would be to edit each event.
/// Some servers also say things once, in the last event (llama-server its `timings`), and then they go with it.
///
/// Nothing waits but the beginning of an event that could still be the one, and that until its `choices` begin or it ends.
#[derive(Debug, Clone)]
pub struct UsageChunkFilter {
    events: Events,
    scanner: Scanner,
    /// The beginning of an event that could be the one, from parts that have passed.
    held: Vec<u8>,
    /// Whether the open event has been let go.
    let_go: bool,
    /// The one was taken out up to a carriage return; a line feed that follows belongs to it.
    line_feed: bool,
    taken: u64,
}

/// A piece of the filtered stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes of earlier parts, which were held.
    Held(&'a [u8]),
    /// This range of the part that is being filtered.
    Part(Range<usize>),
}

/// The most bytes that are held. No usage event is larger.
pub const HELD_MAX: usize = 16 * 1024;

impl Default for UsageChunkFilter {
    fn default() -> Self {
        Self {
            events: Events::default(),
            scanner: Scanner::until_choices(),
            held: Vec::new(),
            let_go: false,
            line_feed: false,
            taken: 0,
        }
    }
}

impl UsageChunkFilter {
    /// Filters the next part of the stream, split anywhere. Calls `emit` with the pieces that go on, in order; none of
    /// them is empty.
    pub fn feed(&mut self, part: &[u8], mut emit: impl FnMut(Piece<'_>)) {
        // What stands before `from` has been passed on, held or taken out; the open event begins at `event`.
        let (mut at, mut from, mut event) = (0, 0, 0);
        if self.events.wants_line_feed() && part.first() == Some(&b'\n') {
            event = 1;
            from = usize::from(self.line_feed);
        }
        self.line_feed = false;
        while at < part.len() {
            let step = self.events.step(&part[at..], &mut self.scanner);
            at += step.used;
            if !step.ended {
                break;
            }
            if self.is_usage() {
                pass(&mut emit, from..event);
                self.held.clear();
                self.taken += 1;
                from = at;
                self.line_feed = self.events.wants_line_feed();
            } else {
                self.release(&mut emit);
            }
            event = at;
            self.let_go = false;
            self.scanner.take();
        }
        let open = &part[event..];
        if self.may_be_usage() && self.held.len() + open.len() <= HELD_MAX {
            pass(&mut emit, from..event);
            self.held.extend_from_slice(open);
        } else {
            self.let_go |= self.events.is_open();
            self.release(&mut emit);
            pass(&mut emit, from..part.len());
        }
    }

    /// Ends the stream: what is held goes on, unless it is the usage event without the blank line behind it.
    pub fn finish(&mut self, mut emit: impl FnMut(Piece<'_>)) {
        if self.is_usage() {
            self.held.clear();
            self.taken += 1;
        }
        self.release(&mut emit);
    }

    /// How many events were taken out.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether the event, which has ended, is the one.
    fn is_usage(&self) -> bool {
        let found = self.scanner.found();
        !self.let_go && found.whole && found.usage && found.choices == Choices::Empty
    }

    /// Whether the open event could be the one.
    fn may_be_usage(&self) -> bool {
        self.events.is_open() && !self.let_go && !self.scanner.is_broken()
    }

    fn release(&mut self, emit: &mut impl FnMut(Piece<'_>)) {
        if !self.held.is_empty() {
            emit(Piece::Held(&self.held));
            self.held.clear();
        }
    }
}

fn pass(emit: &mut impl FnMut(Piece<'_>), range: Range<usize>) {
    if !range.is_empty() {
        emit(Piece::Part(range));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
