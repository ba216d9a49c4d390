//! Models that other programs trained and wrote as ONNX, run by tract.
//!
//! A file of a stranger is bounded before it is read and again before it is run: no step of it may take more than
//! [`VALUES_MAX`] values. It can name no file beside itself. What tract cannot run is refused when it is read; so are
//! maps and lists of maps, which scikit-learn's classifiers give unless they are exported with `zipmap=False`.

mod rewrite;
mod table;
mod tensor;

use std::sync::Arc;

use serde_json::{Value, json};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::{Factoid, InferenceFact, InferenceModel};
use tract_onnx::tract_hir::internal::DimLike;

use crate::caught::caught;
pub use tensor::{BadTensor, Kind, Tensor, TensorValues};

/// The largest file that is read.
pub const ONNX_BYTES_MAX: usize = 256 << 20;
/// The most values of one tensor, and the most that the steps of one run make together.
pub const VALUES_MAX: u64 = 1 << 26;

/// A model read from an ONNX file, ready to run.
#[derive(Debug, Clone)]
pub struct OnnxModel {
    plan: Arc<TypedRunnableModel>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

/// An input or an output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// What the file calls it.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// How long it is in each direction; nothing where any length does.
    pub shape: Vec<Option<usize>>,
}

/// Why bytes are no model that can be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOnnx {
    /// The file is too large.
    #[error("the file has {0} bytes, and a model may have {ONNX_BYTES_MAX}")]
    TooLarge(usize),
    /// They are no ONNX.
    #[error("this is no ONNX file")]
    NotOnnx,
    /// It uses what cannot be run here.
    #[error("the model cannot be run: {0}")]
    Unsupported(String),
    /// It gives maps.
    #[error("the output `{0}` is a list of maps; export the classifier with `zipmap=False`")]
    ZipMap(String),
}

/// Why a model gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// An input is not there.
    #[error("the input `{name}` is missing; the model takes {expected}")]
    MissingInput {
        /// The first input that is missing.
        name: String,
        /// All inputs with their shapes.
        expected: String,
    },
    /// An input too many.
    #[error("the model has no input `{name}`; it takes {expected}")]
    UnknownInput {
        /// The input.
        name: String,
        /// All inputs with their shapes.
        expected: String,
    },
    /// An input has another shape.
    #[error("the input `{name}` has the shape {found}, and the model takes {expected}")]
    Shape {
        /// The input.
        name: String,
        /// Its shape.
        found: String,
        /// The shape that it must have.
        expected: String,
    },
    /// An input holds other values.
    #[error("the input `{name}` holds {found}, and the model takes {expected}")]
    Kind {
        /// The input.
        name: String,
        /// What it holds.
        found: &'static str,
        /// What it must hold.
        expected: &'static str,
    },
    /// A column cannot be read.
    #[error(transparent)]
    Column(#[from] super::BadColumn),
    /// A table has not as many columns as the model has features.
    #[error("the model takes {expected} features, and the table has {found} columns")]
    Features {
        /// How many features the model has.
        expected: usize,
        /// How many columns the table has.
        found: usize,
    },
    /// The model does not take tables.
    #[error("the model's inputs are no columns: it takes {0}")]
    NotTabular(String),
    /// It would take too much memory.
    #[error("the model would compute more than {VALUES_MAX} values; give it fewer rows")]
    TooLarge,
    /// A step of it failed.
    #[error("the model failed on these inputs")]
    Failed,
}

