//! Between the tables of bodies and the tables that models read.

use serde_json::{Map, Value, json};

use super::validate::Rows;
use crate::learn::{BadFrame, Frame};

impl Rows {
    /// The table that models read.
    ///
    /// # Errors
    /// A sentence as jobs end with it.
    pub(crate) fn into_frame(self) -> Result<Frame, String> {
        Frame::from_rows(self.columns, self.data).map_err(|error| match error {
            // These are the words that clients of the original know.
            BadFrame::Ragged { expected, found, .. } => {
                format!("ValueError: {expected} columns passed, passed data had {found} columns")
            }
            error @ (BadFrame::NamedTwice { .. } | BadFrame::Uneven { .. }) => format!("ValueError: {error}"),
        })
    }
}

/// The table as answers have it: `columns` and `data`.
pub(crate) fn table(frame: &Frame) -> Value {
    let (columns, data) = frame.to_rows();
    json!({ "columns": columns, "data": data })
}

/// The table as a list of objects.
pub(crate) fn records(columns: &[Value], rows: &[Value]) -> Vec<Value> {
    let names: Vec<&str> = columns.iter().filter_map(Value::as_str).collect();
    let record = |row: &Value| -> Value {
        let cells = row.as_array().into_iter().flatten().cloned();
        names.iter().map(|name| (*name).to_owned()).zip(cells).collect::<Map<_, _>>().into()
    };
    rows.iter().map(record).collect()
}
