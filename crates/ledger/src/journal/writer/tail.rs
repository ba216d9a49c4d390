//! The end of the log, in memory.

/// The end of the log that is not known to be on the disk.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) bytes: Vec<u8>,
    /// Where in the log they begin.
    pub(super) start: u64,
}

impl Tail {
    /// Forgets what is on the disk.
    pub(super) fn forget(&mut self, synced: u64) {
        let known = self.at(synced).min(self.bytes.len());
        if known > 0 {
            self.bytes.drain(..known);
            self.start += known as u64;
        }
    }

    /// Where in memory this offset of the log is.
    pub(super) fn at(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX)
    }
}
