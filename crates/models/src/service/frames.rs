//! Tables as answers have them.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::learn::Frame;

/// A table as answers have it, `columns` and `data`, written row by row.
pub(crate) struct Shown<'a>(pub(crate) &'a Frame);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let names: Vec<&str> = self.0.columns().iter().map(|column| column.name.as_str()).collect();
        let mut table = to.serialize_struct("table", 2)?;
        table.serialize_field("columns", &names)?;
        table.serialize_field("data", &Rows(self.0))?;
        table.end()
    }
}

struct Rows<'a>(&'a Frame);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq((0..self.0.rows()).map(|at| Row(self.0, at)))
    }
}

struct Row<'a>(&'a Frame, usize);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.columns().iter().map(|column| column.values.json(self.1)))
    }
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
