//! How far a stream is safe elsewhere.
//!
//! A small text beside the segments: the newest event that is, with its hash, the newest whose seal is, and since when how
//! much was. It names events and never a place in a file, as segments come and go.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate_core::usage::StreamId;

use super::process::Process;
use crate::chain::Head;

/// What a stream's checkpoint says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The newest event that is safe.
    pub(crate) head: Head,
    /// The newest event whose seal is safe.
    pub(crate) sealed: u64,
    /// Since when, in seconds since the Unix epoch, how many events were; the newest last.
    marks: Vec<(u64, u64)>,
}

/// The time for which events are kept is told to this part of it.
const MARKS: u32 = 24;

/// Notes that every event up to `head` is safe, and every seal up to that of the event `sealed`.
pub(crate) fn release(
    process: &Process,
    stream: StreamId,
    head: Head,
    sealed: u64,
    now: Duration,
) -> io::Result<()> {
    let directory = process.directory_of(stream);
    let mut checkpoint = read(&directory)?;
    if head.seq <= checkpoint.head.seq && sealed <= checkpoint.sealed {
        return Ok(());
    }
    checkpoint.sealed = checkpoint.sealed.max(sealed);
    if head.seq > checkpoint.head.seq {
        checkpoint.head = head;
        checkpoint.mark(now, process.config.keep);
    }
    process.disk().replace(&path(&directory), checkpoint.text().as_bytes())
}

/// Forgets how far a stream is safe.
pub(crate) fn forget(process: &Process, stream: StreamId) -> io::Result<()> {
    match std::fs::remove_file(path(&process.directory_of(stream))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A stream's checkpoint; where there is none, or none that can be read, nothing is safe and all is told again.
pub(crate) fn read(directory: &Path) -> io::Result<Checkpoint> {
    match std::fs::read_to_string(path(directory)) {
        Ok(text) => Ok(parse(&text).unwrap_or_default()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
            Ok(Checkpoint::default())
        }
        Err(error) => Err(error),
    }
}

/// Where it is.
pub(crate) fn path(directory: &Path) -> PathBuf {
    directory.join("checkpoint")
}

impl Checkpoint {
    /// The newest event that was safe at this time already.
    pub(crate) fn safe_at(&self, time: Duration) -> u64 {
        self.marks.iter().rev().find(|(since, _)| *since <= time.as_secs()).map_or(0, |(_, seq)| *seq)
    }

    fn mark(&mut self, now: Duration, keep: Duration) {
        let step = (keep / MARKS).as_secs();
        let mark = (now.as_secs(), self.head.seq);
        // A clock that was ahead for a while has left marks that no time would reach.
        self.marks.retain(|(since, _)| *since <= now.as_secs());
        // The newest mark moves until it is a step from the one before: so there are few, and the newest event has one.
        match self.marks.as_mut_slice() {
            [.., before, newest] if now.as_secs().saturating_sub(before.0) < step => *newest = mark,
            _ => self.marks.push(mark),
        }
        // Of those that are older than the time for which events are kept, the newest says all.
        let old = now.saturating_sub(keep).as_secs();
        let needless = self.marks.iter().take_while(|(since, _)| *since <= old).count().saturating_sub(1);
        self.marks.drain(..needless);
    }

    fn text(&self) -> String {
        let mut text = format!("{} {} {}\n", self.head.seq, hex::encode(self.head.hash), self.sealed);
        for (since, seq) in &self.marks {
            text.push_str(&format!("{since} {seq}\n"));
        }
        text
    }
}

fn parse(text: &str) -> Option<Checkpoint> {
    let mut lines = text.lines().map(|line| line.split_once(' '));
    let (seq, rest) = lines.next()??;
    // Where nothing is said of seals, they are told again.
    let (hash, sealed) = rest.split_once(' ').unwrap_or((rest, "0"));
    let mut head = Head { seq: seq.parse().ok()?, ..Head::default() };
    hex::decode_to_slice(hash, &mut head.hash).ok()?;
    let mark = |line: Option<(&str, &str)>| {
        let (since, seq) = line?;
        Some((since.parse().ok()?, seq.parse().ok()?))
    };
    Some(Checkpoint { head, sealed: sealed.parse().ok()?, marks: lines.map(mark).collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests;
