//! What one stream writes, and what it does when the disk fails.
//!
//! Records go to a buffer, and by [`Writer::flush`] to the segment in one call. They stay in memory until a sync has put
//! them on the disk: with them and with the intents of open calls everything that a segment had can be written anew
//! elsewhere. So one bound holds at all times, and [`Writer::fits`] keeps it: what is not synced yet, the intents of
//! open calls and the room for their outcomes fit one segment together. A stream that lost its file needs one new one,
//! and no call that was let in can lack room for its end.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tollgate_core::credential::Digest;
use tollgate_core::usage::{Closing, Intent, MAX_INTENT, Outcome, UsageEvent};

use super::lot::{Mark, Shared};
use super::process::Process;
use super::record::{self, Kind, MAX_RECORD};
use super::segment::{HEAD, Segment};
use super::slots::{Slots, Stage};
use super::{SyncMode, Unavailable};
use crate::chain::Head;

use tail::Tail;

mod carry;
mod failure;
mod tail;

/// A seal follows so many events at the latest,
const EVENTS_PER_SEAL: u64 = 1000;
/// and so long after one.
const TIME_PER_SEAL: Duration = Duration::from_secs(10);
/// Kept free in each segment: what does not fit at its end, the last seal, and the record that ends a stream.
const SLACK: usize = MAX_RECORD + 2 * record::SEAL;
/// Bytes in front of the intent in its record.
const BEFORE_INTENT: usize = record::intent_len(0);

/// The writing side of a stream.
#[derive(Debug)]
pub(crate) struct Writer {
    process: Arc<Process>,
    shared: Arc<Shared>,
    health: Health,
    current: Option<Segment>,
    /// Bytes used of the segment, its head included.
    used: usize,
    tail: Tail,
    /// How far the log is in files.
    written: u64,
    slots: Slots,
    calls: u64,
    head: Head,
    sealed: u64,
    sealed_at: Duration,
    has_spare: bool,
    flusher: Option<Waker>,
    /// Whoever is to be woken, once nobody holds the writer.
    pub(crate) woken: Vec<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Healthy,
    /// There is no file that can be trusted.
    Failing,
    /// All that counts is in a new file; calls are taken again when it is on the disk up to here.
    Proving(u64),
}

impl Writer {
    pub(crate) fn new(process: Arc<Process>, shared: Arc<Shared>, first: Option<Segment>) -> Self {
        Self {
            process,
            shared,
            health: if first.is_some() { Health::Healthy } else { Health::Failing },
            current: first,
            used: HEAD,
            tail: Tail::default(),
            written: 0,
            slots: Slots::default(),
            calls: 0,
            head: Head::default(),
            sealed: 0,
            sealed_at: Duration::ZERO,
            has_spare: false,
            flusher: None,
            woken: Vec::new(),
        }
    }

    /// Whether a call would be taken down now.
    pub(crate) fn takes(&mut self) -> bool {
        self.look();
        self.health == Health::Healthy
            && self.fits(record::intent_len(MAX_INTENT) + record::outcome_len(MAX_INTENT))
    }

    /// Appends an intent where its outcome fits, too; answers its slot.
    pub(crate) fn open<T: AsRef<str>>(&mut self, intent: &Intent<T>) -> Result<usize, Unavailable> {
        self.look();
        if self.health != Health::Healthy {
            return Err(self.refusal(Unavailable::Failing));
        }
        let call = self.calls + 1;
        let index = self.slots.take(call);
        let slot = self.slots.get_mut(index);
        record::append(&mut slot.record, Kind::Intent, |out| {
            out.extend_from_slice(&call.to_be_bytes());
            intent.encode(out);
        });
        let length = slot.record.len();
        let outcome = record::outcome_len(length - BEFORE_INTENT);
        if !self.fits(length + outcome) {
            self.slots.give_back(index);
            self.process.nudge();
            return Err(self.refusal(Unavailable::Behind));
        }
        self.calls = call;
        let start = self.tail.bytes.len();
        self.tail.bytes.extend_from_slice(&self.slots.get(index).record);
        let segment = self.current.as_ref().map_or(0, |current| current.number);
        self.slots.begin(index, self.end(), segment, outcome);
        self.place(start);
        Ok(index)
    }

