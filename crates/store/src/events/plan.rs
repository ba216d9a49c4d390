//! Which roll-ups a range of time is read from: the longest that fit, and shorter ones at its edges.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::rollup::Span;
use crate::error::{Error, Result};

/// What lengths of time usage is told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// Minutes.
    Minute,
    /// Hours of the zone.
    Hour,
    /// Days of the zone, which may have 23 or 25 hours.
    Day,
}

/// Roll-ups of one span, from `start` to before `end`, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) span: Span,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// The beginnings of periods in a zone; it remembers the last one, as times are asked for in their order.
pub(super) struct Periods<'a> {
    period: Period,
    zone: &'a TimeZone,
    /// From when to before when the last answer holds, and the answer.
    last: (i64, i64),
}

impl Period {
    /// Its name in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// The segments of a range, in the order of time.
///
/// # Errors
/// [`Error::Invalid`] where the range does not begin and end with whole minutes.
pub(super) fn plan(
    from: Timestamp,
    to: Timestamp,
    period: Option<Period>,
    zone: &TimeZone,
) -> Result<Vec<Segment>> {
    let (start, end) = (from.as_microsecond(), to.as_microsecond());
    for (field, time) in [("from", from), ("to", to)] {
        if time.as_nanosecond() % 60_000_000_000 != 0 {
            return Err(Error::invalid(field, "must be a whole minute"));
        }
    }
    let mut segments = Vec::new();
    match period {
        None => cut(&mut segments, Some(Span::Day), start, end),
        Some(Period::Minute) => cut(&mut segments, Some(Span::Minute), start, end),
        Some(Period::Hour) => {
            let span = if whole_hours(from, to, zone) { Span::Hour } else { Span::Minute };
            cut(&mut segments, Some(span), start, end);
        }
        Some(Period::Day) if *zone == TimeZone::UTC => cut(&mut segments, Some(Span::Day), start, end),
        Some(Period::Day) => {
            let mut days = Periods::new(Period::Day, zone);
            let mut begin = start;
            while begin < end {
                let (_, next) = days.around(begin)?;
                cut(&mut segments, Some(Span::Hour), begin, next.min(end));
                begin = next;
            }
        }
    }
    Ok(segments)
}

/// Appends a range in whole spans of at most this length.
fn cut(segments: &mut Vec<Segment>, longest: Option<Span>, start: i64, end: i64) {
    let Some(span) = longest.filter(|_| start < end) else { return };
    let shorter = match span {
        Span::Minute => None,
        Span::Hour => Some(Span::Minute),
        Span::Day => Some(Span::Hour),
    };
    let (first, last) = (span.floor(start + span.micros() - 1), span.floor(end));
    if first >= last {
        return cut(segments, shorter, start, end);
    }
    cut(segments, shorter, start, first);
    match segments.last_mut() {
        Some(before) if before.span == span && before.end == first => before.end = last,
        _ => segments.push(Segment { span, start: first, end: last }),
    }
    cut(segments, shorter, last, end);
}

/// Whether the zone's hours begin with those of UTC, all the time.
fn whole_hours(from: Timestamp, to: Timestamp, zone: &TimeZone) -> bool {
    let changes = zone.following(from).map(|change| change.timestamp()).take_while(|at| *at < to);
    std::iter::once(from).chain(changes).all(|at| zone.to_offset(at).seconds() % 3600 == 0)
}

impl<'a> Periods<'a> {
    pub(super) fn new(period: Period, zone: &'a TimeZone) -> Self {
        Self { period, zone, last: (0, 0) }
    }

    /// When the period began that this time lies in.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time beyond what a calendar has.
    pub(super) fn beginning(&mut self, micros: i64) -> Result<Timestamp> {
        let (start, _) = self.around(micros)?;
        Timestamp::from_microsecond(start).map_err(|_| beyond())
    }

    /// The period around a time: its beginning and the next one's.
    fn around(&mut self, micros: i64) -> Result<(i64, i64)> {
        if !(self.last.0..self.last.1).contains(&micros) {
            self.last = match self.period {
                Period::Minute => whole(Span::Minute, micros, 0),
                Period::Hour => {
                    let at = Timestamp::from_microsecond(micros).map_err(|_| beyond())?;
                    whole(Span::Hour, micros, i64::from(self.zone.to_offset(at).seconds()))
                }
                Period::Day => self.day(micros).map_err(|_| beyond())?,
            };
        }
        Ok(self.last)
    }

    fn day(&self, micros: i64) -> std::result::Result<(i64, i64), jiff::Error> {
        let day = Timestamp::from_microsecond(micros)?.to_zoned(self.zone.clone()).date();
        let begin = |day: jiff::civil::Date| {
            day.to_zoned(self.zone.clone()).map(|begin| begin.timestamp().as_microsecond())
        };
        Ok((begin(day)?, begin(day.tomorrow()?)?))
    }
}

/// The whole span around a time in a zone that is so many seconds from UTC.
fn whole(span: Span, micros: i64, offset: i64) -> (i64, i64) {
    let start = span.floor(micros + offset * 1_000_000) - offset * 1_000_000;
    (start, start + span.micros())
}

fn beyond() -> Error {
    Error::invalid("from", "lies beyond the calendar")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
