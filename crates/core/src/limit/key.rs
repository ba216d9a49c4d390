//! Whose use of which limit is counted together.

use core::net::IpAddr;
use std::fmt;

use super::Limit;
use crate::consumer::Name;
use crate::credential::Digest;

/// One subject's use of one limit. The same key always means the same state, in every snapshot of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub(super) subject: Subject,
    pub(super) limit: LimitId,
}

/// Whose calls are counted together, as 128 bits, so that a long name costs no memory.
///
/// Making one from a name takes a SHA-256; make it once and keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject {
    pub(super) kind: Kind,
    bits: [u64; 2],
}

/// What stays the same of a limit when a reload changes its amount or burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitId(u64);

/// Where a limit is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// With a tier.
    Tier(&'a Name),
    /// With a route.
    Route(&'a Name),
    /// With a credential, in place of its tier's.
    Credential,
}

/// Which table a subject's state lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Identified,
    Address,
}

/// What the tables look up: a [`Key`] without its kind, as each kind has its own table.
pub(super) type Stored = [u64; 3];

impl Key {
    /// `subject`'s use of `limit`.
    pub fn new(subject: Subject, limit: LimitId) -> Self {
        Self { subject, limit }
    }

    /// Which of so many lanes it belongs to, where not every key can have one of its own.
    pub fn lane(&self, lanes: usize) -> usize {
        // The upper bits are the well mixed ones.
        (self.subject.spread() >> 32) as usize % lanes.max(1)
    }

    pub(super) fn stored(&self) -> Stored {
        [self.subject.bits[0], self.subject.bits[1], self.limit.0]
    }

    /// The key of all subjects together that found no room of their own.
    pub(super) fn stored_shared(&self) -> Stored {
        [0, self.subject.kind as u64, self.limit.0]
    }
}

impl fmt::Display for Key {
    /// `{SUBJECT}:LIMIT` in hex. The braces are a Redis hash tag: all keys of one subject live in one slot of a cluster.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.subject.bits;
        write!(f, "{{{high:016x}{low:016x}}}:{:016x}", self.limit.0)
    }
}

impl Subject {
    /// The calls of one consumer.
    pub fn consumer(name: &Name) -> Self {
        Self::named(b"consumer", name.as_str())
    }

    /// The calls of one account, over all of its consumers.
    pub fn account(name: &Name) -> Self {
        Self::named(b"account", name.as_str())
    }

    /// The calls with one credential, by its kind and its id, which is unique within the kind.
    pub fn credential(kind: &str, id: &str) -> Self {
        Self::named(kind.as_bytes(), id)
    }

    /// The calls from one IPv4 address, or from one IPv6 network of 64 bits, because one host has as many addresses as
    /// it likes within its /64.
    pub fn address(address: IpAddr) -> Self {
        let bits = match address.to_canonical() {
            IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
            IpAddr::V6(address) => u128::from(address) & !u128::from(u64::MAX),
        };
        Self { kind: Kind::Address, bits: halves(bits) }
    }

    fn named(kind: &[u8], name: &str) -> Self {
        let Digest(digest) = Digest::of_parts(&[kind, b"\0", name.as_bytes()]);
        let (bits, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
        Self { kind: Kind::Identified, bits: halves(u128::from_be_bytes(*bits)) }
    }

    /// Where this subject's state lives. All limits of one subject live in one shard, so that most calls lock once.
    pub(super) fn spread(&self) -> u64 {
        // Fibonacci hashing: addresses are not spread by themselves.
        (self.bits[0] ^ self.bits[1].rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl<'a> Owner<'a> {
    /// `tier`, `route` or `credential`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tier(_) => "tier",
            Self::Route(_) => "route",
            Self::Credential => "credential",
        }
    }

    fn name(self) -> &'a str {
        match self {
            Self::Tier(name) | Self::Route(name) => name.as_str(),
            Self::Credential => "",
        }
    }
}

impl LimitId {
    /// The identity of `limit` as `owner` has it: unit and window, period and zone, or concurrency. `nth` tells apart
    /// those that have all of these in common.
    pub fn new(owner: Owner<'_>, limit: &Limit, nth: u16) -> Self {
        let (kind, name) = (owner.word(), owner.name());
        let shape = match limit {
            Limit::Rate(rate) => format!("rate {} {}", rate.unit().name(), rate.window().as_nanos()),
            Limit::Concurrent(_) => "concurrent".to_owned(),
            Limit::Quota(quota) => {
                let zone = quota.zone.iana_name().unwrap_or_default();
                format!("quota {} {} {zone}", quota.unit.name(), quota.every.name())
            }
        };
        // Neither a name nor a zone holds a NUL, so the borders are told.
        let text = format!("{kind}\0{name}\0{shape}\0{nth}");
        let Digest(digest) = Digest::of(text.as_bytes());
        let (bits, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        Self(u64::from_be_bytes(*bits))
    }
}

fn halves(bits: u128) -> [u64; 2] {
    [(bits >> 64) as u64, bits as u64]
}
