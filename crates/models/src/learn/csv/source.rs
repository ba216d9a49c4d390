//! The text of a table on its way to the parser: one row is bounded, and behind the last one stands a mark. Whoever reads
//! the mark as a row of its own has closed every quote.

use std::io::{self, Read};

/// The most bytes of one row.
const ROW_MAX: u64 = 64 * 1024 * 1024;
/// What stands behind the last byte.
const END: &[u8] = b"\n\x04\n";
/// The cell that the mark is.
const MARK: &[u8] = b"\x04";

/// A text with bounded rows.
pub(super) struct Source<R> {
    inner: R,
    /// Bytes that the text has given.
    given: u64,
    /// Bytes that it may give before the next row.
    left: u64,
    /// What is left of the mark; absent before the text has ended.
    end: Option<&'static [u8]>,
}

impl<R> Source<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, given: 0, left: ROW_MAX, end: None }
    }

    /// Lets the next row come.
    pub fn next_row(&mut self) {
        self.left = ROW_MAX;
    }

    /// Whether a row that ends before `position` has read the mark.
    pub fn is_past(&self, position: u64) -> bool {
        self.end.is_some() && position > self.given + 1
    }
}

/// Whether a row that has read the mark is nothing else.
pub(super) fn is_mark<'a>(mut cells: impl Iterator<Item = &'a [u8]>) -> bool {
    cells.next() == Some(MARK) && cells.next().is_none()
}

/// Whether reading has ended because a row was too long.
pub(super) fn is_too_long(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::FileTooLarge
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.end.is_none() {
            let count = self.inner.read(buffer)?;
            self.given += count as u64;
            self.left = self.left.saturating_sub(count as u64);
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
        }
        let mut end = self.end.unwrap_or(END);
        let count = end.read(buffer)?;
        self.end = Some(end);
        Ok(count)
    }
}
