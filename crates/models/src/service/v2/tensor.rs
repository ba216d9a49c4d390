//! Tensors of the open inference protocol, and the tables that models read.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::learn::{Column, Frame, Values};
use crate::service::invocations::forms;

/// A tensor of a request.
#[derive(Deserialize)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) shape: Vec<u64>,
    pub(super) datatype: String,
    #[serde(default)]
    data: Value,
}

/// The table of some tensors: one for each column, or one with a column for each feature.
///
/// # Errors
/// A sentence for the caller.
pub(super) fn frame(mut tensors: Vec<Tensor>, features: &[String]) -> Result<Frame, String> {
    if tensors.is_empty() {
        return Err("there are no inputs".to_owned());
    }
    if let [only] = tensors.as_slice()
        && only.shape.len() == 2
        && !(only.shape.get(1) == Some(&1) && features.contains(&only.name))
    {
        return whole(tensors.remove(0), features);
    }
    let columns = tensors.into_iter().map(|tensor| {
        if !matches!(tensor.shape.as_slice(), [_] | [_, 1]) {
            let shape = shape(&tensor.shape);
            return Err(format!(
                "the input `{}` has the shape {shape}; one of a column has [rows]",
                tensor.name
            ));
        }
        Ok(Column { name: tensor.name.clone(), values: values(tensor)? })
    });
    let columns = columns.collect::<Result<Vec<_>, String>>()?;
    Frame::new(columns).map_err(|error| error.to_string())
}

/// The table of one tensor of shape `[rows, features]`.
fn whole(tensor: Tensor, features: &[String]) -> Result<Frame, String> {
    let width = tensor.shape.get(1).copied().unwrap_or(0);
    if usize::try_from(width) != Ok(features.len()) {
        let shape = shape(&tensor.shape);
        return Err(format!(
            "the input `{}` has the shape {shape}, but the model reads {} features: {}",
            tensor.name,
            features.len(),
            features.join(", ")
        ));
    }
    let rows = tensor.shape.first().copied().unwrap_or(0);
    let cells = tensor.flattened()?;
    let rows = usize::try_from(rows).map_err(|_| "the shape is beyond all bounds".to_owned())?;
    let mut columns: Vec<Vec<Value>> = features.iter().map(|_| Vec::with_capacity(rows)).collect();
    for (at, cell) in cells.into_iter().enumerate() {
        if let Some(column) = columns.get_mut(at % features.len().max(1)) {
            column.push(cell);
        }
    }
    forms::columns(features.iter().cloned().zip(columns))
}

fn values(tensor: Tensor) -> Result<Values, String> {
    Ok(Values::of(tensor.flattened()?))
}

impl Tensor {
    /// The elements in row-major order; the data may be nested as the shape is, or flat.
    pub(super) fn flattened(self) -> Result<Vec<Value>, String> {
        let Tensor { name, shape: dimensions, datatype, data } = self;
        let count = dimensions.iter().try_fold(1_u64, |count, size| count.checked_mul(*size));
        let Value::Array(list) = data else {
            return Err(format!("`data` of the input `{name}` must be a list"));
        };
        let mut cells = Vec::with_capacity(list.len());
        flatten(list, &mut cells);
        if count != u64::try_from(cells.len()).ok() {
            let shape = shape(&dimensions);
            return Err(format!("the input `{name}` has {} elements, but its shape is {shape}", cells.len()));
        }
        let fits: fn(&Value) -> bool = match datatype.as_str() {
            "BOOL" => |cell| cell.is_boolean() || cell.is_null(),
            "BYTES" => |cell| cell.is_string() || cell.is_null(),
            "FP16" | "FP32" | "FP64" => |cell| cell.is_number() || cell.is_null(),
            "INT8" | "INT16" | "INT32" | "INT64" => |cell| cell.is_i64() || cell.is_null(),
            "UINT8" | "UINT16" | "UINT32" | "UINT64" => |cell| cell.is_u64() || cell.is_null(),
            other => return Err(format!("the input `{name}` has the unknown datatype `{other}`")),
        };
        match cells.iter().position(|cell| !fits(cell)) {
            Some(at) => Err(format!("element {at} of the input `{name}` is no {datatype}")),
            None => Ok(cells),
        }
    }
}

/// Lists within lists are as deep as JSON may be, which the parser bounds.
fn flatten(list: Vec<Value>, cells: &mut Vec<Value>) {
    for item in list {
        match item {
            Value::Array(inner) => flatten(inner, cells),
            cell => cells.push(cell),
        }
    }
}

fn shape(dimensions: &[u64]) -> String {
    format!("[{}]", dimensions.iter().map(u64::to_string).collect::<Vec<_>>().join(", "))
}

/// A column as a tensor of an answer.
pub(super) fn output(column: &Column, rows: usize) -> Value {
    let data: Vec<Value> = (0..column.values.len()).map(|row| column.values.json(row)).collect();
    let datatype = match &column.values {
        Values::Numbers(_) => "FP64",
        Values::Integers(_) => "INT64",
        Values::Texts(_) | Values::Mixed(_) => "BYTES",
        Values::Booleans(_) => "BOOL",
    };
    json!({ "name": column.name, "shape": [rows], "datatype": datatype, "data": data })
}
