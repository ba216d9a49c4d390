//! Whether a journal at rest is as it was written: the chain of each stream, and its seals.

use std::io;
use std::path::Path;

use tollgate_core::usage::StreamId;

use super::finding::Damage;
use super::process;
use super::reader::{Read, Reader};
use super::segment;
use crate::chain::{Head, Seal, SealKey};

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
/// what a killed process left open is finished at the next start and is no damage. Without a key, seals are held
/// against the chain alone.
///
/// # Errors
/// Where something cannot be listed or read.
pub fn verify(journal: &Path, keys: &[SealKey]) -> io::Result<Verified> {
    let mut verified = Verified::default();
    let mut boots = Vec::new();
    for entry in std::fs::read_dir(journal)? {
        boots.extend(process::boot_of(&entry?.path()));
    }
    boots.sort_unstable();
    for boot in boots {
        for stream in process::streams_in(&segment::boot_directory(journal, boot), boot)? {
            verified.streams += 1;
            verified.broken = verified.walk(journal, stream, keys)?;
            if verified.broken.is_some() {
                return Ok(verified);
            }
        }
    }
    Ok(verified)
}

impl Verified {
    /// What is broken in a stream, if anything.
    fn walk(&mut self, journal: &Path, stream: StreamId, keys: &[SealKey]) -> io::Result<Option<Broken>> {
        let mut reader = Reader::at_rest(segment::stream_directory(journal, stream), stream);
        let mut last = Head::default();
        let broken = |seq, why: String| Ok(Some(Broken { stream, seq, why }));
        while let Some(read) = reader.next()? {
            match read {
                Read::Event(linked) => {
                    self.events += 1;
                    last = linked.head();
                }
                Read::Seal(seal) if !holds(&seal, last, keys) => {
                    return broken(seal.head.seq, "the seal at it does not hold".to_owned());
                }
                Read::Seal(_) => self.seals += 1,
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
        Ok(None)
    }
}

/// Whether a seal is one of ours; where its event is not the last one that was read, the key alone can tell.
fn holds(seal: &Seal, last: Head, keys: &[SealKey]) -> bool {
    let follows = seal.head.seq != last.seq || seal.head == last;
    follows && (keys.is_empty() || keys.iter().any(|key| key.verifies(seal)))
}
