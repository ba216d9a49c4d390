//! The forms in which MLflow's clients send tables.

use axum::http::{HeaderValue, StatusCode};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::learn::{Column, Frame, Values, read_csv};
use crate::service::problem::Problem;
use crate::service::table::{Table, bad_text, members};
use crate::service::validate::Check;
use crate::service::{body, room};

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON with one of `dataframe_split`, `dataframe_records`, `instances`, `inputs`.
    Json,
    /// Lines of cells between commas, the first one with names.
    Csv,
}

impl Form {
    /// Reads a content type; absent means JSON.
    ///
    /// # Errors
    /// The media type, where it is another one.
    pub(super) fn of(content_type: Option<&HeaderValue>) -> Result<Self, String> {
        let Some(value) = content_type else { return Ok(Self::Json) };
        let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "text/csv" => Ok(Self::Csv),
            other => Err(other.to_owned()),
        }
    }

    /// Reads a table, once there is room for it.
    ///
    /// # Errors
    /// A sentence for the caller, or what `take` says where there is no room for so many bytes.
    pub(super) fn read(
        self,
        bytes: &[u8],
        features: &[String],
        take: &mut dyn FnMut(usize) -> Result<(), Problem>,
    ) -> Result<Frame, Problem> {
        match self {
            Self::Csv => {
                take(room::of_csv(bytes))?;
                read_csv(|| Ok(bytes), None, |_| {}).map_err(|error| refused(error.to_string()))
            }
            Self::Json => json(&body::text(bytes)?, features, take),
        }
    }
}

fn refused(why: String) -> Problem {
    Problem::plain(StatusCode::BAD_REQUEST, why)
}

fn json(
    text: &str,
    features: &[String],
    take: &mut dyn FnMut(usize) -> Result<(), Problem>,
) -> Result<Frame, Problem> {
    const FORMS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];
    let Some(members) = members(text, FORMS).map_err(bad_text)? else {
        return Err(refused("the body must be a JSON object".to_owned()));
    };
    let given = FORMS.into_iter().zip(members).filter_map(|(form, member)| Some((form, member?)));
    let [(form, raw)] = given.collect::<Vec<_>>()[..] else {
        return Err(refused(format!("the body must have exactly one of `{}`", FORMS.join("`, `"))));
    };
    if form == "dataframe_split" {
        return split(raw, take);
    }
    if form != "dataframe_records" && is_matrix(raw) {
        let table = Table::of_rows(features.to_vec(), raw, form)?;
        take(table.weight())?;
        return matrix(table, features).map_err(refused);
    }
    take(room::of_json(raw.get().as_bytes()))?;
    let value = serde_json::from_str(raw.get()).map_err(bad_text)?;
    loose(form, value, features).map_err(refused)
}

/// A table in any form but rows of a known length.
fn loose(form: &str, value: Value, features: &[String]) -> Result<Frame, String> {
    match value {
        // No rows are rows of nothing: the model's columns, as with V2.
        Value::Array(rows) if rows.is_empty() => tensor(rows, features),
        Value::Array(rows) if rows.iter().all(Value::is_object) => records(rows),
        Value::Object(columns) if form != "dataframe_records" => named(&columns),
        Value::Array(rows) if form != "dataframe_records" => tensor(rows, features),
        _ => Err(format!("`{form}` has a form that makes no table")),
    }
}

/// `{"columns": […], "data": [[…]]}`; an index is of no use here.
fn split(raw: &RawValue, take: &mut dyn FnMut(usize) -> Result<(), Problem>) -> Result<Frame, Problem> {
    let mut check = Check::silent();
    let table = Table::look(&mut check, &[Value::Null, "dataframe_split".into()], raw)?;
    let table = check.end(table)?;
    take(table.weight())?;
    table.frame().map_err(|error| refused(error.to_string()))
}

/// Whether it is a list that begins with a list.
fn is_matrix(raw: &RawValue) -> bool {
    raw.get().strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with('['))
}

/// Rows without names: their values are the features, in the model's order.
fn matrix(table: Table<'_>, features: &[String]) -> Result<Frame, String> {
    if let Some((row, found)) = table.ragged() {
        return Err(wrong_row(row, found, features));
    }
    table.frame().map_err(|error| error.to_string())
}

fn wrong_row(row: usize, found: usize, features: &[String]) -> String {
    format!(
        "row {row} has {found} values, but the model reads {} features: {}",
        features.len(),
        features.join(", ")
    )
}

/// A list of objects; a name that an object does not have is a missing value.
fn records(rows: Vec<Value>) -> Result<Frame, String> {
    let mut columns: Map<String, Value> = Map::new();
    for (at, row) in rows.into_iter().enumerate() {
        let Value::Object(row) = row else { continue };
        for (name, value) in row {
            let column = columns.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(column) = column {
                column.resize(at, Value::Null);
                column.push(value);
            }
        }
        // Names that this row does not have.
        for column in columns.values_mut() {
            if let Value::Array(column) = column {
                column.resize(at + 1, Value::Null);
            }
        }
        if columns.len() > crate::learn::FEATURES_MAX {
            return Err(format!("there are more than {} names", crate::learn::FEATURES_MAX));
        }
    }
    named(&columns)
}

/// A list, or one value, for each name.
pub(crate) fn named(inputs: &Map<String, Value>) -> Result<Frame, String> {
    self::columns(inputs.iter().map(|(name, value)| {
        let cells = match value {
            Value::Array(list) => list.iter().map(unwrapped).collect(),
            one => vec![one.clone()],
        };
        (name.clone(), cells)
    }))
}

/// A list of one value is that value: columns may come as `[[1.0], [2.0]]`.
fn unwrapped(cell: &Value) -> Value {
    match cell.as_array().map(Vec::as_slice) {
        Some([only]) => only.clone(),
        _ => cell.clone(),
    }
}

/// One list of numbers: one row where the model has several features, else a row each.
fn tensor(cells: Vec<Value>, features: &[String]) -> Result<Frame, String> {
    let rows = match (cells.is_empty(), features) {
        (true, _) => Vec::new(),
        (false, [_]) => cells.into_iter().map(|cell| vec![cell]).collect(),
        (false, _) => vec![cells],
    };
    if let Some(row) = rows.first().filter(|row| row.len() != features.len()) {
        return Err(wrong_row(1, row.len(), features));
    }
    Frame::from_rows(features.to_vec(), rows).map_err(|error| error.to_string())
}

/// A table of columns of cells.
pub(crate) fn columns(columns: impl Iterator<Item = (String, Vec<Value>)>) -> Result<Frame, String> {
    let columns = columns.map(|(name, cells)| Column { name, values: Values::of(cells) });
    Frame::new(columns.collect()).map_err(|error| error.to_string())
}
