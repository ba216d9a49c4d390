//! Trees that give numbers, told in terms of those that tract runs: trees that give classes.
//!
//! ONNX has two operators for trees (`ai.onnx.ml`, opset 3). They differ in the names of their attributes, and a
//! classifier also says which class has the highest score. The scores themselves are what a regressor gives.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::BadOnnx;

const REGRESSOR: &str = "TreeEnsembleRegressor";
const CLASSIFIER: &str = "TreeEnsembleClassifier";
/// The scores of fewer classes come in another form, as probabilities of two.
const CLASSES_MIN: usize = 3;

/// Puts a classifier, and a step that takes its scores, in place of each regressor.
///
/// # Errors
/// [`BadOnnx::Unsupported`] where trees are put together otherwise than by sum or mean.
pub(super) fn rewrite(graph: &mut GraphProto) -> Result<(), BadOnnx> {
    for mut node in std::mem::take(&mut graph.node) {
        if node.op_type != REGRESSOR {
            graph.node.push(node);
            continue;
        }
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
        graph.node.push(NodeProto {
            name: columns.clone(),
            op_type: "Gather".to_owned(),
            input: vec![scores, columns],
            output: vec![output],
            attribute: vec![AttributeProto {
                name: "axis".to_owned(),
                r#type: AttributeType::Int as i32,
                i: 1,
                ..AttributeProto::default()
            }],
            ..NodeProto::default()
        });
    }
    Ok(())
}

/// Makes a classifier of a regressor; how many numbers it gives for a row.
fn classify(node: &mut NodeProto) -> Result<i64, BadOnnx> {
    let unsupported = |why: &str| BadOnnx::Unsupported(format!("`{REGRESSOR}`: {why}"));
    let find = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name);
    let targets = find("n_targets").map_or(1, |attribute| attribute.i);
    // Were there more, some of them would be no tree's.
    let most = find("target_ids").map_or(0, |attribute| attribute.ints.len());
    let count = usize::try_from(targets).ok().filter(|count| (1..=most).contains(count));
    let count = count.ok_or_else(|| unsupported("`n_targets` does not fit `target_ids`"))?;
    let mean = match find("aggregate_function").map(|attribute| attribute.s.as_slice()) {
        None | Some(b"SUM") => false,
        Some(b"AVERAGE") => true,
        Some(_) => return Err(unsupported("only `SUM` and `AVERAGE` of trees can be computed")),
    };
    let mut trees = find("nodes_treeids").map(|attribute| attribute.ints.clone()).unwrap_or_default();
    trees.sort_unstable();
    trees.dedup();

    node.op_type = CLASSIFIER.to_owned();
    node.attribute.retain(|attribute| attribute.name != "n_targets" && attribute.name != "aggregate_function");
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

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