    /// Whether the call in this slot may be made: nothing yet, yes, or no and the slot is free again.
    pub(crate) fn poll_open(&mut self, index: usize, cx: &Context<'_>) -> Poll<Result<(), Unavailable>> {
        self.look();
        let slot = self.slots.get_mut(index);
        if slot.stage == Stage::Withdrawn {
            self.slots.give_back(index);
            return Poll::Ready(Err(self.refusal(Unavailable::Failing)));
        }
        let mut lot = self.shared.lot();
        if lot.acknowledged >= slot.ticket {
            slot.stage = Stage::Open;
            return Poll::Ready(Ok(()));
        }
        lot.wait(slot.ticket, cx.waker());
        Poll::Pending
    }

    /// Takes back a call of which nothing was sent.
    pub(crate) fn abandon(&mut self, index: usize) {
        if self.slots.get(index).stage == Stage::Waiting {
            self.withdraw(index);
        }
        self.slots.give_back(index);
    }

    /// Notes how far a call has come, where there is room for that.
    pub(crate) fn progress(&mut self, index: usize, closing: &Closing) {
        self.slots.get_mut(index).progress = Some(*closing);
        if self.fits(MAX_RECORD) {
            self.append_progress(index, closing);
        }
    }

    /// Appends the event of a call; answers how far the log must be acknowledged for it to hold.
    pub(crate) fn close(&mut self, index: usize, closing: &Closing) -> u64 {
        let call = self.slots.get(index).call;
        self.slots.end(index, Stage::Free);
        let next = self.head.seq + 1;
        let (stream, before) = (self.shared.id, self.head.hash);
        let mut hash = before;
        let intent = &self.slots.get(index).record[BEFORE_INTENT..];
        let start = record::append(&mut self.tail.bytes, Kind::Event, |out| {
            out.extend_from_slice(&call.to_be_bytes());
            // The hash before is where the hash of the event will be, so that what is hashed lies in one piece.
            let linked = out.len();
            out.extend_from_slice(&before);
            UsageEvent::encode_head(stream, next, out);
            out.extend_from_slice(intent);
            closing.encode(out);
            hash = Digest::of(&out[linked..]).0;
            out[linked..linked + hash.len()].copy_from_slice(&hash);
        });
        self.slots.give_back(index);
        self.place(start);
        self.head = Head { seq: next, hash };
        let ticket = self.end();
        if next - self.sealed >= EVENTS_PER_SEAL {
            self.seal();
        }
        ticket
    }

    /// Ends a call whose end nobody told.
    pub(crate) fn lose(&mut self, index: usize) {
        let known = self.slots.get(index).progress.unwrap_or(Closing::unknown(Outcome::Cancelled));
        self.close(index, &Closing { outcome: Outcome::Cancelled, ..known });
    }

    /// Whether the log is acknowledged up to here.
    pub(crate) fn poll_acknowledged(&mut self, ticket: u64, cx: &Context<'_>) -> Poll<()> {
        self.look();
        let mut lot = self.shared.lot();
        if lot.acknowledged >= ticket {
            return Poll::Ready(());
        }
        lot.wait(ticket, cx.waker());
        Poll::Pending
    }

    /// Whether there is something to flush, and somewhere to flush it to.
    pub(crate) fn poll_due(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.current.is_some() && self.written < self.end() {
            return Poll::Ready(());
        }
        self.flusher = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Writes everything that was appended, in one call.
    pub(crate) fn flush(&mut self) {
        self.look();
        if self.current.is_some() && self.written < self.end() {
            self.write(self.tail.bytes.len());
            // Where there is a spare, the next try need not wait.
            self.repair();
        }
    }

    /// What is to be done from time to time.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.look();
        if self.head.seq > self.sealed && now.saturating_sub(self.sealed_at) >= TIME_PER_SEAL {
            self.sealed_at = now;
            self.seal();
        }
        self.carry();
        self.flush();
    }

    /// Takes back an empty list of whom to wake, for its room.
    pub(crate) fn reuse(&mut self, woken: Vec<Waker>) {
        if self.woken.is_empty() {
            self.woken = woken;
        }
    }

    /// Looks at what the journal's thread has done since.
    fn look(&mut self) {
        let mut lot = self.shared.lot();
        self.has_spare = lot.spare.is_some();
        let distrusted = std::mem::take(&mut lot.distrusted);
        let synced = lot.synced.offset;
        if matches!(self.health, Health::Proving(until) if synced >= until) {
            self.health = Health::Healthy;
            lot.failing = false;
        }
        drop(lot);
        self.tail.forget(synced);
        if distrusted {
            self.fail();
        }
        self.repair();
    }

