//! Long calls and the segments that have their intents.
//!
//! A segment stays for as long as it has the only intent of a call that is open. So that one call that lasts for days does
//! not keep all that was written since, its intent is written again when it has fallen far behind.

use super::Writer;
use crate::journal::record::MAX_RECORD;
use crate::journal::slots::Stage;

/// An intent that lies so many segments back is written again.
const BEHIND: u32 = 4;

impl Writer {
    /// Writes the intents of long calls again, and notes which segments are needed for the calls that are open.
    pub(super) fn carry(&mut self) {
        let Some(newest) = self.current.as_ref().map(|current| current.number) else { return };
        let synced = self.shared.lot().synced.offset;
        let mut needed = newest;
        for index in 0..self.slots.len() {
            let slot = self.slots.get_mut(index);
            if !matches!(slot.stage, Stage::Waiting | Stage::Open) {
                continue;
            }
            if let Some((_, segment)) = slot.again.take_if(|(offset, _)| *offset <= synced) {
                slot.segment = segment;
            }
            let behind = slot.segment + BEHIND <= newest && slot.again.is_none();
            needed = needed.min(slot.segment);
            if behind && slot.stage == Stage::Open {
                self.write_again(index, newest);
            }
        }
        self.shared.lot().needed = needed;
    }

    /// Writes a call's intent, and how far it had come, where there is room for that.
    fn write_again(&mut self, index: usize, segment: u32) {
        let slot = self.slots.get(index);
        if !self.fits(slot.record.len() + MAX_RECORD) {
            return;
        }
        let start = self.tail.bytes.len();
        self.tail.bytes.extend_from_slice(&self.slots.get(index).record);
        self.place(start);
        if let Some(closing) = self.slots.get(index).progress {
            self.append_progress(index, &closing);
        }
        self.slots.get_mut(index).again = Some((self.end(), segment));
    }
}
