//! The first look at rows: how many, how long, and what is in each column.

use std::fmt;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::COLUMNS_MAX;
use super::cell::{Cell, Weight};
use crate::learn::Tally;

/// As many flaws as are told of.
const OTHERS_MAX: usize = 100;

/// What is in some rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    count: usize,
    /// What is in each column, by the first row's length.
    tallies: Vec<Tally>,
    /// Bytes of texts, lists and objects.
    beside: usize,
    /// The first row that is not as long as the first one, and its length.
    ragged: Option<(usize, usize)>,
    too_wide: bool,
    /// What is no row, with its place.
    others: Vec<(usize, Value)>,
}

impl Rows {
    /// Looks through a list of rows.
    pub(super) fn look(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::Deserializer::from_str(text).deserialize_seq(Looking)
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    pub(super) fn is_too_wide(&self) -> bool {
        self.too_wide
    }

    pub(super) fn others(&self) -> &[(usize, Value)] {
        &self.others
    }

    /// The first row that is not as long as expected, counted from 1, and its length.
    pub(super) fn ragged(&self, expected: usize) -> Option<(usize, usize)> {
        let first = (self.count > 0 && self.tallies.len() != expected).then_some((1, self.tallies.len()));
        first.or(self.ragged)
    }

    /// How many bytes they take as columns.
    pub(super) fn weight(&self) -> usize {
        let columns = self.tallies.iter().map(|tally| tally.kind().cell().saturating_mul(self.count));
        columns.fold(self.beside, usize::saturating_add)
    }
}

struct Looking;

impl<'de> Visitor<'de> for Looking {
    type Value = Rows;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rows, A::Error> {
        let mut rows = Rows::default();
        while let Some(row) = list.next_element_seed(Row(&mut rows))? {
            let place = rows.count;
            rows.count += 1;
            match row {
                Ok(length) if place > 0 && length != rows.tallies.len() && rows.ragged.is_none() => {
                    rows.ragged = Some((place + 1, length));
                }
                Ok(_) => {}
                Err(other) if rows.others.len() < OTHERS_MAX => rows.others.push((place, other)),
                Err(_) => {}
            }
        }
        Ok(rows)
    }
}

/// The next row: its length, or an outline of what is no list.
struct Row<'r>(&'r mut Rows);

impl<'de> serde::de::DeserializeSeed<'de> for Row<'_> {
    type Value = Result<usize, Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = Result<usize, Value>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let rows = self.0;
        let first = rows.count == 0;
        let mut length = 0;
        while let Some(cell) = list.next_element::<Cell<'de, Weight>>()? {
            if first && length < COLUMNS_MAX {
                rows.tallies.push(Tally::default());
            }
            rows.too_wide |= length == COLUMNS_MAX;
            if let Some(tally) = rows.tallies.get_mut(length) {
                rows.beside = rows.beside.saturating_add(cell.weight());
                match cell {
                    Cell::Null => tally.null(),
                    Cell::Boolean(_) => tally.boolean(),
                    Cell::Number(number) => tally.number(&number),
                    Cell::Text(_) => tally.text(),
                    Cell::Nested(_) => tally.nested(),
                }
            }
            length += 1;
        }
        Ok(Ok(length))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Err(Value::Object(Map::new())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Err(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Err(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Err(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Err(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Err(value.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Err(text.into()))
    }
}
