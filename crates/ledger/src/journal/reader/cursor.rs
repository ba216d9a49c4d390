//! A place in a segment that may still be written to.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use tollgate_core::usage::{StreamId, UsageEvent};

use crate::journal::finding::{Damage, Finding};
use crate::journal::record::{self, MAX_RECORD, Record};
use crate::journal::segment::{self, HEAD};

/// A place in a segment.
#[derive(Debug)]
pub(in crate::journal) struct Cursor {
    number: u32,
    path: PathBuf,
    file: File,
    /// What was read of the file,
    window: Vec<u8>,
    /// where in the file that begins,
    offset: u64,
    /// and where in the window the next record begins.
    at: usize,
    freshness: Freshness,
}

/// When the window was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freshness {
    Stale,
    /// Since the last record.
    Fresh,
    /// Since it has been known that nobody writes to the file any more.
    Final,
}

/// How much is read at once.
const WINDOW: usize = 1 << 16;

impl Cursor {
    /// The first record of a segment.
    pub(in crate::journal) fn open(directory: &Path, number: u32) -> io::Result<Self> {
        let path = segment::path(directory, number);
        let file = File::open(&path)?;
        let freshness = Freshness::Stale;
        Ok(Self { number, path, file, window: Vec::new(), offset: 0, at: HEAD, freshness })
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Something wrong at this place.
    pub(super) fn finding(&self, damage: Damage) -> Finding {
        Finding { file: self.path.clone(), offset: self.offset + self.at as u64, damage }
    }

    /// Whether the segment begins as it must.
    pub(super) fn has_head(&self, stream: StreamId) -> io::Result<bool> {
        let mut head = [0; HEAD];
        let read = read(&self.file, &mut head, 0)?;
        Ok(segment::is_head(&head[..read], stream, self.number))
    }

    /// The record at this place, where there is a whole one, and its length.
    pub(super) fn record(&mut self) -> io::Result<Option<(Record<'_>, usize)>> {
        if self.window.len() < self.at + MAX_RECORD {
            self.fill()?;
        }
        Ok(self.window.get(self.at..).and_then(record::first))
    }

    /// Goes behind the record at this place.
    pub(super) fn pass(&mut self, length: usize) {
        self.at += length;
        self.freshness = Freshness::Stale;
    }

    /// The number of the segment's first event.
    pub(in crate::journal) fn first_event(&mut self) -> io::Result<Option<u64>> {
        while let Some((record, length)) = self.record()? {
            if let Record::Event { event, .. } = record {
                return Ok(UsageEvent::decode_head(event).ok().map(|(_, seq)| seq));
            }
            self.pass(length);
        }
        Ok(None)
    }

    /// Whether what is in memory was read late enough to say that there is no record here.
    pub(super) fn is_fresh(&self, left: bool) -> bool {
        match self.freshness {
            Freshness::Stale => false,
            Freshness::Fresh => !left,
            Freshness::Final => true,
        }
    }

    /// Forgets what is in memory from this place on; `left` says that nobody writes to the segment any more.
    pub(super) fn read_again(&mut self, left: bool) {
        self.window.truncate(self.at);
        self.freshness = if left { Freshness::Final } else { Freshness::Fresh };
    }

    /// Nothing is here yet.
    pub(super) fn stale(&mut self) {
        self.freshness = Freshness::Stale;
    }

    /// Goes to the next whole record behind what is none; answers where the damage begins, or nothing where no record
    /// follows: then this is the end.
    pub(super) fn skip_damage(&mut self) -> io::Result<Option<u64>> {
        let from = self.offset + self.at as u64;
        let length = self.file.metadata()?.len().saturating_sub(from);
        let mut rest = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let read = read(&self.file, &mut rest, from)?;
        let Some(next) = record::find(&rest[..read]) else { return Ok(None) };
        self.at += next;
        self.window.clear();
        self.offset += std::mem::take(&mut self.at) as u64;
        Ok(Some(from))
    }

    fn fill(&mut self) -> io::Result<()> {
        // What is behind is not needed any more.
        let passed = self.at.min(self.window.len());
        self.window.drain(..passed);
        self.offset += passed as u64;
        self.at -= passed;
        let have = self.window.len();
        self.window.resize(have + WINDOW, 0);
        let read = read(&self.file, &mut self.window[have..], self.offset + have as u64)?;
        self.window.truncate(have + read);
        Ok(())
    }
}

/// Reads until the buffer is full or the file ends.
fn read(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<usize> {
    let whole = buffer.len();
    while !buffer.is_empty() {
        match file.read_at(buffer, offset) {
            Ok(0) => break,
            Ok(read) => {
                offset += read as u64;
                buffer = &mut buffer[read..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(whole - buffer.len())
}
