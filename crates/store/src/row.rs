//! Rows, read column by column in the order that the statement names them.

use std::str::FromStr;

use jiff::Timestamp;
use sqlx::postgres::{PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, Type};
use tollgate_core::consumer::{Name, Scopes};

use crate::error::{Error, Result};

/// A row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What a statement's rows become.
pub(crate) trait Read: Sized {
    /// Takes as many columns as it needs, from where the one before it ended.
    fn read(columns: &mut Columns<'_>) -> Result<Self>;
}

/// A row's columns that were not read yet.
pub(crate) struct Columns<'a> {
    row: &'a Row,
    next: usize,
}

impl Row {
    pub(crate) fn read<T: Read>(&self) -> Result<T> {
        T::read(&mut self.columns())
    }

    pub(crate) fn columns(&self) -> Columns<'_> {
        Columns { row: self, next: 0 }
    }
}

impl Columns<'_> {
    pub(crate) fn next<T: Read>(&mut self) -> Result<T> {
        T::read(self)
    }

    /// A text that is the form of something: an identifier, a kind.
    pub(crate) fn parse<T: FromStr>(&mut self) -> Result<T> {
        let text = self.next::<String>()?;
        text.parse().map_err(|_| self.damaged(&text))
    }

    pub(crate) fn parse_optional<T: FromStr>(&mut self) -> Result<Option<T>> {
        let Some(text) = self.next::<Option<String>>()? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.damaged(&text))
    }

    /// A list in JSON.
    pub(crate) fn json_list(&mut self) -> Result<Option<Vec<String>>> {
        let Some(text) = self.next::<Option<String>>()? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|_| self.damaged(&text))
    }

    pub(crate) fn damaged(&self, text: &str) -> Error {
        Error::Corrupt(format!("column {} has the value {text:?}", self.next))
    }

    fn decode<T>(&mut self) -> Result<T>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        let at = self.next;
        self.next += 1;
        Ok(match self.row {
            Row::Sqlite(row) => row.try_get(at)?,
            Row::Postgres(row) => row.try_get(at)?,
        })
    }
}

macro_rules! decoded {
    ($($type:ty),*) => {
        $(impl Read for $type {
            fn read(columns: &mut Columns<'_>) -> Result<Self> {
                columns.decode()
            }
        })*
    };
}

decoded!(i64, Option<i64>, String, Option<String>, Vec<u8>, Option<Vec<u8>>);

impl Read for Timestamp {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let micros = columns.next::<i64>()?;
        Self::from_microsecond(micros).map_err(|_| columns.damaged(&micros.to_string()))
    }
}

impl Read for Option<Timestamp> {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let Some(micros) = columns.next::<Option<i64>>()? else { return Ok(None) };
        Timestamp::from_microsecond(micros).map(Some).map_err(|_| columns.damaged(&micros.to_string()))
    }
}

impl Read for Name {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let text = columns.next::<String>()?;
        Self::new(&text).map_err(|_| columns.damaged(&text))
    }
}

impl Read for Option<Name> {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let Some(text) = columns.next::<Option<String>>()? else { return Ok(None) };
        Name::new(&text).map(Some).map_err(|_| columns.damaged(&text))
    }
}

impl Read for Option<Scopes> {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(columns.json_list()?.map(|list| list.iter().map(String::as_str).collect()))
    }
}

impl<const N: usize> Read for [u8; N] {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let bytes = columns.next::<Vec<u8>>()?;
        Self::try_from(bytes.as_slice()).map_err(|_| columns.damaged(&hex::encode(&bytes)))
    }
}

impl<A: Read, B: Read> Read for (A, B) {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok((columns.next()?, columns.next()?))
    }
}

impl<A: Read, B: Read, C: Read> Read for (A, B, C) {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok((columns.next()?, columns.next()?, columns.next()?))
    }
}
