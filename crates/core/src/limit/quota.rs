//! Quotas and budgets: so many units per calendar day or month.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, civil};

use super::Unit;

/// So many units per calendar day or month; a budget where the unit is money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// What is counted.
    pub unit: Unit,
    /// How much of it per period, as it is counted.
    pub amount: u64,
    /// The period.
    pub every: Every,
    /// Whose calendar counts. The value is given whole, so that core reads no files.
    pub zone: TimeZone,
}

/// The calendar period of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Every {
    /// From midnight to midnight.
    Day,
    /// From the first of the month to the first of the next.
    Month,
}

/// One day or month of a calendar: `start <= t < end`, in seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period {
    /// Its first second.
    pub start: i64,
    /// The first second of the next.
    pub end: i64,
}

impl Quota {
    /// The period that holds the wall clock's time `wall` (since the Unix epoch).
    ///
    /// A day starts with its first second in the zone: at 01:00 where the clock skips midnight, at the first of two
    /// midnights where it is set back over it. So days are 23, 24 or 25 hours long, or what the zone's law says.
    pub fn period_at(&self, wall: Duration) -> Period {
        let now = SignedDuration::try_from(wall).ok().and_then(|wall| Timestamp::from_duration(wall).ok());
        let today = self.zone.to_datetime(now.unwrap_or(Timestamp::MAX)).date();
        let (first, next) = match self.every {
            Every::Day => (today, today.checked_add(1.day())),
            Every::Month => {
                let first = today.first_of_month();
                (first, first.checked_add(1.month()))
            }
        };
        // The calendar ends with the year 9999.
        let start = self.start_of(first).unwrap_or(i64::MIN);
        let end = next.ok().and_then(|next| self.start_of(next)).unwrap_or(i64::MAX);
        Period { start, end }
    }

    /// The first second of a day in the zone. jiff's "compatible" reading of a midnight is just that: the end of the gap
    /// where the day has none, the earlier where it has two.
    fn start_of(&self, day: civil::Date) -> Option<i64> {
        let midnight = day.to_datetime(civil::Time::midnight());
        Some(self.zone.to_ambiguous_timestamp(midnight).compatible().ok()?.as_second())
    }
}

impl Every {
    /// `day` or `month`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl Period {
    /// Whether a time, in seconds since the Unix epoch, lies within.
    pub fn contains(&self, unix_seconds: i64) -> bool {
        (self.start..self.end).contains(&unix_seconds)
    }

    /// How long it still lasts.
    pub(super) fn rest(&self, wall: Duration) -> Duration {
        Duration::from_secs(u64::try_from(self.end).unwrap_or(0)).saturating_sub(wall)
    }
}
