//! What the cells of a column are, from which its kind follows.

use serde_json::{Number, Value};

use super::Values;

/// How many cells of a column are of which kind.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    cells: usize,
    nulls: usize,
    numbers: usize,
    /// Those of the numbers that are whole.
    integers: usize,
    booleans: usize,
    texts: usize,
}

/// How the values of a column are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Numbers,
    Integers,
    Texts,
    Booleans,
    Mixed,
}

impl Tally {
    pub(super) fn count(&mut self, cell: &Value) {
        match cell {
            Value::Null => self.null(),
            Value::Number(number) => self.number(number),
            Value::Bool(_) => self.boolean(),
            Value::String(_) => self.text(),
            Value::Array(_) | Value::Object(_) => self.nested(),
        }
    }

    pub(crate) fn null(&mut self) {
        self.cells += 1;
        self.nulls += 1;
    }

    pub(crate) fn number(&mut self, number: &Number) {
        self.cells += 1;
        self.numbers += 1;
        self.integers += usize::from(number.is_i64());
    }

    pub(crate) fn boolean(&mut self) {
        self.cells += 1;
        self.booleans += 1;
    }

    pub(crate) fn text(&mut self) {
        self.cells += 1;
        self.texts += 1;
    }

    /// Counts a list or an object.
    pub(crate) fn nested(&mut self) {
        self.cells += 1;
    }

    /// The narrowest kind that holds all of the cells.
    pub(crate) fn kind(&self) -> Kind {
        let all = |counted| counted + self.nulls == self.cells;
        if self.integers == self.cells && self.integers > 0 {
            Kind::Integers
        } else if all(self.numbers) {
            Kind::Numbers
        } else if all(self.booleans) {
            Kind::Booleans
        } else if all(self.texts) {
            Kind::Texts
        } else {
            Kind::Mixed
        }
    }
}

impl Kind {
    /// How many bytes a cell takes in such a column, without what it points to.
    pub(crate) fn cell(self) -> usize {
        match self {
            Self::Numbers => size_of::<f64>(),
            Self::Integers => size_of::<i64>(),
            Self::Texts => size_of::<Option<Box<str>>>(),
            Self::Booleans => size_of::<Option<bool>>(),
            Self::Mixed => size_of::<Value>(),
        }
    }

    /// A column of that kind, with room for so many values.
    pub(crate) fn with_capacity(self, rows: usize) -> Values {
        match self {
            Self::Numbers => Values::Numbers(Vec::with_capacity(rows)),
            Self::Integers => Values::Integers(Vec::with_capacity(rows)),
            Self::Texts => Values::Texts(Vec::with_capacity(rows)),
            Self::Booleans => Values::Booleans(Vec::with_capacity(rows)),
            Self::Mixed => Values::Mixed(Vec::with_capacity(rows)),
        }
    }
}