impl OnnxModel {
    /// Reads a model.
    ///
    /// # Errors
    /// [`BadOnnx`] where the bytes are too many, no ONNX, or need what cannot be run.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadOnnx> {
        if bytes.len() > ONNX_BYTES_MAX {
            return Err(BadOnnx::TooLarge(bytes.len()));
        }
        // tract checks by panicking where it takes a file's promises for granted.
        caught(|| read(bytes)).unwrap_or_else(|broke| {
            tracing::warn!(event = "onnx.broken", %broke, "a file of ONNX contradicts itself");
            Err(BadOnnx::Unsupported("it contradicts itself".to_owned()))
        })
    }

    /// Its inputs, in order.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Its outputs, in order.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// What the model is: `model`, `inputs` and `outputs`, each with `name`, `datatype` and `shape`, where -1 is any length.
    pub fn description(&self) -> Value {
        let ports = |ports: &[Port]| ports.iter().map(Port::json).collect::<Vec<_>>();
        json!({ "model": "onnx", "inputs": ports(&self.inputs), "outputs": ports(&self.outputs) })
    }

    /// Runs the model on named tensors; whole and broken numbers turn into each other as the inputs need.
    ///
    /// # Errors
    /// [`RunError`] where an input is missing, unknown, or of another shape or kind, or where the run fails.
    pub fn run(&self, inputs: &[(String, Tensor)]) -> Result<Vec<(String, Tensor)>, RunError> {
        if let Some((name, _)) =
            inputs.iter().find(|(name, _)| self.inputs.iter().all(|port| port.name != *name))
        {
            return Err(RunError::UnknownInput { name: name.clone(), expected: self.takes() });
        }
        let mut given = TVec::new();
        for port in &self.inputs {
            let tensor = inputs.iter().find(|(name, _)| *name == port.name).map(|(_, tensor)| tensor);
            let missing = || RunError::MissingInput { name: port.name.clone(), expected: self.takes() };
            given.push(port.accept(tensor.ok_or_else(missing)?)?);
        }
        self.check_size(&given)?;
        let run = caught(|| self.plan.run(given.into_iter().map(Into::into).collect()));
        let run = run.map_err(|broke| {
            tracing::warn!(event = "onnx.broken", %broke, "a model broke on its inputs");
            RunError::Failed
        });
        let outputs = run?.map_err(|_| RunError::Failed)?;
        let named = self.outputs.iter().zip(outputs);
        named
            .map(|(port, value)| Ok((port.name.clone(), tensor::read(&value).ok_or(RunError::Failed)?)))
            .collect()
    }

    /// Refuses a run whose steps would make too many values. Steps whose size depends on values are made of others.
    fn check_size(&self, inputs: &[tract_onnx::prelude::Tensor]) -> Result<(), RunError> {
        let model = self.plan.model();
        let mut symbols = SymbolValues::default();
        for (place, input) in inputs.iter().enumerate() {
            let fact = model.input_fact(place).map_err(|_| RunError::Failed)?;
            for (dimension, length) in fact.shape.iter().zip(input.shape()) {
                if let TDim::Sym(symbol) = dimension {
                    let length = i64::try_from(*length).map_err(|_| RunError::TooLarge)?;
                    if symbols.get(symbol).is_some_and(|other| other != length) {
                        let port = &self.inputs[place];
                        return Err(port.wrong_shape(input.shape()));
                    }
                    symbols.set(symbol, length);
                }
            }
        }
        let mut values: u64 = 0;
        for output in model.nodes.iter().flat_map(|node| &node.outputs) {
            let lengths =
                output.fact.shape.iter().map(|dimension| dimension.eval(&symbols).to_i64().unwrap_or(1));
            let size = lengths.fold(1_u64, |size, length| size.saturating_mul(length.unsigned_abs()));
            values = values.saturating_add(size);
        }
        if values > VALUES_MAX { Err(RunError::TooLarge) } else { Ok(()) }
    }

    /// The inputs with their shapes, for an error.
    fn takes(&self) -> String {
        let ports: Vec<String> = self.inputs.iter().map(Port::to_string).collect();
        ports.join(", ")
    }
}

impl Port {
    fn json(&self) -> Value {
        let length = |length: &Option<usize>| length.map_or(json!(-1), |length| json!(length));
        json!({
            "name": self.name,
            "datatype": self.kind.name(),
            "shape": self.shape.iter().map(length).collect::<Vec<_>>(),
        })
    }

    /// The tensor in the port's kind, where it fits.
    fn accept(&self, tensor: &Tensor) -> Result<tract_onnx::prelude::Tensor, RunError> {
        let fits = |(wanted, found): (&Option<usize>, &usize)| wanted.is_none_or(|wanted| wanted == *found);
        let shape = tensor.shape();
        if shape.len() != self.shape.len() || !self.shape.iter().zip(shape).all(fits) {
            return Err(self.wrong_shape(shape));
        }
        let wrong_kind = || RunError::Kind {
            name: self.name.clone(),
            found: tensor.values().name(),
            expected: self.kind.name(),
        };
        tensor::write(tensor, self.kind).ok_or_else(wrong_kind)
    }

    fn wrong_shape(&self, found: &[usize]) -> RunError {
        let found: Vec<Option<usize>> = found.iter().copied().map(Some).collect();
        RunError::Shape {
            name: self.name.clone(),
            found: shape_text(&found),
            expected: shape_text(&self.shape),
        }
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}{}", self.name, self.kind.name(), shape_text(&self.shape))
    }
}

