//! Operators of `ai.onnx.ml` (opset 3) that tract lacks, told in terms of those that it runs.
//!
//! - Trees that give numbers: a classifier of trees differs in the names of its attributes, and also says which class has
//!   the highest score. The scores themselves are what a regressor gives.
//! - `Scaler`: a difference and a product.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::BadOnnx;

const REGRESSOR: &str = "TreeEnsembleRegressor";
const CLASSIFIER: &str = "TreeEnsembleClassifier";
const SCALER: &str = "Scaler";
/// The scores of fewer classes come in another form, as probabilities of two.
const CLASSES_MIN: usize = 3;

/// Puts steps that tract runs in place of those that it lacks.
///
/// # Errors
/// [`BadOnnx::Unsupported`] where trees are put together otherwise than by sum or mean.
pub(super) fn rewrite(graph: &mut GraphProto) -> Result<(), BadOnnx> {
    for node in std::mem::take(&mut graph.node) {
        match node.op_type.as_str() {
            REGRESSOR => regressor(graph, node)?,
            SCALER => scaler(graph, &node),
            _ => graph.node.push(node),
        }
    }
    Ok(())
}

/// A classifier, and a step that takes its scores.
fn regressor(graph: &mut GraphProto, mut node: NodeProto) -> Result<(), BadOnnx> {
    let targets = classify(&mut node)?;
    let output = node.output.pop().unwrap_or_default();
    let (scores, columns) = (format!("{output}/scores"), format!("{output}/columns"));
    node.output = vec![format!("{output}/class"), scores.clone()];
    graph.node.push(node);
    graph.initializer.push(TensorProto {
        name: columns.clone(),
        dims: vec![targets],
        data_type: DataType::Int64 as i32,
        int64_data: (0..targets).collect(),
        ..TensorProto::default()
    });
    let axis = integer("axis", 1);
    graph.node.push(NodeProto { attribute: vec![axis], ..step("Gather", [scores, columns], output) });
    Ok(())
}

/// Makes a classifier of a regressor; how many numbers it gives for a row.
fn classify(node: &mut NodeProto) -> Result<i64, BadOnnx> {
    let unsupported = |why: &str| BadOnnx::Unsupported(format!("`{REGRESSOR}`: {why}"));
    let targets = attribute(node, "n_targets").map_or(1, |attribute| attribute.i);
    // Were there more, some of them would be no tree's.
    let most = attribute(node, "target_ids").map_or(0, |attribute| attribute.ints.len());
    let count = usize::try_from(targets).ok().filter(|count| (1..=most).contains(count));
    let count = count.ok_or_else(|| unsupported("`n_targets` does not fit `target_ids`"))?;
    let mean = match attribute(node, "aggregate_function").map(|attribute| attribute.s.as_slice()) {
        None | Some(b"SUM") => false,
        Some(b"AVERAGE") => true,
        Some(_) => return Err(unsupported("only `SUM` and `AVERAGE` of trees can be computed")),
    };
    let mut trees = attribute(node, "nodes_treeids").map(|given| given.ints.clone()).unwrap_or_default();
    trees.sort_unstable();
    trees.dedup();

    node.op_type = CLASSIFIER.to_owned();
    node.attribute
        .retain(|attribute| attribute.name != "n_targets" && attribute.name != "aggregate_function");
    let classes = count.max(CLASSES_MIN);
    for attribute in &mut node.attribute {
        if let Some(name) = attribute.name.strip_prefix("target_") {
            attribute.name = format!("class_{name}");
        }
        match attribute.name.as_str() {
            "class_weights" if mean => {
                attribute.floats.iter_mut().for_each(|weight| *weight /= trees.len() as f32);
            }
            "base_values" => attribute.floats.resize(classes, 0.0),
            _ => {}
        }
    }
    node.attribute.push(AttributeProto {
        name: "classlabels_int64s".to_owned(),
        r#type: AttributeType::Ints as i32,
        ints: (0_i64..).take(classes).collect(),
        ..AttributeProto::default()
    });
    Ok(targets)
}

/// `(input - offset) * scale`, in 32 bits; each of the two has one value, or one for each feature.
fn scaler(graph: &mut GraphProto, node: &NodeProto) {
    let input = node.input.first().cloned().unwrap_or_default();
    let output = node.output.first().cloned().unwrap_or_default();
    let [cast, centred, offset, scale] =
        ["cast", "centred", "offset", "scale"].map(|part| format!("{output}/{part}"));
    for (name, otherwise) in [(&offset, 0.0), (&scale, 1.0)] {
        let given = attribute(node, name.rsplit('/').next().unwrap_or_default());
        let values = given.map(|given| given.floats.clone()).filter(|values| !values.is_empty());
        let values = values.unwrap_or_else(|| vec![otherwise]);
        graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: vec![i64::try_from(values.len()).unwrap_or(i64::MAX)],
            data_type: DataType::Float as i32,
            float_data: values,
            ..TensorProto::default()
        });
    }
    let to = integer("to", DataType::Float as i64);
    graph.node.push(NodeProto { attribute: vec![to], ..step("Cast", [input], cast.clone()) });
    graph.node.push(step("Sub", [cast, offset], centred.clone()));
    graph.node.push(step("Mul", [centred, scale], output));
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn integer(name: &str, value: i64) -> AttributeProto {
    let kind = AttributeType::Int as i32;
    AttributeProto { name: name.to_owned(), r#type: kind, i: value, ..AttributeProto::default() }
}

fn step<const N: usize>(operator: &str, input: [String; N], output: String) -> NodeProto {
    NodeProto {
        name: format!("{output}/{operator}"),
        op_type: operator.to_owned(),
        input: input.to_vec(),
        output: vec![output],
        ..NodeProto::default()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
