//! What a stream does when its file can no longer be trusted.

use super::{Health, Writer};
use crate::journal::SyncMode;
use crate::journal::lot::Mark;
use crate::journal::record::Kind;
use crate::journal::segment::HEAD;
use crate::journal::slots::Stage;

impl Writer {
    /// Gives up the segment: what of it counts is in memory, and goes to a new one.
    pub(super) fn fail(&mut self) {
        self.health = Health::Failing;
        let abandoned = self.current.take();
        let mut lot = self.shared.lot();
        lot.epoch += 1;
        lot.failing = true;
        lot.current = None;
        lot.retired.clear();
        lot.wants_spare = lot.spare.is_none();
        let acknowledged = lot.acknowledged;
        lot.everybody(&mut self.woken);
        drop(lot);
        if let Some(segment) = abandoned {
            self.process.shrink(&segment, self.used + self.pending());
        }
        let refused: Vec<usize> = self
            .slots
            .open()
            .filter(|(_, slot)| slot.stage == Stage::Waiting && slot.ticket > acknowledged)
            .map(|(index, _)| index)
            .collect();
        refused.into_iter().for_each(|index| self.withdraw(index));
    }

    /// Writes everything that counts to a new segment, where there is one.
    pub(super) fn repair(&mut self) {
        if self.health != Health::Failing {
            return;
        }
        let Some(spare) = self.shared.lot().spare.take() else { return };
        self.has_spare = false;
        let mut bytes = Vec::with_capacity(self.slots.intents + self.tail.bytes.len());
        let mut open: Vec<_> = self.slots.open().map(|(_, slot)| slot).collect();
        open.sort_unstable_by_key(|slot| slot.call);
        open.into_iter().for_each(|slot| bytes.extend_from_slice(&slot.record));
        bytes.extend_from_slice(&self.tail.bytes);
        let done = self.process.disk().write(&spare.file, &bytes);
        let mut lot = self.shared.lot();
        lot.wants_spare = true;
        if let Err(error) = done {
            drop(lot);
            // The next try is the thread's next turn.
            self.process.trouble("a write to a new segment of the journal failed", &error);
            return self.process.discard(&self.shared.directory, &spare);
        }
        self.used = HEAD + bytes.len();
        self.written = self.end();
        self.health = Health::Proving(self.written);
        lot.current = Some(spare.clone());
        lot.used = self.used;
        lot.written = Mark { offset: self.written, seq: self.head.seq };
        if self.process.sync() == SyncMode::Process {
            lot.acknowledge(self.written, &mut self.woken);
        }
        drop(lot);
        self.current = Some(spare);
        self.process.nudge();
    }

    pub(super) fn withdraw(&mut self, index: usize) {
        let call = self.slots.get(index).call;
        self.slots.end(index, Stage::Withdrawn);
        self.append(Kind::Withdrawn, |out| out.extend_from_slice(&call.to_be_bytes()));
    }
}