fn shape_text(shape: &[Option<usize>]) -> String {
    let length = |length: &Option<usize>| length.map_or_else(|| "n".to_owned(), |length| length.to_string());
    format!("[{}]", shape.iter().map(length).collect::<Vec<_>>().join(", "))
}

fn read(bytes: &[u8]) -> Result<OnnxModel, BadOnnx> {
    let framework = tract_onnx::onnx();
    let mut proto = framework.proto_model_for_read(&mut &*bytes).map_err(|_| BadOnnx::NotOnnx)?;
    let graph = proto.graph.as_mut().ok_or(BadOnnx::NotOnnx)?;
    rewrite::rewrite(graph)?;
    if let Some(zipmap) = graph.node.iter().find(|node| node.op_type == "ZipMap") {
        return Err(BadOnnx::ZipMap(zipmap.output.first().cloned().unwrap_or_default()));
    }
    let names = |ports: &[tract_onnx::pb::ValueInfoProto]| -> Vec<String> {
        ports.iter().map(|port| port.name.clone()).collect()
    };
    // Older files list their constants among the inputs.
    let constant = |name: &String| graph.initializer.iter().any(|constant| constant.name == *name);
    let inputs: Vec<String> = names(&graph.input).into_iter().filter(|name| !constant(name)).collect();
    let outputs = names(&graph.output);
    let unsupported = |error: TractError| BadOnnx::Unsupported(reason(&error));
    let mut model = framework.model_for_proto_model(&proto).map_err(unsupported)?;
    name_lengths(&mut model).map_err(unsupported)?;
    model.analyse(true).map_err(unsupported)?;
    check_constants(&model)?;
    let model = model.into_typed().map_err(unsupported)?.into_optimized().map_err(unsupported)?;
    let input_facts = (0..inputs.len()).map(|place| model.input_fact(place));
    let inputs = ports(inputs.into_iter().zip(input_facts))?;
    let output_facts = (0..outputs.len()).map(|place| model.output_fact(place));
    let outputs = ports(outputs.into_iter().zip(output_facts))?;
    let plan = model.into_runnable().map_err(unsupported)?;
    Ok(OnnxModel { plan, inputs, outputs })
}

/// Names the lengths that the file leaves open, so that steps can be compared: the first of every input is the number of
/// rows, the others stand for themselves.
fn name_lengths(model: &mut InferenceModel) -> TractResult<()> {
    let rows = model.symbols.sym("rows");
    for place in 0..model.input_outlets()?.len() {
        let mut fact = model.input_fact(place)?.clone();
        let open: Vec<usize> = fact
            .shape
            .dims()
            .enumerate()
            .filter_map(|(axis, length)| length.concretize().is_none().then_some(axis))
            .collect();
        for axis in open {
            let symbol = if axis == 0 { rows.clone() } else { model.symbols.new_with_prefix("length") };
            fact.shape.set_dim(axis, symbol.into());
        }
        model.set_input_fact(place, fact)?;
    }
    Ok(())
}

/// Refuses a file that claims tensors of a size that nobody could compute, before anything is computed.
fn check_constants(model: &InferenceModel) -> Result<(), BadOnnx> {
    let size = |fact: &InferenceFact| {
        let lengths =
            fact.shape.dims().map(|dimension| dimension.concretize().and_then(|length| length.to_i64().ok()));
        lengths.fold(1_u64, |size, length| size.saturating_mul(length.unwrap_or(1).unsigned_abs()))
    };
    let outlets = model.nodes.iter().flat_map(|node| &node.outputs);
    if outlets.map(|output| size(&output.fact)).any(|size| size > VALUES_MAX) {
        return Err(BadOnnx::Unsupported(format!("a step of it makes more than {VALUES_MAX} values")));
    }
    Ok(())
}

fn ports<'a>(
    facts: impl Iterator<Item = (String, TractResult<&'a TypedFact>)>,
) -> Result<Vec<Port>, BadOnnx> {
    let port = |(name, fact): (String, TractResult<&TypedFact>)| {
        let fact = fact.map_err(|error| BadOnnx::Unsupported(reason(&error)))?;
        let kind = Kind::of(fact.datum_type)
            .ok_or_else(|| BadOnnx::Unsupported(format!("`{name}` holds values of an unknown kind")))?;
        let shape = fact.shape.iter().map(|length| length.to_usize().ok()).collect();
        Ok(Port { name, kind, shape })
    };
    facts.map(port).collect()
}

/// The innermost cause in one line, which names the operator at fault.
fn reason(error: &TractError) -> String {
    let line = error.root_cause().to_string();
    line.lines().next().unwrap_or_default().chars().take(200).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
