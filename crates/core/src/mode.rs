//! Whether a route's refusals are in force, so that callers can be moved behind the gate without breaking any.

use crate::consumer::Name;
use crate::credential::{Credential, Digest};
use crate::denial::Denial;
use crate::limit::Standing;
use crate::route::Route;

/// Whether a route's refusals are in force.
///
/// Only what identity, access and limits say is softened. What makes a request ambiguous or too large is refused in every
/// mode, because the gate could not say what it would let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// For everybody.
    #[default]
    Enforce,
    /// For nobody: what would be refused is let through and recorded.
    Shadow,
    /// For so many of a hundred consumers; strangers are refused.
    Percent(Percent),
}

/// A share of all consumers, 0 to 100. A consumer's place is fixed, so that a larger share only adds consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Percent(u8);

/// A refusal that was not in force: the call went on all the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Softened {
    /// What the caller would have met.
    pub denial: Denial,
    /// Which limit would have refused, by its place among the call's rules, where one would.
    pub rule: Option<usize>,
    /// What the call's limits have left; empty where it was not they that would have refused.
    pub standing: Vec<Standing>,
}

/// Parts the hash of places from every other use of the same digest.
const PLACES: &[u8] = b"tollgate mode percent\0";

impl Mode {
    /// Whether a refusal of this consumer, or of a stranger, is in force.
    pub fn is_in_force(self, consumer: Option<&Name>) -> bool {
        match (self, consumer) {
            (Self::Enforce, _) | (Self::Percent(_), None) => true,
            (Self::Shadow, _) => false,
            (Self::Percent(percent), Some(consumer)) => percent.covers(consumer),
        }
    }
}

impl Percent {
    /// A share, unless it is above 100.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }

    /// Whether the consumer is among them; the same on every route and every node, for ever.
    pub fn covers(self, consumer: &Name) -> bool {
        let Digest(digest) = Digest::of_parts(&[PLACES, consumer.as_str().as_bytes()]);
        let (bytes, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        u64::from_be_bytes(*bytes) % 100 < u64::from(self.0)
    }
}

impl Softened {
    /// A refusal that no limit spoke.
    pub fn new(denial: Denial) -> Self {
        Self { denial, rule: None, standing: Vec::new() }
    }
}

/// Whether the route lets a call go on that it refuses. A stranger never borrows the credential that the gate presents to
/// the upstream, unless strangers are welcome there.
pub fn lets_through(route: &Route, credential: Option<&Credential>) -> bool {
    let consumer = credential.map(|credential| &credential.consumer.name);
    let lends = consumer.is_none() && route.upstream.credential.is_some() && !route.accept.public;
    !lends && !route.mode.is_in_force(consumer)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
