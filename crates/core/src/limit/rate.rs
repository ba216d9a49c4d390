//! Rates: so many units per window, so many of them at once.

use std::time::Duration;

use super::Unit;

/// So many units per window, of which a burst may come at once, both as they are counted.
///
/// The rule is GCRA, the virtual scheduling form of a leaky bucket (ITU-T I.371): every unit moves the theoretical
/// arrival time on by window / amount, and a call passes while that time is at most `burst` units ahead of now.
///
/// Arithmetic is exact. Time is counted in ticks, `amount / gcd` of them in a nanosecond and `window / gcd` of them for a
/// unit, with the greatest common divisor of both. So 7/s, whose interval is no whole number of nanoseconds, admits
/// exactly 7 × 86,400 units a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    unit: Unit,
    amount: u64,
    window_ns: u64,
    pace: Pace,
}

/// Why numbers make no [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// The amount is zero or above 2^48.
    #[error("a rate allows between 1 and 281474976710656 units per window")]
    Amount,
    /// The window is zero or above 52 days.
    #[error("the window of a rate is longer than nothing and at most 52 days")]
    Window,
    /// The burst is zero, so that nothing would pass, or above 2^48.
    #[error("the burst of a rate is between 1 and 281474976710656 units")]
    Burst,
    /// The burst would take more than 36 years to come back.
    #[error("the burst takes more than 36 years to come back at this rate")]
    TooSlow,
}

/// The arithmetic of a rate, without what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    pub ticks_per_ns: u64,
    pub ticks_per_unit: u64,
    pub burst: u64,
}

/// With at most 2^64 ns and 2^48 ticks in each, every sum below stays under 2^128.
pub(super) const MOST_UNITS: u64 = 1 << 48;
const MOST_WINDOW_NS: u64 = 1 << 52;
const MOST_FULL_NS: u128 = 1 << 60;

impl Rate {
    /// `amount` units per `window`, with a burst of as many unless `burst` is given.
    ///
    /// # Errors
    /// [`RateError`] names the number that is out of its range.
    pub fn new(unit: Unit, amount: u64, window: Duration, burst: Option<u64>) -> Result<Self, RateError> {
        let burst = burst.unwrap_or(amount);
        if !(1..=MOST_UNITS).contains(&amount) {
            return Err(RateError::Amount);
        }
        if !(1..=MOST_UNITS).contains(&burst) {
            return Err(RateError::Burst);
        }
        let window_ns = u64::try_from(window.as_nanos()).map_err(|_| RateError::Window)?;
        if !(1..=MOST_WINDOW_NS).contains(&window_ns) {
            return Err(RateError::Window);
        }
        let pace = Pace::new(amount, window_ns, burst);
        if pace.full_ns() > MOST_FULL_NS {
            return Err(RateError::TooSlow);
        }
        Ok(Self { unit, amount, window_ns, pace })
    }

    /// What is counted.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// How many units per window.
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// The window.
    pub fn window(&self) -> Duration {
        Duration::from_nanos(self.window_ns)
    }

    /// How many units may come at once.
    pub fn burst(&self) -> u64 {
        self.pace.burst
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace
    }
}

impl Pace {
    pub(super) fn new(amount: u64, window: u64, burst: u64) -> Self {
        let divisor = greatest_common_divisor(amount, window);
        Self { ticks_per_ns: amount / divisor, ticks_per_unit: window / divisor, burst }
    }

    /// A point in time in ticks.
    pub fn at(&self, ns: u64) -> u128 {
        u128::from(ns) * u128::from(self.ticks_per_ns)
    }

    /// How long `units` take to come back, in ticks.
    pub fn of(&self, units: u64) -> u128 {
        u128::from(units) * u128::from(self.ticks_per_unit)
    }

    /// How far the theoretical arrival time may be ahead of now, in ticks.
    pub fn full(&self) -> u128 {
        self.of(self.burst)
    }

    /// The same, in nanoseconds, rounded up.
    pub fn full_ns(&self) -> u128 {
        self.full().div_ceil(u128::from(self.ticks_per_ns))
    }

    /// Ticks as nanoseconds, rounded up: never too early.
    pub fn ns(&self, ticks: u128) -> u64 {
        let ns = match (self.ticks_per_ns, u64::try_from(ticks)) {
            (1, Ok(ticks)) => return ticks,
            // A division of 64 bits takes a fraction of the time of one of 128.
            (per_ns, Ok(ticks)) => return ticks.div_ceil(per_ns),
            (per_ns, Err(_)) => ticks.div_ceil(u128::from(per_ns)),
        };
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// How many whole units these ticks are.
    pub fn units(&self, ticks: u128) -> u64 {
        match u64::try_from(ticks) {
            Ok(ticks) => ticks / self.ticks_per_unit,
            Err(_) => u64::try_from(ticks / u128::from(self.ticks_per_unit)).unwrap_or(u64::MAX),
        }
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    // Zero only where both are.
    a.max(1)
}
