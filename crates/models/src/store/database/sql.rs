//! Statements, their values, and the rows that they give.

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use ulid::Ulid;

use crate::store::error::{Result, StoreError};

/// One statement, ready to run: a text of this crate, and values from outside, which can only be bound.
pub(in crate::store) struct Sql {
    pub(super) text: &'static str,
    pub(super) values: Vec<Value>,
}

/// One value of a row. There are three types only, so that a row means the same in both databases.
pub(in crate::store) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// A row of either database; columns are read by their place.
pub(in crate::store) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// Begins a statement. Both databases take `$1`, `$2`, … so that one text serves both.
pub(in crate::store) fn sql(text: &'static str) -> Sql {
    Sql { text, values: Vec::new() }
}

impl Sql {
    /// Gives the next parameter its value.
    pub(in crate::store) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

/// Runs a statement by a method of sqlx; the two databases have the same words and other types.
macro_rules! run {
    ($sql:expr, $on:expr, $method:ident) => {{
        let $crate::store::database::sql::Sql { text, values } = $sql;
        let mut query = sqlx::query(text);
        for value in values {
            query = match value {
                $crate::store::database::sql::Value::Int(value) => query.bind(value),
                $crate::store::database::sql::Value::Text(value) => query.bind(value),
                $crate::store::database::sql::Value::Bytes(value) => query.bind(value),
            };
        }
        query.$method($on).await
    }};
}
pub(super) use run;

macro_rules! column {
    ($($name:ident: $type:ty;)*) => {
        $(pub(in crate::store) fn $name(&self, at: usize) -> Result<$type> {
            Ok(match self {
                Self::Sqlite(row) => row.try_get(at)?,
                Self::Postgres(row) => row.try_get(at)?,
            })
        })*
    };
}

impl Row {
    column! {
        int: i64;
        optional_int: Option<i64>;
        text: String;
        optional_text: Option<String>;
        bytes: Vec<u8>;
        optional_bytes: Option<Vec<u8>>;
    }

    pub(in crate::store) fn id(&self, at: usize) -> Result<Ulid> {
        parse_id(&self.text(at)?)
    }

    pub(in crate::store) fn optional_id(&self, at: usize) -> Result<Option<Ulid>> {
        self.optional_text(at)?.as_deref().map(parse_id).transpose()
    }

    pub(in crate::store) fn time(&self, at: usize) -> Result<Timestamp> {
        parse_time(self.int(at)?)
    }

    pub(in crate::store) fn optional_time(&self, at: usize) -> Result<Option<Timestamp>> {
        self.optional_int(at)?.map(parse_time).transpose()
    }
}

fn parse_id(text: &str) -> Result<Ulid> {
    Ulid::from_string(text).map_err(|_| StoreError::Damaged(format!("{text:?} is no identifier")))
}

fn parse_time(micros: i64) -> Result<Timestamp> {
    let damaged = |_| StoreError::Damaged(format!("{micros} is no point in time"));
    Timestamp::from_microsecond(micros).map_err(damaged)
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
    Timestamp => Int: value -> Some(value.as_microsecond());
    Option<Timestamp> => Int: value -> value.map(Timestamp::as_microsecond);
    Ulid => Text: value -> Some(value.to_string());
    Option<Ulid> => Text: value -> value.map(|id| id.to_string());
    String => Text: value -> Some(value);
    Option<String> => Text: value -> value;
    &str => Text: value -> Some(value.to_owned());
    Vec<u8> => Bytes: value -> Some(value);
    Option<Vec<u8>> => Bytes: value -> value;
    [u8; 32] => Bytes: value -> Some(value.to_vec());
}
