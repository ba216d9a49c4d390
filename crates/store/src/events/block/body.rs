//! The bytes of a block: a version, the length of what follows once it is unpacked (four bytes, the lowest first), and
//! that, packed by LZ4 as one of its blocks (<https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md>).
//!
//! Unpacked it has, for each event, the length of its canonical form in two bytes, the highest first, that form, and the
//! chain's hash at it. Nothing of it is made anew from anything else, so the chain can be verified over it.

use lz4_flex::block;
use tollgate_core::usage::chain::{Hash, Linked};
use tollgate_core::usage::{MAX_EVENT, UsageEvent};

use super::SPAN;

const VERSION: u8 = 1;
const HASH: usize = size_of::<Hash>();
/// The most bytes that a block has once it is unpacked.
const MOST: usize = SPAN as usize * (2 + MAX_EVENT + HASH);
/// LZ4 makes one byte of at most so many: more for each byte is a length that lies.
const RATIO: usize = 255;
/// What an event takes, more or less.
const USUAL: usize = 320;

/// Packs events.
pub(super) fn pack(events: &[&Linked]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(events.len() * USUAL);
    for linked in events {
        let start = plain.len();
        plain.extend_from_slice(&[0, 0]);
        plain.extend_from_slice(linked.canonical());
        // At most `MAX_EVENT`, which two bytes hold.
        let length = (plain.len() - start - 2) as u16;
        plain[start..start + 2].copy_from_slice(&length.to_be_bytes());
        plain.extend_from_slice(&linked.hash());
    }
    [&[VERSION], block::compress_prepend_size(&plain).as_slice()].concat()
}

/// An event as it lies in the unpacked bytes.
pub(in crate::events) struct Lying<'a> {
    pub(in crate::events) event: UsageEvent<&'a str>,
    pub(super) canonical: &'a [u8],
    pub(super) hash: Hash,
}

/// Unpacks what [`pack`] wrote, or says why it is something else. It takes no more memory than a block may have, whatever
/// the bytes say.
pub(super) fn unpack(body: &[u8]) -> Result<Vec<u8>, &'static str> {
    let (version, rest) = body.split_first().ok_or("is empty")?;
    if *version != VERSION {
        return Err("is of a version that is not known here");
    }
    let (length, packed) = block::uncompressed_size(rest).map_err(|_| "is cut off")?;
    if length > MOST.min(packed.len().saturating_mul(RATIO)) {
        return Err("says a length that it cannot have");
    }
    let plain = block::decompress(packed, length).map_err(|_| "cannot be unpacked")?;
    if plain.len() != length {
        return Err("has another length than it says");
    }
    Ok(plain)
}

/// The events in unpacked bytes, or why there is something else.
pub(super) fn events(plain: &[u8]) -> Result<Vec<Lying<'_>>, &'static str> {
    let (mut events, mut rest) = (Vec::new(), plain);
    while !rest.is_empty() {
        let (lying, left) = event(rest).ok_or("has something else than events")?;
        events.push(lying);
        rest = left;
    }
    Ok(events)
}

fn event(bytes: &[u8]) -> Option<(Lying<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (canonical, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (hash, rest) = rest.split_first_chunk::<HASH>()?;
    Some((Lying { event: UsageEvent::view(canonical).ok()?, canonical, hash: *hash }, rest))
}
