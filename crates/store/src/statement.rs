//! SQL texts and the values that go with them.
//!
//! A text is put together from literals of this crate alone; what comes from outside can only be bound, by type. Both
//! databases take `$1`, `$2`, … as numbered parameters, so that one text serves both.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::tables::Table;

/// One value of a row. There are three types only, so that a row means the same in both databases: points in time are
/// microseconds, sets and networks are JSON, identifiers are text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// Parameters of a statement with many rows: more hardly save anything, and make a text that is long to read.
const PARAMETERS: usize = 1000;

/// Rows of which each number has a text that is kept. The roll-ups of one event are three.
const FEW: usize = 3;

/// One statement, ready to run.
#[derive(Clone)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
    /// Whether the connection keeps it prepared; not where the text depends on the number of values.
    pub(crate) kept: bool,
}

impl Statement {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), values: Vec::new(), kept: true }
    }

    /// Begins `SELECT a.x, a.y, b.z` with every column of these tables, in their order.
    pub(crate) fn select(tables: &[&Table]) -> Self {
        let mut statement = Self::new("SELECT ");
        for (at, (table, column)) in tables
            .iter()
            .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
            .enumerate()
        {
            if at > 0 {
                statement.text.push_str(", ");
            }
            statement = statement.push(table.name).push(".").push(column.name);
        }
        statement
    }

    /// How many rows of a table one statement should insert.
    pub(crate) fn rows_at_once(table: &Table) -> usize {
        (PARAMETERS / table.columns.len().max(1)).max(1)
    }

    /// How many keys of a table one statement should look for.
    pub(crate) fn keys_at_once(table: &Table) -> usize {
        (PARAMETERS / table.key.max(1)).max(1)
    }

    /// `INSERT INTO table (…) VALUES (…), (…)`; each row has a value for every column.
    pub(crate) fn insert(table: &Table, rows: impl IntoIterator<Item = Vec<Value>>) -> Self {
        let mut statement = Self::new("INSERT INTO ").push(table.name).push(" (");
        statement = statement.names(table.columns.iter().map(|column| column.name)).push(") VALUES ");
        let mut count = 0_usize;
        for row in rows {
            if count > 0 {
                statement.text.push_str(", ");
            }
            statement = statement.list(row);
            count += 1;
        }
        statement.kept = Self::comes_again(count, Self::rows_at_once(table));
        statement
    }

    /// Whether a text for so many rows is worth to be kept prepared: for a few, such as the roll-ups of one event, and for
    /// as many as there can be.
    pub(crate) fn comes_again(rows: usize, most: usize) -> bool {
        rows <= FEW || rows == most
    }

    /// `UPDATE table SET … WHERE id = …`: every column of a table whose first column is its key.
    pub(crate) fn update(table: &Table, row: Vec<Value>) -> Self {
        let mut statement = Self::new("UPDATE ").push(table.name).push(" SET ");
        let mut values = row.into_iter();
        let id = values.next();
        for (at, (column, value)) in table.columns.iter().skip(1).zip(values).enumerate() {
            if at > 0 {
                statement.text.push_str(", ");
            }
            statement = statement.push(column.name).push(" = ").bind(value);
        }
        match id {
            Some(id) => statement.push(" WHERE id = ").bind(id),
            None => statement.push(" WHERE 1 = 0"),
        }
    }

    /// The same for SQLite, with parameters that have no names. By `$1` it would look for the name of each among those of
    /// all others, so that a statement with ten times as many takes a hundred times as long. Each is bound where it
    /// stands, so their order is that of their numbers.
    pub(crate) fn without_names(mut self) -> Self {
        let mut text = String::with_capacity(self.text.len());
        let mut parts = self.text.split('$');
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            text.push('?');
            text.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        }
        self.text = text;
        self
    }

    pub(crate) fn push(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Writes the next parameter and keeps its value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        // Into a text this cannot fail.
        let _ = write!(self.text, "${}", self.values.len());
        self
    }

    /// `($1, $2, …)`. The text depends on how many there are, so it is not kept prepared unless asked.
    pub(crate) fn list(mut self, values: impl IntoIterator<Item = Value>) -> Self {
        self.kept = false;
        self.text.push('(');
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.text.push_str(", ");
            }
            self = self.bind(value);
        }
        self.text.push(')');
        self
    }

    pub(crate) fn names(mut self, names: impl IntoIterator<Item = &'static str>) -> Self {
        for (at, name) in names.into_iter().enumerate() {
            if at > 0 {
                self.text.push_str(", ");
            }
            self.text.push_str(name);
        }
        self
    }
}

macro_rules! values {
    ($($from:ty => $variant:ident: $value:ident -> $into:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                Self::$variant($into)
            }
        })*
    };
}

values! {
    i64 => Int: value -> Some(value);
    Option<i64> => Int: value -> value;
    Timestamp => Int: value -> Some(value.as_microsecond());
    Option<Timestamp> => Int: value -> value.map(Timestamp::as_microsecond);
    String => Text: value -> Some(value);
    Option<String> => Text: value -> value;
    &str => Text: value -> Some(value.to_owned());
    Option<&str> => Text: value -> value.map(str::to_owned);
    Vec<u8> => Bytes: value -> Some(value);
    Option<Vec<u8>> => Bytes: value -> value;
    &[u8] => Bytes: value -> Some(value.to_vec());
    [u8; 16] => Bytes: value -> Some(value.to_vec());
    [u8; 32] => Bytes: value -> Some(value.to_vec());
}
