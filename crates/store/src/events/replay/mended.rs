//! What making roll-ups anew came to, in words.

use jiff::Timestamp;

use super::super::plan::Period;

/// What making roll-ups anew came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replayed {
    /// From which time on: before it, events are deleted, and the roll-ups were left as they are.
    pub from: Option<Timestamp>,
    /// Events that were read.
    pub events: u64,
    /// Roll-ups that they come to.
    pub rollups: u64,
    /// Roll-ups that were other than they should be, or were missing, or should not be there; and series whose names were
    /// other ones, or missing.
    pub mended: u64,
    /// The first hundred of them.
    pub first: Vec<Mended>,
    /// Series with roll-ups whose names are wrong or missing, and roll-ups that cannot be read, which stay so: no event of
    /// them is kept any more.
    pub lost: u64,
    /// Days whose roll-ups count more events than are there, and were left as they are unless they were to be lowered.
    pub short: Vec<Short>,
}

/// A day whose roll-ups count more events than are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// When it began.
    pub day: Timestamp,
    /// Events that its roll-ups count.
    pub counted: u64,
    /// Events that are there.
    pub events: u64,
}

/// A roll-up that was other than it should be, or a series, which is who and what roll-ups of any time are told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// Of what length the roll-up is and when its time began; absent for a series.
    pub time: Option<(Period, Timestamp)>,
    /// Whose calls it is of; what they have not is empty.
    pub consumer: String,
    /// By which route.
    pub route: String,
    /// Of which model.
    pub model: String,
    /// The first thing of it that was wrong. Of a roll-up: `events`, a quality, a measure, `duration_ms`, `upstream_ms` or
    /// `latencies`. Of a series: a dimension, or `account_id`.
    pub what: &'static str,
    /// What it was; absent where all of it was missing, or this was not measured.
    pub was: Option<Stored>,
    /// What the events come to; absent where it should not be there, or is not known any more.
    pub is: Option<Stored>,
}

/// What stood in a table, or should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// A sum.
    Sum(u64),
    /// A name; empty for none.
    Name(String),
    /// What no program of ours wrote.
    Damaged,
}

/// What is nobody's, of a roll-up of this time or of a series.
pub(super) fn damaged(time: Option<(Period, Timestamp)>) -> Mended {
    let nobody = String::new;
    let was = Some(Stored::Damaged);
    Mended { time, consumer: nobody(), route: nobody(), model: nobody(), what: "names", was, is: None }
}
