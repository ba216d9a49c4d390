//! The state of one rate for one subject.

use super::rate::Pace;

/// How far one subject has used up one rate: the theoretical arrival time, in ticks of the pace it was last used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Two halves, as a `u128` would be aligned to 16 bytes and make an entry larger than a cache line.
    arrival: [u64; 2],
    pace: Pace,
}

/// What a rate says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It may pass.
    Pass,
    /// It may pass after so many nanoseconds.
    Wait(u64),
    /// It alone is larger than the burst.
    Never,
}

/// Judges a call of `units` by the ticks that are owed already.
pub(super) fn judge(pace: Pace, backlog: u128, units: u64) -> Judgement {
    if units > pace.burst {
        return Judgement::Never;
    }
    match backlog.saturating_add(pace.of(units)).checked_sub(pace.full()) {
        None | Some(0) => Judgement::Pass,
        Some(over) => Judgement::Wait(pace.ns(over)),
    }
}

impl Bucket {
    /// A bucket whose theoretical arrival time is `arrival`.
    pub fn new(pace: Pace, arrival: u128) -> Self {
        Self { arrival: [(arrival >> 64) as u64, arrival as u64], pace }
    }

    /// The ticks of `pace` that are owed at `now`: none where the bucket is full again.
    ///
    /// Under another pace than the bucket's own, after a reload, the share of the burst that is owed stays the same,
    /// rounded up to a nanosecond.
    pub fn backlog(&self, pace: Pace, now: u64) -> u128 {
        let own = self.arrival().saturating_sub(self.pace.at(now));
        if pace == self.pace || own == 0 {
            return own;
        }
        let owed = u128::from(self.pace.ns(own));
        // Below 2^60 each but for a debt, which a reload may cut to 2^64 ns: 584 years.
        let share = (owed * pace.full_ns()).div_ceil(full_ns_floor(self.pace));
        let scaled = share.saturating_mul(u128::from(pace.ticks_per_ns));
        // Rounding up takes no call more than the bucket holds.
        if own <= self.pace.full() { scaled.min(pace.full()) } else { scaled }
    }

    /// When the bucket is full again and as good as absent, in nanoseconds of the monotonic clock.
    pub fn rests_at(&self) -> u64 {
        self.pace.ns(self.arrival())
    }

    /// Gives back `units` that were taken with `pace` when the theoretical arrival time became `taken_until`.
    ///
    /// A bucket comes back from its oldest call on, so what lies before now of the span that ends at `taken_until` has
    /// come back already, and is not given back again: else a call could use it, and a second one the same unit.
    pub fn give_back(&mut self, pace: Pace, units: u64, taken_until: u128, now: u64) {
        let owed = pace.of(units).min(taken_until.saturating_sub(pace.at(now)));
        let owed = if pace == self.pace {
            owed
        } else {
            let ns = owed / u128::from(pace.ticks_per_ns);
            ns * full_ns_floor(self.pace) / pace.full_ns() * u128::from(self.pace.ticks_per_ns)
        };
        *self = Self::new(self.pace, self.arrival().saturating_sub(owed));
    }

    fn arrival(&self) -> u128 {
        u128::from(self.arrival[0]) << 64 | u128::from(self.arrival[1])
    }
}

/// Rounded down, and at least one: a divisor.
fn full_ns_floor(pace: Pace) -> u128 {
    (pace.full() / u128::from(pace.ticks_per_ns)).max(1)
}
