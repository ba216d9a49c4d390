//! What one limit says to a call, and what a reservation holds of it.

use super::rate::Pace;
use super::standing::{Ends, Left};
use super::{Cost, Unit};

/// One limit's answer to a call.
pub(super) struct Judged {
    /// What is taken where all limits agree.
    pub taken: Taken,
    /// What is left without the call.
    pub left: Left,
    /// When the limit would let the call pass, if it does not now.
    pub ends: Option<Ends>,
}

/// What a reservation holds of one limit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Taken {
    /// Units of a rate, until the theoretical arrival time `until`.
    Rate { unit: Unit, pace: Pace, units: u64, until: u128 },
    /// One of the slots.
    Slot,
    /// Units of a quota in the period that starts so.
    Count { unit: Unit, start: i64, units: u64 },
}

/// How a reservation ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End<'a> {
    /// The call did not happen.
    GiveBack,
    /// The estimate stands for the truth, which nobody learned.
    Keep,
    /// This is the truth.
    Settle(&'a Cost),
}

impl End<'_> {
    /// How much of the unit counts in the end.
    pub fn actual(self, unit: Unit, estimate: u64) -> u64 {
        match self {
            Self::GiveBack => 0,
            Self::Keep => estimate,
            Self::Settle(truth) => truth.of(unit),
        }
    }
}

impl Taken {
    /// Whether this is not what the call used in the end.
    pub fn differs_from(&self, actual: &Cost) -> bool {
        match *self {
            Self::Rate { unit, units, .. } | Self::Count { unit, units, .. } => actual.of(unit) != units,
            Self::Slot => false,
        }
    }

    /// Whether this end changes nothing, so that nothing need be locked for it.
    pub fn stays(&self, end: End<'_>) -> bool {
        match *self {
            Self::Rate { unit, units, .. } => end.actual(unit, units) == units,
            Self::Slot | Self::Count { .. } => false,
        }
    }
}

impl Left {
    /// What is left with the call.
    pub fn after(self, taken: &Taken) -> Self {
        match (self, taken) {
            (Self::Rate { amount, pace, backlog }, Taken::Rate { units, .. }) => {
                Self::Rate { amount, pace, backlog: backlog.saturating_add(pace.of(*units)) }
            }
            (Self::Slots { most, held }, _) => Self::Slots { most, held: held.saturating_add(1) },
            (Self::Count { amount, taken, rest }, Taken::Count { units, .. }) => {
                Self::Count { amount, taken: taken.saturating_add(*units), rest }
            }
            (left, _) => left,
        }
    }
}
