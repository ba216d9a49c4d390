//! Tensors to ONNX models and back.

use serde_json::{Value, json};

use super::tensor::Tensor as Sent;
use crate::learn::onnx::{OnnxModel, Tensor, TensorValues};

/// Runs the model on the inputs of a request.
///
/// # Errors
/// A sentence for the caller.
pub(super) fn run(model: &OnnxModel, inputs: Vec<Sent>) -> Result<Vec<Value>, String> {
    let inputs = inputs.into_iter().map(tensor).collect::<Result<Vec<_>, _>>()?;
    let outputs = model.run(&inputs).map_err(|error| error.to_string())?;
    for (name, tensor) in &outputs {
        if let TensorValues::Numbers(values) = tensor.values()
            && let Some(at) = values.iter().position(|value| !value.is_finite())
        {
            return Err(format!("element {at} of the model's output `{name}` is no finite number"));
        }
    }
    let datatype =
        |name: &str| model.outputs().iter().find(|port| port.name == name).map(|port| port.kind.name());
    let shown = outputs.iter().map(|(name, tensor)| {
        let data = match tensor.values() {
            TensorValues::Numbers(values) => json!(values),
            TensorValues::Integers(values) => json!(values),
            TensorValues::Booleans(values) => json!(values),
            TensorValues::Texts(values) => json!(values),
        };
        json!({ "name": name, "shape": tensor.shape(), "datatype": datatype(name).unwrap_or("FP64"), "data": data })
    });
    Ok(shown.collect())
}

fn tensor(sent: Sent) -> Result<(String, Tensor), String> {
    let (name, datatype) = (sent.name.clone(), sent.datatype.clone());
    let lengths = sent.shape.iter().map(|length| usize::try_from(*length));
    let shape =
        lengths.collect::<Result<Vec<_>, _>>().map_err(|_| "the shape is beyond all bounds".to_owned())?;
    let cells = sent.flattened()?;
    let missing = || format!("the input `{name}` has a value that is missing or too large");
    let values = match datatype.as_str() {
        "BOOL" => cells.iter().map(Value::as_bool).collect::<Option<_>>().map(TensorValues::Booleans),
        "BYTES" => cells
            .iter()
            .map(|cell| cell.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map(TensorValues::Texts),
        "FP16" | "FP32" | "FP64" => {
            cells.iter().map(Value::as_f64).collect::<Option<_>>().map(TensorValues::Numbers)
        }
        _ => cells.iter().map(Value::as_i64).collect::<Option<_>>().map(TensorValues::Integers),
    };
    let tensor = Tensor::new(shape, values.ok_or_else(missing)?).map_err(|error| error.to_string())?;
    Ok((name, tensor))
}
