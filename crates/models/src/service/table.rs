//! Tables of bodies, read twice: first to tell what is in them, which keeps no cell, then into columns that are exactly as
//! large and as narrow as their cells allow. So what a table takes is known before it takes anything.

mod cell;
mod fill;
mod rows;

use std::borrow::Cow;

use serde::de::Error as _;
use serde_json::value::RawValue;
use serde_json::{Error, Value};

use super::problem::Problem;
use super::room::TEXT;
use super::validate::{Check, below};
use crate::learn::{BadFrame, Frame, unique};
use rows::Rows;

/// The most columns of a table.
pub(crate) const COLUMNS_MAX: usize = 100_000;

/// A table that was looked through and is not read yet: how long its rows are is the job's business.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    columns: Vec<String>,
    rows: Rows,
    /// The rows as they came.
    data: &'a str,
}

impl<'a> Table<'a> {
    /// Looks a table through. Absent where it has flaws, of which the check then knows.
    ///
    /// # Errors
    /// 413 where it has too many columns, 422 where a text or a number of it is none.
    pub(crate) fn look(
        check: &mut Check<'_>,
        at: &[Value],
        table: &'a RawValue,
    ) -> Result<Option<Self>, Problem> {
        let Some([columns, data]) = members(table.get(), ["columns", "data"]).map_err(bad_text)? else {
            check.object(at, &outline(table)?);
            return Ok(None);
        };
        for (name, member) in [("columns", columns), ("data", data)] {
            if member.is_none() {
                check.missing(at, &serde_json::Map::new(), name);
            }
        }
        let columns = match columns {
            Some(columns) => check.columns(&below(at, "columns"), &names(columns)?),
            None => None,
        };
        let rows = match data {
            Some(data) => rows_of(check, &below(at, "data"), data)?.map(|rows| (rows, data.get())),
            None => None,
        };
        Ok(columns.zip(rows).map(|(columns, (rows, data))| Self { columns, rows, data }))
    }

    /// The rows of a list, whose columns are these.
    ///
    /// # Errors
    /// As [`Table::look`]; a row that is no list is a flaw of the list, whose name it is told by.
    pub(crate) fn of_rows(columns: Vec<String>, data: &'a RawValue, name: &str) -> Result<Self, Problem> {
        let mut check = Check::silent();
        let rows = rows_of(&mut check, &[Value::Null, name.into()], data)?;
        let rows = check.end(rows)?;
        Ok(Self { columns, rows, data: data.get() })
    }

    /// How many bytes the table takes once it is read.
    pub(crate) fn weight(&self) -> usize {
        self.columns.iter().map(|name| name.len() + TEXT).sum::<usize>().saturating_add(self.rows.weight())
    }

    /// The first row that is not as long as there are columns, counted from 1, and its length.
    pub(crate) fn ragged(&self) -> Option<(usize, usize)> {
        self.rows.ragged(self.columns.len())
    }

    /// Why it makes no table, in the words in which jobs end.
    pub(crate) fn flaw(&self) -> Option<String> {
        let named = unique(self.columns.iter().map(String::as_str));
        self.ragged().map(|(row, found)| self.uneven(row, found)).or(named.err()).map(sentence)
    }

    /// Reads the table.
    ///
    /// # Errors
    /// [`BadFrame`] where names repeat or a row is not as long as there are columns.
    pub(crate) fn frame(self) -> Result<Frame, BadFrame> {
        match self.ragged() {
            Some((row, found)) => Err(self.uneven(row, found)),
            None => fill::frame(self.columns, &self.rows, self.data),
        }
    }

    fn uneven(&self, row: usize, found: usize) -> BadFrame {
        BadFrame::Ragged { row, expected: self.columns.len(), found }
    }
}

/// Why something is no table, in the words in which jobs end; clients of the original know some of them.
pub(crate) fn sentence(error: BadFrame) -> String {
    match error {
        BadFrame::Ragged { expected, found, .. } => {
            format!("ValueError: {expected} columns passed, passed data had {found} columns")
        }
        error @ (BadFrame::NamedTwice { .. } | BadFrame::Uneven { .. }) => format!("ValueError: {error}"),
    }
}

/// The members of these names, as they came; absent where the text is no object. The last of several counts, as for
/// Python.
pub(crate) fn members<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Result<Option<[Option<&'a RawValue>; N]>, Error> {
    if !text.trim_start().starts_with('{') {
        return Ok(None);
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    serde::Deserializer::deserialize_map(&mut parser, Only(names)).map(Some)
}

struct Only<'n, const N: usize>([&'n str; N]);

impl<'de, const N: usize> serde::de::Visitor<'de> for Only<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(Name(name)) = map.next_key()? {
            match self.0.iter().position(|wanted| *wanted == name) {
                Some(place) => found[place] = Some(map.next_value()?),
                None => drop(map.next_value::<serde::de::IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// The name of a member, copied only where it is written with escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value without what is in it, where that could be much: enough to tell what it is.
pub(crate) fn outline(raw: &RawValue) -> Result<Value, Problem> {
    match raw.get().as_bytes().first() {
        Some(b'[') => Ok(Value::Array(Vec::new())),
        Some(b'{') => Ok(Value::Object(serde_json::Map::new())),
        _ => serde_json::from_str(raw.get()).map_err(bad_text),
    }
}

/// What should be a list of names, with an outline in place of each thing that is none.
fn names(raw: &RawValue) -> Result<Value, Problem> {
    struct Names;
    impl<'de> serde::de::Visitor<'de> for Names {
        type Value = Option<Vec<Value>>;

        fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            to.write_str("a list")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut names = Vec::new();
            while let Some(raw) = list.next_element::<&RawValue>()? {
                if names.len() == COLUMNS_MAX {
                    while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                    return Ok(None);
                }
                names.push(outline(raw).map_err(|problem| A::Error::custom(problem.text()))?);
            }
            Ok(Some(names))
        }
    }
    if !raw.get().starts_with('[') {
        return outline(raw);
    }
    let mut parser = serde_json::Deserializer::from_str(raw.get());
    let names = serde::Deserializer::deserialize_seq(&mut parser, Names).map_err(bad_text)?;
    names.map(Value::Array).ok_or_else(Problem::too_wide)
}

fn rows_of(check: &mut Check<'_>, at: &[Value], data: &RawValue) -> Result<Option<Rows>, Problem> {
    if !data.get().starts_with('[') {
        check.list(at, &outline(data)?);
        return Ok(None);
    }
    let rows = Rows::look(data.get()).map_err(bad_text)?;
    if rows.is_too_wide() {
        return Err(Problem::too_wide());
    }
    for (place, other) in rows.others() {
        let at = [at, &[(*place).into()]].concat();
        check.list(&at, other);
    }
    Ok(rows.others().is_empty().then_some(rows))
}

/// What passed as JSON has a text or a number that is none: a lone surrogate, or what no number can hold.
pub(crate) fn bad_text(error: Error) -> Problem {
    let text = error.to_string();
    super::body::not_a_value(text.split(" at line ").next().unwrap_or_default())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
