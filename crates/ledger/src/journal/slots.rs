//! The calls of a stream that are open.

use tollgate_core::usage::Closing;

/// All open calls. Room is used again, so that a call takes none of its own in the long run.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    all: Vec<Slot>,
    free: Vec<usize>,
    /// Bytes of the records of open intents.
    pub(crate) intents: usize,
    /// Bytes that are kept free for what open calls will still write.
    pub(crate) reserved: usize,
}

/// One open call.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Its number in the stream, from 1, without gaps.
    pub(crate) call: u64,
    /// The record of its intent, to be written anew where a file can no longer be trusted.
    pub(crate) record: Vec<u8>,
    /// How far the log must be acknowledged for the intent to hold.
    pub(crate) ticket: u64,
    /// Where it stands.
    pub(crate) stage: Stage,
    /// What was last told of it.
    pub(crate) progress: Option<Closing>,
    /// Its intent is on the disk, or will be with the next sync, in this segment or a later one.
    pub(crate) segment: u32,
    /// Its intent was written again: how far the log must be synced for that to hold, and the segment then.
    pub(crate) again: Option<(u64, u32)>,
    reserved: usize,
}

/// Where an open call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nobody uses the slot.
    Free,
    /// Its intent is not acknowledged yet: nothing may be sent.
    Waiting,
    /// Its intent could not be written: it is not made.
    Withdrawn,
    /// It may be under way.
    Open,
}

impl Slots {
    /// A slot for a call with this number; its record is empty.
    pub(crate) fn take(&mut self, call: u64) -> usize {
        let index = self.free.pop().unwrap_or_else(|| {
            self.all.push(Slot {
                call,
                record: Vec::new(),
                ticket: 0,
                stage: Stage::Free,
                progress: None,
                segment: 0,
                again: None,
                reserved: 0,
            });
            self.all.len() - 1
        });
        let slot = &mut self.all[index];
        slot.call = call;
        slot.record.clear();
        slot.progress = None;
        slot.again = None;
        slot.stage = Stage::Free;
        index
    }

    /// Counts the call as open from here on, with its intent in this segment or a later one and this much room for its
    /// outcome.
    pub(crate) fn begin(&mut self, index: usize, ticket: u64, segment: u32, outcome: usize) {
        let slot = &mut self.all[index];
        slot.stage = Stage::Waiting;
        slot.ticket = ticket;
        slot.segment = segment;
        slot.reserved = outcome;
        self.intents += slot.record.len();
        self.reserved += outcome;
    }

    /// The call wrote its last record. Its slot stays until [`Slots::give_back`].
    pub(crate) fn end(&mut self, index: usize, stage: Stage) {
        let slot = &mut self.all[index];
        slot.stage = stage;
        self.intents -= slot.record.len();
        self.reserved -= std::mem::take(&mut slot.reserved);
    }

    /// The slot may be used again.
    pub(crate) fn give_back(&mut self, index: usize) {
        self.all[index].stage = Stage::Free;
        self.free.push(index);
    }

    pub(crate) fn get(&self, index: usize) -> &Slot {
        &self.all[index]
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> &mut Slot {
        &mut self.all[index]
    }

    /// Every call that has still to write its last record.
    pub(crate) fn open(&self) -> impl Iterator<Item = (usize, &Slot)> {
        self.all.iter().enumerate().filter(|(_, slot)| matches!(slot.stage, Stage::Waiting | Stage::Open))
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}
