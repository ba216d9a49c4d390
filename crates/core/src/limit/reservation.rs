//! What a call holds while it lasts.

use std::fmt;
use std::mem;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Cost;
use super::fleet::Hold;
use super::key::{Key, Stored};
use super::limiter::Limiter;
use super::standing::{Left, Standing};
use super::taken::{End, Taken};
use crate::time::Now;

/// An estimate that was taken from every limit of a call, and a slot of each concurrency limit.
///
/// Dropped before it is [committed](Self::commit), all of it goes back. Slots are held until it is dropped or settled.
#[must_use = "a reservation that is dropped gives back what it holds"]
pub struct Reservation {
    limiter: Arc<Limiter>,
    held: Holds,
    /// What is held of rates that a fleet shares.
    fleet: Option<Box<Hold>>,
    committed: bool,
}

/// What is held of each limit; of one without an allocation, as most calls have one.
pub(super) type Holds = SmallVec<[Held; 1]>;

/// What is held of one limit.
pub(super) struct Held {
    pub key: Key,
    /// Whether it was taken from the bucket of all who found no room.
    pub shared: bool,
    pub taken: Taken,
    pub left: Left,
}

impl Reservation {
    pub(super) fn new(limiter: Arc<Limiter>, held: Holds) -> Self {
        Self { limiter, held, fleet: None, committed: false }
    }

    /// Joins what is held at a fleet, whose standing speaks for all.
    pub(crate) fn join(&mut self, hold: Hold) {
        self.fleet = Some(Box::new(hold));
    }

    /// Takes what another one holds of the same limiter.
    pub(crate) fn absorb(&mut self, mut other: Self) {
        self.held.append(&mut other.held);
    }

    /// What each of the call's limits had left with this call taken, in their order.
    pub fn standing(&self) -> impl Iterator<Item = Standing> {
        let all = self.fleet.as_deref().map_or(&[][..], |fleet| &fleet.standing);
        let own = if self.fleet.is_none() { &self.held[..] } else { &[] };
        all.iter().copied().chain(own.iter().map(|held| Standing(held.left)))
    }

    /// From now on the call counts: dropped without [`settle`](Self::settle), the estimate stands for the truth.
    pub fn commit(&mut self) {
        self.committed = true;
    }

    /// Whether the call counts.
    pub fn is_committed(&self) -> bool {
        self.committed
    }

    /// Whether the call used something other than what was reserved, so that it is worth a look at the clock to
    /// [settle](Self::settle) it.
    pub fn differs_from(&self, actual: &Cost) -> bool {
        let fleet = self.fleet.as_deref();
        self.held.iter().any(|held| held.taken.differs_from(actual))
            || fleet.is_some_and(|fleet| fleet.differs_from(actual))
    }

    /// Ends the call with what it really used. A unit that `actual` does not name was not used.
    ///
    /// Less than the estimate goes back; more is charged without question, and later calls wait for it.
    pub fn settle(mut self, actual: &Cost, now: Now) {
        self.end(End::Settle(actual), Some(now));
    }

    fn end(&mut self, end: End<'_>, now: Option<Now>) {
        self.limiter.end(&mem::take(&mut self.held), end, now);
        if let Some(mut fleet) = self.fleet.take() {
            fleet.end(end, now);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.end(if self.committed { End::Keep } else { End::GiveBack }, None);
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = standing(&self.held);
        f.debug_struct("Reservation")
            .field("standing", &standing)
            .field("committed", &self.committed)
            .finish_non_exhaustive()
    }
}

/// What is left of each limit.
pub(super) fn standing(held: &[Held]) -> Vec<Standing> {
    held.iter().map(|held| Standing(held.left)).collect()
}

impl Held {
    /// Where its state is looked up.
    pub fn stored(&self) -> Stored {
        if self.shared { self.key.stored_shared() } else { self.key.stored() }
    }
}
