//! Whether the events are those that the gates made: the chain of each stream, and its seals.

mod days;
mod seals;

use jiff::Timestamp;
use tollgate_core::usage::StreamId;
use tollgate_core::usage::chain::{Head, Linked, Seal, SealKey, Tail};
use ulid::Ulid;

use self::seals::Seals;
use super::block::{Block, Damaged};
use super::book::StoredSeal;
use super::places::InOrder;
use super::stream::Stream;
use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::statement::Statement;
use crate::store::Store;
use crate::tables::{USAGE_BLOCKS, USAGE_SEALS, USAGE_STREAMS};

/// What a walk over all streams found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageVerdict {
    /// Every event that is kept is as its gate made it.
    Whole {
        /// Streams.
        streams: u64,
        /// Events that are kept.
        events: u64,
        /// Seals that hold.
        seals: u64,
    },
    /// This event is the first that is not, in the order of the streams.
    Broken {
        /// Its stream.
        stream: StreamId,
        /// Its place in it.
        seq: u64,
        /// Its id, where it is there.
        id: Option<Ulid>,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Every event that is there is as its gate made it, and the roll-ups tell of another number of them.
    Uncounted {
        /// The first day of UTC of which that is so.
        day: Timestamp,
        /// Events of that day that are there.
        events: u64,
        /// Events that its roll-ups count.
        counted: u64,
    },
}

impl Store {
    /// Walks through the events of each stream in their order, computes the chain anew, and holds it against the seals,
    /// each of which must be under one of the keys; without a key, against the hashes in the seals alone. It begins
    /// behind what is deleted.
    ///
    /// A seal that does not hold tells that what lies between the seal before it and it was made anew as a whole. So does
    /// one that is not there and must have come until `now`, as whoever has no key can make a chain and no seal of it.
    /// Without a key, nothing is said of seals that are not there.
    ///
    /// At last the events of each day are counted and held against the roll-ups, which a stream that was taken away
    /// as a whole, with its seals, still is in.
    ///
    /// # Errors
    /// What the database says.
    pub async fn verify_usage(&self, keys: &[SealKey], now: Timestamp) -> Result<UsageVerdict> {
        let mut snapshot = self.database.snapshot().await?;
        let streams = Statement::select(&[&USAGE_STREAMS]).push(" FROM usage_streams ORDER BY stream");
        let streams: Vec<Stream> = snapshot.all(streams).await?;
        let mut walk = Walk { keys, now, events: 0, seals: 0, unsealed: None };
        for stream in &streams {
            if let Some(broken) = walk.stream(&mut snapshot, stream).await? {
                return Ok(broken);
            }
        }
        let stranger = Statement::select(&[&USAGE_BLOCKS]).push(
            " FROM usage_blocks WHERE NOT EXISTS \
             (SELECT 1 FROM usage_streams WHERE usage_streams.stream = usage_blocks.stream) \
             ORDER BY usage_blocks.stream, usage_blocks.first LIMIT 1",
        );
        if let Some(Block { stream, first: seq, .. }) = snapshot.one(stranger).await? {
            let why = "it was added: its stream was never booked";
            return Ok(UsageVerdict::Broken { stream, seq, id: None, why });
        }
        let orphan = Statement::select(&[&USAGE_SEALS]).push(
            " FROM usage_seals WHERE NOT EXISTS \
             (SELECT 1 FROM usage_streams WHERE usage_streams.stream = usage_seals.stream) \
             ORDER BY usage_seals.stream, usage_seals.seq LIMIT 1",
        );
        if let Some(StoredSeal(seal)) = snapshot.one(orphan).await? {
            return Ok(UsageVerdict::Broken {
                stream: seal.stream,
                seq: seal.head.seq,
                id: None,
                why: SEALED,
            });
        }
        // Behind what is broken in other streams: seals may still be on their way, and nothing mends what is broken.
        if let Some(unsealed) = walk.unsealed {
            return Ok(unsealed);
        }
        if let Some(uncounted) = days::uncounted(&mut snapshot).await? {
            return Ok(uncounted);
        }
        Ok(UsageVerdict::Whole { streams: streams.len() as u64, events: walk.events, seals: walk.seals })
    }
}

/// What a seal tells of and nothing else does.
const SEALED: &str = "it is missing: a seal tells of it";
/// What came without the seal that its gate makes.
const UNSEALED: &str = "it is not sealed, nor is what follows in its stream";

struct Walk<'a> {
    keys: &'a [SealKey],
    now: Timestamp,
    events: u64,
    seals: u64,
    /// The first event that a seal must have come for.
    unsealed: Option<UsageVerdict>,
}

