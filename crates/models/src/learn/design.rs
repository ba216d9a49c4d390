//! From a table's columns to the numbers that learners compute with.

use std::borrow::Cow;

use super::frame::{Column, Frame, Values};

/// The longest piece of somebody's text that an error repeats, in characters.
const QUOTE_MAX: usize = 40;

/// Why a column is not made of the numbers that a model needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadColumn {
    /// The table has no such column.
    #[error("there is no column `{column}`")]
    Unknown {
        /// Its name.
        column: String,
    },
    /// A text that is no number.
    #[error("the column `{column}` must hold numbers, but row {row} holds '{text}'")]
    Text {
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: usize,
        /// The text, cut where it is long.
        text: String,
    },
    /// A value that is missing.
    #[error("the column `{column}` has no value in row {row}, and the model cannot do without")]
    Missing {
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: usize,
    },
    /// A number beyond all numbers.
    #[error("the column `{column}` holds an infinite number in row {row}")]
    Infinite {
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: usize,
    },
}

impl BadColumn {
    /// The error as it is where `rows` rows stand before the table.
    #[must_use]
    pub fn behind(mut self, rows: usize) -> Self {
        match &mut self {
            Self::Text { row, .. } | Self::Missing { row, .. } | Self::Infinite { row, .. } => *row += rows,
            Self::Unknown { .. } => {}
        }
        self
    }
}

/// The named columns as numbers, all finite.
///
/// # Errors
/// [`BadColumn`] for the first column that is not there or not made of finite numbers.
pub(super) fn columns<'a>(frame: &'a Frame, names: &[String]) -> Result<Vec<Cow<'a, [f64]>>, BadColumn> {
    names.iter().map(|name| finite(named(frame, name)?)).collect()
}

/// The column of that name.
///
/// # Errors
/// [`BadColumn::Unknown`] where there is none.
pub(super) fn named<'a>(frame: &'a Frame, name: &str) -> Result<&'a Column, BadColumn> {
    frame.column(name).ok_or_else(|| BadColumn::Unknown { column: name.to_owned() })
}

/// The column as numbers, all finite.
fn finite(column: &Column) -> Result<Cow<'_, [f64]>, BadColumn> {
    let numbers = numbers(column)?;
    // The sum of products with zero is zero as long as all are finite: one pass without a branch per value.
    if numbers.iter().map(|number| number * 0.0).sum::<f64>() == 0.0 {
        return Ok(numbers);
    }
    let name = column.name.clone();
    let first = numbers.iter().position(|number| !number.is_finite()).unwrap_or(0);
    Err(match numbers.get(first) {
        Some(number) if number.is_infinite() => BadColumn::Infinite { column: name, row: first + 1 },
        _ => BadColumn::Missing { column: name, row: first + 1 },
    })
}

/// The column as numbers: truth values are 1 and 0, texts are read, what is missing is NaN.
///
/// # Errors
/// [`BadColumn::Text`] for the first value that is no number.
pub(super) fn numbers(column: &Column) -> Result<Cow<'_, [f64]>, BadColumn> {
    let text = |row: usize, text: &str| {
        let column = column.name.clone();
        BadColumn::Text { column, row: row + 1, text: text.chars().take(QUOTE_MAX).collect() }
    };
    let read = |(row, value): (usize, &str)| number(value).ok_or_else(|| text(row, value));
    Ok(match &column.values {
        Values::Numbers(numbers) => Cow::Borrowed(numbers),
        Values::Integers(integers) => integers.iter().map(|integer| *integer as f64).collect(),
        Values::Booleans(booleans) => {
            let number =
                |boolean: &Option<bool>| boolean.map_or(f64::NAN, |truth| f64::from(u8::from(truth)));
            booleans.iter().map(number).collect()
        }
        Values::Texts(texts) => {
            let cell = |(row, cell): (usize, &Option<Box<str>>)| match cell.as_deref() {
                Some(text) => read((row, text)),
                None => Ok(f64::NAN),
            };
            texts.iter().enumerate().map(cell).collect::<Result<_, _>>()?
        }
        Values::Mixed(cells) => {
            let cell = |(row, cell): (usize, &serde_json::Value)| match cell {
                serde_json::Value::Null => Ok(f64::NAN),
                serde_json::Value::Bool(truth) => Ok(f64::from(u8::from(*truth))),
                serde_json::Value::Number(number) => Ok(number.as_f64().unwrap_or(f64::NAN)),
                serde_json::Value::String(text) => read((row, text)),
                other => Err(text(row, &other.to_string())),
            };
            cells.iter().enumerate().map(cell).collect::<Result<_, _>>()?
        }
    })
}

/// The number that a text writes, spaces around it aside.
pub(super) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}
