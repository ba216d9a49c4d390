//! A table of named columns, as requests and files bring it.

mod tally;

use std::collections::HashSet;

use serde_json::{Number, Value};

use tally::Kind;
pub(crate) use tally::Tally;

/// A table: named columns of equal length, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    columns: Vec<Column>,
    rows: usize,
}

/// One named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What the column is called; unique within a frame.
    pub name: String,
    /// Its values, one per row.
    pub values: Values,
}

/// The values of one column, held as narrowly as all of them allow.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers; a missing one is NaN. A column of nothing but nulls is this.
    Numbers(Vec<f64>),
    /// Whole numbers without a gap, kept apart because they go out as they came: `7`, not `7.0`.
    Integers(Vec<i64>),
    /// Texts.
    Texts(Vec<Option<Box<str>>>),
    /// Truth values.
    Booleans(Vec<Option<bool>>),
    /// Whatever is none of these: several kinds in one column, lists, objects. It is copied through and never computed with.
    Mixed(Vec<Value>),
}

/// Why rows make no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// A row has more or fewer values than there are columns.
    #[error("row {row} has {found} values, but there are {expected} columns")]
    Ragged {
        /// The row, counted from 1.
        row: usize,
        /// How many columns are named.
        expected: usize,
        /// How many values the row has.
        found: usize,
    },
    /// Two columns have one name.
    #[error("the column `{name}` is named twice")]
    NamedTwice {
        /// The name.
        name: String,
    },
    /// A column is shorter or longer than the first one.
    #[error("the column `{name}` has {found} values, but the first column has {expected}")]
    Uneven {
        /// The column.
        name: String,
        /// How many values the first column has.
        expected: usize,
        /// How many this one has.
        found: usize,
    },
}

impl Frame {
    /// A table of these columns.
    ///
    /// # Errors
    /// [`BadFrame`] where names repeat or lengths differ.
    pub fn new(columns: Vec<Column>) -> Result<Self, BadFrame> {
        unique(columns.iter().map(|column| column.name.as_str()))?;
        let rows = columns.first().map_or(0, |column| column.values.len());
        if let Some(uneven) = columns.iter().find(|column| column.values.len() != rows) {
            let found = uneven.values.len();
            return Err(BadFrame::Uneven { name: uneven.name.clone(), expected: rows, found });
        }
        Ok(Self { columns, rows })
    }

    /// A table of rows as JSON writes them: `columns` and `data` of the service's bodies.
    ///
    /// # Errors
    /// [`BadFrame`] where names repeat or a row is not as long as there are columns.
    pub fn from_rows(columns: Vec<String>, mut rows: Vec<Vec<Value>>) -> Result<Self, BadFrame> {
        unique(columns.iter().map(String::as_str))?;
        let expected = columns.len();
        if let Some((row, ragged)) = rows.iter().enumerate().find(|(_, row)| row.len() != expected) {
            return Err(BadFrame::Ragged { row: row + 1, expected, found: ragged.len() });
        }
        let count = rows.len();
        // Column by column, so that never more than one is there twice.
        let column = |(place, name)| {
            let cells = rows.iter_mut().map(|row| row.get_mut(place).map(Value::take).unwrap_or_default());
            Column { name, values: Values::of(cells.collect()) }
        };
        Ok(Self { columns: columns.into_iter().enumerate().map(column).collect(), rows: count })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The table with one more column; one of the same name is replaced where it stands.
    ///
    /// # Errors
    /// [`BadFrame::Uneven`] where its length differs from the table's. The first column of an empty table gives the length.
    pub fn with(mut self, column: Column) -> Result<Self, BadFrame> {
        let found = column.values.len();
        if self.columns.is_empty() {
            self.rows = found;
        }
        if found != self.rows {
            return Err(BadFrame::Uneven { name: column.name, expected: self.rows, found });
        }
        self.put(column);
        Ok(self)
    }

    /// A table of so many rows, to which columns are still to be put.
    pub(super) fn of_rows(rows: usize) -> Self {
        Self { columns: Vec::new(), rows }
    }

    /// The columns, in order.
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// Adds a column that has as many values as the table has rows.
    pub(super) fn put(&mut self, column: Column) {
        match self.columns.iter_mut().find(|present| present.name == column.name) {
            Some(present) => *present = column,
            None => self.columns.push(column),
        }
    }

    /// The names of the columns and the rows, as JSON writes them; what is missing is `null`.
    pub fn to_rows(&self) -> (Vec<String>, Vec<Vec<Value>>) {
        let names = self.columns.iter().map(|column| column.name.clone()).collect();
        let row = |row| self.columns.iter().map(|column| column.values.json(row)).collect();
        (names, (0..self.rows).map(row).collect())
    }
}

impl Values {
    /// The narrowest kind that holds all of these cells.
    pub fn of(cells: Vec<Value>) -> Self {
        let mut tally = Tally::default();
        cells.iter().for_each(|cell| tally.count(cell));
        match tally.kind() {
            Kind::Integers => Self::Integers(cells.iter().filter_map(Value::as_i64).collect()),
            Kind::Numbers => {
                Self::Numbers(cells.iter().map(|cell| cell.as_f64().unwrap_or(f64::NAN)).collect())
            }
            Kind::Booleans => Self::Booleans(cells.iter().map(Value::as_bool).collect()),
            Kind::Texts => Self::Texts(cells.iter().map(|cell| cell.as_str().map(Box::from)).collect()),
            Kind::Mixed => Self::Mixed(cells),
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Booleans(values) => values.len(),
            Self::Mixed(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first row whose number is infinite or none at all.
    pub(crate) fn beyond(&self) -> Option<usize> {
        match self {
            Self::Numbers(values) => values.iter().position(|value| !value.is_finite()),
            Self::Integers(_) | Self::Texts(_) | Self::Booleans(_) | Self::Mixed(_) => None,
        }
    }

    /// The value of one row as JSON; `null` where it is missing, is no number that JSON can write, or the row is not there.
    pub fn json(&self, row: usize) -> Value {
        match self {
            Self::Numbers(values) => {
                let number = values.get(row).copied().and_then(Number::from_f64);
                number.map_or(Value::Null, Value::Number)
            }
            Self::Integers(values) => values.get(row).copied().into(),
            Self::Texts(values) => values.get(row).and_then(|text| text.as_deref()).into(),
            Self::Booleans(values) => values.get(row).copied().flatten().into(),
            Self::Mixed(values) => values.get(row).cloned().unwrap_or(Value::Null),
        }
    }
}

/// Refuses names that repeat.
pub(crate) fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), BadFrame> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(BadFrame::NamedTwice { name: name.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