    /// Whether so much more can be written without taking the room of an outcome.
    fn fits(&self, more: usize) -> bool {
        let kept = self.slots.reserved + more;
        let capacity = self.process.segment_bytes() - HEAD - SLACK;
        let anew = self.tail.bytes.len() + self.slots.intents + kept;
        // A tail of this size is synced ahead of time.
        if self.tail.bytes.len() > capacity / 4 {
            self.process.nudge();
        }
        anew <= capacity
            && (self.has_spare || self.used + self.pending() + kept + SLACK <= self.process.segment_bytes())
    }

    fn append_progress(&mut self, index: usize, closing: &Closing) {
        let call = self.slots.get(index).call;
        self.append(Kind::Progress, |out| {
            out.extend_from_slice(&call.to_be_bytes());
            closing.encode(out);
        });
    }

    fn append(&mut self, kind: Kind, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = record::append(&mut self.tail.bytes, kind, fill);
        self.place(start);
    }

    /// Goes on to the next segment where the newest record, which begins at `start`, does not fit this one.
    fn place(&mut self, start: usize) {
        if self.current.as_ref().is_some_and(|current| self.used + self.pending() > current.size) {
            self.roll(start);
        }
        self.woken.extend(self.flusher.take());
    }

    fn roll(&mut self, start: usize) {
        self.write(start);
        let Some(full) = self.current.take() else { return };
        let mut lot = self.shared.lot();
        let Some(next) = lot.spare.take() else {
            drop(lot);
            return self.fail();
        };
        lot.retired.push(full.file);
        lot.current = Some(next.clone());
        lot.used = HEAD;
        lot.wants_spare = true;
        drop(lot);
        self.has_spare = false;
        self.current = Some(next);
        self.used = HEAD;
        self.process.nudge();
    }

    /// Writes what was appended, up to this place of the tail.
    fn write(&mut self, upto: usize) {
        let Some(current) = &self.current else { return };
        let bytes = &self.tail.bytes[self.tail.at(self.written)..upto];
        if bytes.is_empty() {
            return;
        }
        self.shared.lot().writing_since = Some(Instant::now());
        let done = self.process.disk().write(&current.file, bytes);
        let mut lot = self.shared.lot();
        lot.writing_since = None;
        match done {
            Ok(()) => {
                self.used += bytes.len();
                self.written += bytes.len() as u64;
                lot.used = self.used;
                lot.written = Mark { offset: self.written, seq: self.head.seq };
                match self.process.sync() {
                    SyncMode::Process => lot.acknowledge(self.written, &mut self.woken),
                    SyncMode::Always => self.process.nudge(),
                }
            }
            Err(error) => {
                drop(lot);
                self.process.trouble("a write to the journal failed", &error);
                self.fail();
            }
        }
    }

    fn seal(&mut self) {
        if self.fits(record::SEAL) {
            self.put_seal();
        }
    }

    fn put_seal(&mut self) {
        let seal = self.process.seal_key().seal(self.shared.id, self.head);
        self.sealed = self.head.seq;
        self.append(Kind::Seal, |out| record::put_seal(&seal, out));
    }

    fn refusal(&self, otherwise: Unavailable) -> Unavailable {
        if self.process.is_full() { Unavailable::Full } else { otherwise }
    }

    /// Bytes that were appended and not written.
    fn pending(&self) -> usize {
        self.tail.bytes.len() - self.tail.at(self.written)
    }

    /// The end of the log.
    fn end(&self) -> u64 {
        self.tail.start + self.tail.bytes.len() as u64
    }
}

impl Drop for Writer {
    /// The end of a stream: nobody has a call open any more.
    fn drop(&mut self) {
        self.look();
        if self.health == Health::Healthy {
            if self.head.seq > self.sealed {
                self.put_seal();
            }
            self.append(Kind::End, |_| {});
        }
        self.flush();
        let mut lot = self.shared.lot();
        lot.ended = true;
        lot.needed = u32::MAX;
        lot.everybody(&mut self.woken);
        drop(lot);
        self.woken.drain(..).for_each(Waker::wake);
        self.process.nudge();
    }
}
