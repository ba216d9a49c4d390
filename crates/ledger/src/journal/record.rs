//! Records: what a segment is made of.
//!
//! A record is eight bytes and a payload: CRC-32C of all that follows it, length of the payload, kind, and a mark that
//! is never zero, so that room that was taken and not written to is no record.

use tollgate_core::usage::{MAX_CLOSING, MAX_EVENT, MAX_INTENT};

use crate::chain::{Hash, Head, Seal};

/// Bytes in front of the payload.
pub(crate) const HEADER: usize = 8;
/// The most bytes that any record takes: an event with its call and hash.
pub(crate) const MAX_RECORD: usize = HEADER + CALL + 32 + MAX_EVENT;
/// Bytes of a seal, and of the record that ends a stream.
pub(crate) const SEAL: usize = HEADER + 8 + 32 + 32;

/// One record, as far as its kind goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// A call is about to be made.
    Intent { call: u64, intent: &'a [u8] },
    /// How far a long call has come.
    Progress { call: u64, closing: &'a [u8] },
    /// A call ended as this event.
    Event { call: u64, hash: Hash, event: &'a [u8] },
    /// A call was not made after all: its intent was refused before anything was sent.
    Withdrawn { call: u64 },
    /// A point of the chain under the key.
    Seal { head: Head, mac: [u8; 32] },
    /// Nothing more comes in this stream.
    End,
}

/// The kinds of records, by the byte that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Intent = 1,
    Progress = 2,
    Event = 3,
    Withdrawn = 4,
    Seal = 5,
    End = 6,
}

const MARK: u8 = 0xA7;
const CALL: usize = 8;

/// Bytes that an intent's record takes at least and at most.
pub(crate) const fn intent_len(intent: usize) -> usize {
    HEADER + CALL + intent
}

/// The most bytes that a call with such an intent takes in the end.
pub(crate) const fn outcome_len(intent: usize) -> usize {
    HEADER + CALL + 32 + (MAX_EVENT - MAX_INTENT - MAX_CLOSING) + intent + MAX_CLOSING
}

/// Appends one record whose payload `fill` writes; answers where it begins.
pub(crate) fn append(out: &mut Vec<u8>, kind: Kind, fill: impl FnOnce(&mut Vec<u8>)) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, 0, 0, kind as u8, MARK]);
    fill(out);
    // Every payload is bounded below `MAX_RECORD`, and that fits two bytes.
    let length = u16::try_from(out.len() - start - HEADER).unwrap_or(u16::MAX);
    out[start + 4..start + 6].copy_from_slice(&length.to_be_bytes());
    let sum = crc32c::crc32c(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&sum.to_be_bytes());
    start
}

/// The payload of a seal's record.
pub(crate) fn put_seal(seal: &Seal, out: &mut Vec<u8>) {
    out.extend_from_slice(&seal.head.seq.to_be_bytes());
    out.extend_from_slice(&seal.head.hash);
    out.extend_from_slice(&seal.mac);
}

/// The record that these bytes begin with, and its length; nothing where they begin with none that is whole.
pub(crate) fn first(bytes: &[u8]) -> Option<(Record<'_>, usize)> {
    let header: &[u8; HEADER] = bytes.first_chunk()?;
    let [a, b, c, d, high, low, kind, MARK] = *header else { return None };
    let end = HEADER + usize::from(u16::from_be_bytes([high, low]));
    let whole = bytes.get(..end)?;
    if end > MAX_RECORD || crc32c::crc32c(&whole[4..]) != u32::from_be_bytes([a, b, c, d]) {
        return None;
    }
    Some((parse(kind, &whole[HEADER..])?, end))
}

/// Where the first whole record in these bytes begins, at any place.
pub(crate) fn find(bytes: &[u8]) -> Option<usize> {
    let mark_at = HEADER - 1;
    let mut from = mark_at;
    while let Some(found) = bytes.get(from..)?.iter().position(|byte| *byte == MARK) {
        let start = from + found - mark_at;
        if first(&bytes[start..]).is_some() {
            return Some(start);
        }
        from += found + 1;
    }
    None
}

fn parse(kind: u8, payload: &[u8]) -> Option<Record<'_>> {
    const INTENT: u8 = Kind::Intent as u8;
    const PROGRESS: u8 = Kind::Progress as u8;
    const EVENT: u8 = Kind::Event as u8;
    const WITHDRAWN: u8 = Kind::Withdrawn as u8;
    const SEALED: u8 = Kind::Seal as u8;
    const END: u8 = Kind::End as u8;
    let number = || payload.split_first_chunk().map(|(call, rest)| (u64::from_be_bytes(*call), rest));
    match kind {
        INTENT => number().map(|(call, intent)| Record::Intent { call, intent }),
        PROGRESS => number().map(|(call, closing)| Record::Progress { call, closing }),
        EVENT => {
            let (call, rest) = number()?;
            let (hash, event) = rest.split_first_chunk()?;
            Some(Record::Event { call, hash: *hash, event })
        }
        WITHDRAWN => number().map(|(call, _)| Record::Withdrawn { call }),
        SEALED => {
            let (seq, rest) = number()?;
            let (hash, mac) = rest.split_first_chunk()?;
            Some(Record::Seal { head: Head { seq, hash: *hash }, mac: mac.try_into().ok()? })
        }
        END => Some(Record::End),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
