//! Deleting what is safe elsewhere.

use std::io;
use std::path::Path;
use std::time::Duration;

use tollgate_core::usage::{StreamId, UsageEvent};

use super::lot::Shared;
use super::process::{self, Process};
use super::reader::Cursor;
use super::record::{self, Record};
use super::segment::{self, HEAD};
use super::{checkpoint, recovery};

/// The newest event of a segment, and the newest that is sealed in it; 0 where there is none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Newest {
    pub(crate) event: u64,
    pub(crate) sealed: u64,
}

/// Deletes segments, the oldest first, whose events were all safe for long enough at `now`, or safe at all where no
/// time is given, whose seals are safe, and whose calls have all ended; at least `most` bytes, where there are so many, and
/// few more. Answers how many bytes that gave back. A stream where that fails does not keep it from the others; the first
/// error is told at the end.
pub(crate) fn prune(process: &Process, now: Option<Duration>, most: u64) -> io::Result<u64> {
    let mut freed = Ok(0);
    let mut left = most;
    for stream in process.streams() {
        let pruned = match prune_stream(process, stream, now, left) {
            // Another thread, which needs room, was quicker.
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => {
                freed = freed.and(Err(error));
                continue;
            }
            Ok(pruned) => pruned,
        };
        freed = freed.map(|freed| freed + pruned);
        left = left.saturating_sub(pruned);
        if left == 0 {
            break;
        }
    }
    freed
}

/// The newest event in these segments; 0 where there is none.
pub(crate) fn newest_event(directory: &Path, numbers: &[u32]) -> io::Result<u64> {
    for &number in numbers.iter().rev() {
        let newest = newest_in(&std::fs::read(segment::path(directory, number))?);
        if newest.event > 0 {
            return Ok(newest.event);
        }
    }
    Ok(0)
}

fn prune_stream(process: &Process, stream: StreamId, now: Option<Duration>, most: u64) -> io::Result<u64> {
    let directory = process.directory_of(stream);
    let checkpoint = checkpoint::read(&directory)?;
    let released = match now {
        Some(now) => checkpoint.safe_at(now.saturating_sub(process.config.keep)),
        None => checkpoint.head.seq,
    };
    let needed = match process.live_stream(stream) {
        Some(shared) => needed_of(&shared),
        None => u32::MAX,
    };
    let mut freed = 0;
    for number in segment::list(&directory)? {
        if number >= needed || freed >= most {
            return Ok(freed);
        }
        // Nearly always the first one is to stay, and that can be told by its beginning.
        if Cursor::open(&directory, number)?.first_event()?.is_some_and(|seq| seq > released) {
            return Ok(freed);
        }
        let path = segment::path(&directory, number);
        let bytes = std::fs::read(&path)?;
        let newest = newest_in(&bytes);
        if newest.event > released || newest.sealed > checkpoint.sealed {
            return Ok(freed);
        }
        process.disk().remove(&path)?;
        process.freed(bytes.len() as u64);
        freed += bytes.len() as u64;
    }
    if needed == u32::MAX {
        recovery::forget_stream(process, stream, &directory)?;
        if stream.boot != process.boot {
            process::remove_boot(directory.parent().unwrap_or(&directory));
        }
    }
    Ok(freed)
}

/// From which segment on a stream may not be deleted, whatever was released.
fn needed_of(shared: &Shared) -> u32 {
    let lot = shared.lot();
    match &lot.current {
        // It has ended, and the thread has given back what it does not need.
        None if lot.ended && !lot.failing && lot.spare.is_none() => u32::MAX,
        // It has no segment that it trusts; what it had may be all that there is.
        None => 0,
        Some(current) => lot.needed.min(current.number),
    }
}

/// What is newest in a segment.
pub(crate) fn newest_in(bytes: &[u8]) -> Newest {
    let mut newest = Newest::default();
    let mut rest = bytes.get(HEAD..).unwrap_or_default();
    while let Some(start) = record::find(rest) {
        rest = &rest[start..];
        let Some((record, length)) = record::first(rest) else { return newest };
        match record {
            Record::Event { event, .. } => {
                // An event that this version does not know is not known to be safe.
                let seq = UsageEvent::decode_head(event).map_or(u64::MAX, |(_, seq)| seq);
                newest.event = newest.event.max(seq);
            }
            Record::Seal { head, .. } => newest.sealed = newest.sealed.max(head.seq),
            _ => {}
        }
        rest = &rest[length..];
    }
    newest
}
