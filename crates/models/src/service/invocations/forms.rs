//! The forms in which MLflow's clients send tables.

use axum::http::HeaderValue;
use serde_json::{Map, Value};

use crate::learn::{Column, Frame, Values, read_csv};
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

    /// How many bytes the table takes while it is read.
    pub(super) fn weigh(self, bytes: &[u8]) -> usize {
        match self {
            Self::Json => room::of_json(bytes),
            Self::Csv => room::of_csv(bytes),
        }
    }

    /// Reads a table.
    ///
    /// # Errors
    /// A sentence for the caller.
    pub(super) fn read(self, bytes: &[u8], features: &[String]) -> Result<Frame, String> {
        match self {
            Self::Csv => read_csv(|| Ok(bytes), None, |_| {}).map_err(|error| error.to_string()),
            Self::Json => json(body::parse(bytes).map_err(|problem| problem.text())?, features),
        }
    }
}

fn json(value: Value, features: &[String]) -> Result<Frame, String> {
    const FORMS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];
    let Value::Object(mut object) = value else {
        return Err("the body must be a JSON object".to_owned());
    };
    let given: Vec<&str> = FORMS.into_iter().filter(|form| object.contains_key(*form)).collect();
    let [form] = given.as_slice() else {
        return Err(format!("the body must have exactly one of `{}`", FORMS.join("`, `")));
    };
    let value = object.remove(*form).unwrap_or_default();
    match (*form, value) {
        ("dataframe_split", Value::Object(split)) => self::split(split),
        // No rows are rows of nothing: the model's columns, as with V2.
        ("dataframe_records" | "instances" | "inputs", Value::Array(rows)) if rows.is_empty() => {
            tensor(rows, features)
        }
        ("dataframe_records" | "instances" | "inputs", Value::Array(rows))
            if rows.iter().all(Value::is_object) =>
        {
            records(rows)
        }
        ("instances" | "inputs", Value::Object(columns)) => named(&columns),
        ("instances" | "inputs", Value::Array(rows)) => tensor(rows, features),
        (form, _) => Err(format!("`{form}` has a form that makes no table")),
    }
}

/// `{"columns": […], "data": [[…]]}`; an index is of no use here.
fn split(mut split: Map<String, Value>) -> Result<Frame, String> {
    let columns = split.remove("columns").unwrap_or_default();
    let columns: Option<Vec<String>> = columns
        .as_array()
        .and_then(|list| list.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    let columns = columns.ok_or("`columns` must be a list of names")?;
    let Some(Value::Array(data)) = split.remove("data") else {
        return Err("`data` must be a list of rows".to_owned());
    };
    Frame::from_rows(columns, rows_of(data)?).map_err(|error| error.to_string())
}

fn rows_of(data: Vec<Value>) -> Result<Vec<Vec<Value>>, String> {
    let row = |(at, row): (usize, Value)| match row {
        Value::Array(row) => Ok(row),
        _ => Err(format!("row {} is no list", at + 1)),
    };
    data.into_iter().enumerate().map(row).collect()
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

/// Rows without names: their values are the features, in the model's order.
fn tensor(rows: Vec<Value>, features: &[String]) -> Result<Frame, String> {
    // A list of numbers is one row where the model has several features, else a row each.
    let rows = match rows.first() {
        Some(Value::Array(_)) | None => rows_of(rows)?,
        Some(_) if features.len() == 1 => rows.into_iter().map(|cell| vec![cell]).collect(),
        Some(_) => vec![rows],
    };
    if let Some((at, row)) = rows.iter().enumerate().find(|(_, row)| row.len() != features.len()) {
        return Err(format!(
            "row {} has {} values, but the model reads {} features: {}",
            at + 1,
            row.len(),
            features.len(),
            features.join(", ")
        ));
    }
    Frame::from_rows(features.to_vec(), rows).map_err(|error| error.to_string())
}

/// A table of columns of cells.
pub(crate) fn columns(columns: impl Iterator<Item = (String, Vec<Value>)>) -> Result<Frame, String> {
    let columns = columns.map(|(name, cells)| Column { name, values: Values::of(cells) });
    Frame::new(columns.collect()).map_err(|error| error.to_string())
}
