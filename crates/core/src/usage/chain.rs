//! The chain of hashes over the events of one stream, and the seals that fix it.
//!
//! The hash of an event is the SHA-256 of the hash before it and of the event's canonical bytes, which begin with the
//! stream and the event's place in it. Whoever can write to where events are kept could make the chain anew from a
//! changed event on; a [`Seal`] cannot be made anew without the key.

use std::fmt;

use aws_lc_rs::{digest, hmac};

use ulid::Ulid;

use super::{BadEncoding, StreamId, UsageEvent};

mod tail;

pub use tail::Tail;

/// A SHA-256.
pub type Hash = [u8; 32];

/// How far a chain goes: the newest event and the hash there. [`Default`] is the chain without an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The event's place in its stream; 0 where there is none.
    pub seq: u64,
    /// The hash at that event; zeros where there is none.
    pub hash: Hash,
}

/// One event in its canonical form, and the hash that was kept with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    canonical: Box<[u8]>,
    stream: StreamId,
    seq: u64,
    id: Ulid,
    time_micros: u64,
    hash: Hash,
}

/// A point of a chain under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// Whose chain.
    pub stream: StreamId,
    /// How far it went.
    pub head: Head,
    /// HMAC-SHA-256 over both.
    pub mac: [u8; 32],
}

/// The key of seals: all nodes of a fleet have the same.
#[derive(Clone)]
pub struct SealKey(hmac::Key);

/// Keeps a seal from being taken for anything else that is authenticated under the same key.
const DOMAIN: &[u8] = b"tollgate ledger seal 1\0";

impl Head {
    /// The head after the next event of the chain, given its canonical bytes.
    #[must_use]
    pub fn after(&self, canonical: &[u8]) -> Self {
        Self { seq: self.seq + 1, hash: link(&[&self.hash, canonical].concat()) }
    }

    /// Whether this event is the chain's next and its hash the one that it must have.
    pub fn is_followed_by(&self, next: &Linked) -> bool {
        self.after(&next.canonical) == next.head()
    }

    /// The event with the hash that it has as the chain's next.
    #[must_use]
    pub fn followed_by<T: AsRef<str>>(&self, next: &UsageEvent<T>) -> Linked {
        let linked = Linked::new(next, Hash::default());
        Linked { hash: self.after(&linked.canonical).hash, ..linked }
    }
}

impl Linked {
    /// An event, bounded as [`UsageEvent::of`] bounds it, and the chain's hash at it.
    pub fn new<T: AsRef<str>>(event: &UsageEvent<T>, hash: Hash) -> Self {
        let mut canonical = Vec::new();
        event.encode(&mut canonical);
        let (stream, seq, id) = (event.stream, event.seq, event.intent.id);
        let time_micros = event.intent.time_micros;
        Self { canonical: canonical.into(), stream, seq, id, time_micros, hash }
    }

    /// Reads an event from its canonical form.
    ///
    /// # Errors
    /// [`BadEncoding`] for bytes that [`UsageEvent::encode`] does not write.
    pub fn read(canonical: &[u8], hash: Hash) -> Result<Self, BadEncoding> {
        let UsageEvent { stream, seq, intent, .. } = UsageEvent::view(canonical)?;
        let (id, time_micros) = (intent.id, intent.time_micros);
        Ok(Self { canonical: canonical.into(), stream, seq, id, time_micros, hash })
    }

    /// The event.
    ///
    /// # Errors
    /// [`BadEncoding`], which does not happen: the bytes are what an event was encoded to, or was read from.
    pub fn event(&self) -> Result<UsageEvent<&str>, BadEncoding> {
        UsageEvent::view(&self.canonical)
    }

    /// The event's canonical form.
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// The stream that it is of.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// Its place in the stream.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Its id.
    pub fn id(&self) -> Ulid {
        self.id
    }

    /// When its call began: microseconds since the Unix epoch.
    pub fn time_micros(&self) -> u64 {
        self.time_micros
    }

    /// The chain's hash at it.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The chain's head at this event.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

impl SealKey {
    /// The key of these bytes; no fewer than 32 are as strong as what they authenticate.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Seals a point of a chain: the same point gives the same seal.
    pub fn seal(&self, stream: StreamId, head: Head) -> Seal {
        let mut mac = [0; 32];
        mac.copy_from_slice(hmac::sign(&self.0, &sealed(stream, head)).as_ref());
        Seal { stream, head, mac }
    }

    /// Whether the seal was made under this key.
    pub fn verifies(&self, seal: &Seal) -> bool {
        hmac::verify(&self.0, &sealed(seal.stream, seal.head), &seal.mac).is_ok()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

/// The hash of an event, of the hash before it with the event's bytes behind.
pub fn link(before_and_event: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, before_and_event).as_ref());
    hash
}

fn sealed(stream: StreamId, head: Head) -> Vec<u8> {
    let number = stream.number.to_be_bytes();
    [DOMAIN, &stream.boot.to_bytes(), &number, &head.seq.to_be_bytes(), &head.hash].concat()
}

#[cfg(test)]
mod tests;