impl Walk<'_> {
    /// What is broken in a stream, if anything.
    async fn stream(&mut self, snapshot: &mut Transaction, stream: &Stream) -> Result<Option<UsageVerdict>> {
        let mut last = stream.pruned;
        let (mut seals, mut tail) = (Seals::of(stream.stream), Tail::default());
        if let Some(seq) = self.deleted(snapshot, &mut seals, last).await? {
            let why = "the seal at it does not hold";
            return Ok(Some(UsageVerdict::Broken { stream: stream.stream, seq, id: None, why }));
        }
        let missing = |seq| {
            let why = if seq > stream.floor.seq { "it never came" } else { "it is missing" };
            Ok(Some(UsageVerdict::Broken { stream: stream.stream, seq, id: None, why }))
        };
        let mut events = InOrder::after(stream.stream, last.seq);
        while let Some(found) = events.find(snapshot).await? {
            let linked = match found {
                Ok(linked) => linked,
                Err(damaged) if damaged.first > last.seq + 1 => return missing(last.seq + 1),
                Err(Damaged { stream, first: seq, .. }) => {
                    let why = "the block that begins with it cannot be read";
                    return Ok(Some(UsageVerdict::Broken { stream, seq, id: None, why }));
                }
            };
            if linked.seq() > stream.highest {
                return Ok(Some(broken_at(&linked, "it was added: it was never booked")));
            }
            if linked.seq() <= last.seq {
                return Ok(Some(broken_at(&linked, "it was added: it is there twice")));
            }
            if linked.seq() != last.seq + 1 {
                return missing(last.seq + 1);
            }
            if !last.is_followed_by(&linked) {
                let why = "its hash is not that of what it says and of the event before it";
                return Ok(Some(broken_at(&linked, why)));
            }
            last = linked.head();
            self.events += 1;
            if !self.sealed(snapshot, &mut seals, last).await? {
                return Ok(Some(broken_at(&linked, "the seal at it does not hold")));
            }
            if seals.are_behind(snapshot, last.seq).await? {
                tail.add(&linked).map_err(|error| Error::Corrupt(error.to_string()))?;
            }
        }
        if last.seq < stream.highest {
            return missing(last.seq + 1);
        }
        self.demand_seal(stream.stream, &seals, &tail);
        let sealed = seals.peek(snapshot).await?;
        Ok(sealed.map(|_| UsageVerdict::Broken {
            stream: stream.stream,
            seq: last.seq + 1,
            id: None,
            why: SEALED,
        }))
    }

    /// Notes a tail that must have a seal by now.
    fn demand_seal(&mut self, stream: StreamId, seals: &Seals, tail: &Tail) {
        let Some((seq, id)) = tail.first() else { return };
        // Where none ever came, nothing may follow the first ten seconds, so there the time that it is now counts; elsewhere
        // what a gate did last before it was lost has no seal for ever.
        let now = seals.newest().is_none().then_some(self.now);
        if !self.keys.is_empty() && tail.is_due(now) {
            let unsealed = UsageVerdict::Broken { stream, seq, id: Some(id), why: UNSEALED };
            self.unsealed.get_or_insert(unsealed);
        }
    }

    /// Passes over the seals of deleted events, of which the key alone can tell, and names the first that does not hold.
    async fn deleted(
        &mut self,
        snapshot: &mut Transaction,
        seals: &mut Seals,
        pruned: Head,
    ) -> Result<Option<u64>> {
        while let Some(seal) = seals.peek(snapshot).await?.filter(|seal| seal.head.seq <= pruned.seq) {
            let known = seal.head.seq < pruned.seq || seal.head == pruned;
            if !known || !self.holds(&seal) {
                return Ok(Some(seal.head.seq));
            }
            self.seals += 1;
            seals.pass();
        }
        Ok(None)
    }

    /// Whether the seal at this point holds, if there is one.
    async fn sealed(&mut self, snapshot: &mut Transaction, seals: &mut Seals, head: Head) -> Result<bool> {
        let Some(seal) = seals.peek(snapshot).await?.filter(|seal| seal.head.seq == head.seq) else {
            return Ok(true);
        };
        self.seals += 1;
        seals.pass();
        Ok(seal.head == head && self.holds(&seal))
    }

    fn holds(&self, seal: &Seal) -> bool {
        self.keys.is_empty() || self.keys.iter().any(|key| key.verifies(seal))
    }
}

fn broken_at(linked: &Linked, why: &'static str) -> UsageVerdict {
    UsageVerdict::Broken { stream: linked.stream(), seq: linked.seq(), id: Some(linked.id()), why }
}
