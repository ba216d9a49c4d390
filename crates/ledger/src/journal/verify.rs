//! Whether a journal at rest is as it was written: the chain of each stream, and its seals.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use tollgate_core::usage::{BadEncoding, StreamId};

use super::checkpoint;
use super::finding::Damage;
use super::process;
use super::reader::{Read, Reader};
use super::segment;
use crate::chain::{Head, Linked, Seal, SealKey, Tail};

/// What a walk over all streams of a journal found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Streams.
    pub streams: u64,
    /// Events that are there; those that were released long ago are not.
    pub events: u64,
    /// Seals that hold.
    pub seals: u64,
    /// The first thing that is not as it was written, in the order of the streams.
    pub broken: Option<Broken>,
}

/// Something in a journal that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its stream.
    pub stream: StreamId,
    /// The event.
    pub seq: u64,
    /// What is wrong with it.
    pub why: String,
}

/// Walks through a journal that nobody writes to: whoever calls has the lock of its data directory. Nothing is changed;
/// what a killed process left open is finished at the next start and is no damage, nor are its last events without a seal.
/// Without a key, seals are held against the chain alone, and none is missed.
///
/// # Errors
/// Where something cannot be listed or read.
pub fn verify(journal: &Path, keys: &[SealKey]) -> io::Result<Verified> {
    let mut verified = Verified::default();
    for stream in streams_in(journal)? {
        verified.streams += 1;
        verified.broken = verified.walk(journal, stream, keys)?;
        if verified.broken.is_some() {
            break;
        }
    }
    Ok(verified)
}

/// The streams of all boots.
fn streams_in(journal: &Path) -> io::Result<Vec<StreamId>> {
    let mut boots = Vec::new();
    for entry in std::fs::read_dir(journal)? {
        boots.extend(process::boot_of(&entry?.path()));
    }
    boots.sort_unstable();
    let mut streams = Vec::new();
    for boot in boots {
        streams.extend(process::streams_in(&segment::boot_directory(journal, boot), boot)?);
    }
    Ok(streams)
}

impl Verified {
    /// What is broken in a stream, if anything.
    fn walk(&mut self, journal: &Path, stream: StreamId, keys: &[SealKey]) -> io::Result<Option<Broken>> {
        let directory = segment::stream_directory(journal, stream);
        let safe = checkpoint::read(&directory)?.head;
        let mut reader = Reader::at_rest(directory, stream);
        let (mut last, mut unsealed) = (Head::default(), Unsealed::default());
        let broken = |seq, why: String| Ok(Some(Broken { stream, seq, why }));
        while let Some(read) = reader.next()? {
            match read {
                Read::Event(linked) => {
                    self.events += 1;
                    last = linked.head();
                    if last.seq == safe.seq && last != safe {
                        return broken(last.seq, "another one was delivered in its place".to_owned());
                    }
                    unsealed.add(linked);
                }
                Read::Seal(seal) => {
                    let known = keys.is_empty() || keys.iter().any(|key| key.verifies(&seal));
                    if !known || !unsealed.take(&seal) {
                        return broken(seal.head.seq, "the seal at it does not hold".to_owned());
                    }
                    self.seals += 1;
                }
                Read::Damaged(finding) => {
                    let seq = match &finding.damage {
                        Damage::Chain { seq } => *seq,
                        Damage::EventsMissing { after, .. } => after + 1,
                        Damage::Head
                        | Damage::Corrupt
                        | Damage::Unreadable(_)
                        | Damage::CallsMissing { .. }
                        | Damage::Io(_) => last.seq + 1,
                    };
                    return broken(seq, finding.to_string());
                }
            }
        }
        // Where there are no events at all, all of them were released long ago.
        if (1..safe.seq).contains(&last.seq) {
            return broken(last.seq + 1, "it was delivered and is not there any more".to_owned());
        }
        let tail = unsealed.tail().map_err(io::Error::other)?;
        match tail.first().filter(|_| !keys.is_empty() && tail.is_due(None)) {
            Some((seq, _)) => broken(seq, UNSEALED.to_owned()),
            None => Ok(None),
        }
    }
}

/// What a gate cannot have left but in its last moments.
const UNSEALED: &str = "it is not sealed, nor is what follows in its stream; what a killed gate left is sealed by the next \
                        start, or by `tollgate ledger ship`";

/// The events of a stream that no seal has fixed yet. A seal may be written anew some events behind its own.
#[derive(Default)]
pub(super) struct Unsealed {
    events: VecDeque<Box<Linked>>,
    /// The last one that was read, whether it is fixed or not; 0 before the first.
    last: u64,
}

/// More than these are kept for no seal: their first ones stay without.
const KEPT: usize = 10_000;

impl Unsealed {
    pub(super) fn add(&mut self, linked: Box<Linked>) {
        self.last = linked.seq();
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(linked);
    }

    /// Takes away what a seal fixes; answers whether the chain is the one that it was made of. Where its event was released
    /// long ago, the key alone can tell; so it is where the event has been passed by many, and fixes nothing then.
    pub(super) fn take(&mut self, seal: &Seal) -> bool {
        let first = self.events.front().map(|linked| linked.seq());
        match self.events.iter().position(|linked| linked.seq() == seal.head.seq) {
            Some(at) if self.events[at].head() == seal.head => {
                self.events.drain(..=at);
                true
            }
            Some(_) => false,
            None => self.last == 0 || seal.head.seq < first.unwrap_or(self.last + 1),
        }
    }

    pub(super) fn tail(&self) -> Result<Tail, BadEncoding> {
        let mut tail = Tail::default();
        self.events.iter().try_for_each(|linked| tail.add(linked))?;
        Ok(tail)
    }
}
