//! Numbers and measures as columns, and back.

use tollgate_core::usage::{Measure, Measures};

use crate::error::Result;
use crate::row::{Columns, Read};
use crate::statement::Value;

/// A number of an event as a column holds it. An event's own bounds are the same ([`UsageEvent::of`](tollgate_core::usage::UsageEvent::of)).
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// One value for each measure, in the order of the columns, which is that of [`Measure::ALL`].
pub(super) fn measures(measures: &Measures) -> impl Iterator<Item = Value> {
    Measure::ALL.into_iter().map(|measure| measures.of(measure).map(int).into())
}

impl Read for Measures {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let mut measures = Self::default();
        for measure in Measure::ALL {
            if let Some(value) = columns.next::<Option<i64>>()? {
                measures = measures.with(measure, checked(value, columns)?);
            }
        }
        Ok(measures)
    }
}

/// A number that is not negative.
pub(super) fn unsigned(columns: &mut Columns<'_>) -> Result<u64> {
    let value = columns.next::<i64>()?;
    checked(value, columns)
}

fn checked(value: i64, columns: &Columns<'_>) -> Result<u64> {
    u64::try_from(value).map_err(|_| columns.damaged(&value.to_string()))
}
