//! Points in time as the command line is told them: so long ago, or a time.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

/// From which on minutes are not asked for: the store does not keep them for ever.
const LONG: SignedDuration = SignedDuration::from_hours(31 * 24);

/// When: `90m`, `24h`, `7d` or `4w` ago, or a time such as `2027-01-31T12:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So long before now.
    Ago(SignedDuration),
    /// Then.
    At(Timestamp),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ago = || {
            let (number, seconds) = [("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)]
                .into_iter()
                .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
            let number = number.parse::<u32>().ok()?;
            Some(SignedDuration::from_secs(i64::from(number) * seconds))
        };
        let day = || text.parse::<jiff::civil::Date>().ok()?.at(0, 0, 0, 0).in_tz("UTC").ok();
        if let Some(ago) = ago() {
            return Ok(Self::Ago(ago));
        }
        let at = text.parse().ok().or_else(|| day().map(|day| day.timestamp()));
        at.map(Self::At)
            .ok_or_else(|| "write `24h`, `7d`, a day, or a time such as `2027-01-31T12:00:00Z`".to_owned())
    }
}

impl Moment {
    /// The moment itself.
    pub fn exact(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
            Self::At(at) => at,
        }
    }

    /// The last whole minute before it; a whole day of UTC where it is so long ago that minutes may be deleted.
    pub fn floor(self, now: Timestamp) -> Timestamp {
        let at = self.exact(now).as_second();
        let unit = match self {
            Self::Ago(ago) if ago >= LONG => 86_400,
            Self::Ago(_) | Self::At(_) => 60,
        };
        Timestamp::from_second(at - at.rem_euclid(unit)).unwrap_or(Timestamp::MIN)
    }

    /// The first whole minute at it or after it.
    pub fn ceiling(self, now: Timestamp) -> Timestamp {
        let at = self.exact(now);
        let second = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
        Timestamp::from_second(second + (-second).rem_euclid(60)).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
