//! The second look at rows: into columns, of whose cells it is known how many and of what kind they are.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::Value;

use super::cell::Cell;
use super::rows::Rows;
use crate::learn::{BadFrame, Column, Frame, Values};

/// Reads rows, all as long as there are columns.
pub(super) fn frame(columns: Vec<String>, rows: &Rows, data: &str) -> Result<Frame, BadFrame> {
    let empty = |_| Values::Numbers(Vec::new());
    let mut values: Vec<Values> = match rows.count() {
        0 => columns.iter().map(empty).collect(),
        count => rows.tallies().iter().map(|tally| tally.kind().with_capacity(count)).collect(),
    };
    let read = serde_json::Deserializer::from_str(data).deserialize_seq(Filling(&mut values));
    // What was read once is read again; were it not, columns would be too short, which is refused below.
    drop(read);
    Frame::new(columns.into_iter().zip(values).map(|(name, values)| Column { name, values }).collect())
}

struct Filling<'v>(&'v mut [Values]);

impl<'de> Visitor<'de> for Filling<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Row(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

struct Row<'v>(&'v mut [Values]);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut columns = self.0.iter_mut();
        while let Some(cell) = list.next_element::<Cell<'de, Value>>()? {
            let column = columns.next().ok_or_else(|| A::Error::custom("the row is too long"))?;
            push(column, cell);
        }
        Ok(())
    }
}

/// Puts a cell into a column whose kind holds it.
fn push(column: &mut Values, cell: Cell<'_, Value>) {
    match column {
        Values::Integers(values) => values.extend(cell.number().and_then(|number| number.as_i64())),
        Values::Numbers(values) => {
            values.push(cell.number().and_then(|number| number.as_f64()).unwrap_or(f64::NAN));
        }
        Values::Booleans(values) => values.push(match cell {
            Cell::Boolean(value) => Some(value),
            _ => None,
        }),
        Values::Texts(values) => values.push(match cell {
            Cell::Text(text) => Some(text.into()),
            _ => None,
        }),
        Values::Mixed(values) => values.push(cell.into_value()),
    }
}
