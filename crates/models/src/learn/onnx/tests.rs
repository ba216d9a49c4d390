use std::path::Path;

use serde_json::{Value, json};

use super::{BadOnnx, OnnxModel, RunError, Tensor, TensorValues};
use crate::learn::{Column, Frame, Values};

/// The models and answers of `tests/onnx`; ORIGIN.md there says where they come from.
fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx").join(name)).unwrap()
}

fn model(name: &str) -> OnnxModel {
    OnnxModel::from_bytes(&file(&format!("{name}.onnx"))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn expected(name: &str) -> Value {
    let all: Value = serde_json::from_slice(&file("expected.json")).unwrap();
    all[name].clone()
}

fn table(names: &[&str], rows: &Value) -> Frame {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Frame::from_rows(names, serde_json::from_value(rows.clone()).unwrap()).unwrap()
}

fn numbers(column: &Column) -> Vec<f64> {
    crate::learn::design::numbers(column).unwrap().into_owned()
}

/// Predicts the rows of `expected.json` and compares with what scikit-learn says of them, in 32 bits.
fn check(name: &str, columns: &[&str]) {
    let expected = expected(name);
    let predicted = model(name).predict(&table(columns, &expected["rows"])).unwrap();
    let close = |found: f64, wanted: &Value, what: &str| {
        let wanted = wanted.as_f64().unwrap();
        assert!(
            (found - wanted).abs() <= 1e-5 * wanted.abs().max(1.0),
            "{name} {what}: {found} is not {wanted}"
        );
    };
    let samples = numbers(predicted.column("sample_0").unwrap());
    let wanted = expected["sample_0"].as_array().unwrap();
    assert_eq!(samples.len(), wanted.len());
    samples.iter().zip(wanted).for_each(|(found, wanted)| close(*found, wanted, "sample_0"));
    for (row, probabilities) in expected["probabilities"].as_array().into_iter().flatten().enumerate() {
        for (class, wanted) in probabilities.as_array().unwrap().iter().enumerate() {
            let column = predicted.column(&format!("probabilities_{class}")).unwrap();
            close(numbers(column)[row], wanted, "probabilities");
        }
    }
}

#[test]
fn models_of_scikit_learn_say_what_scikit_learn_says() {
    check("line", &["rainfall", "mean_temperature"]);
    check("columns", &["rainfall", "mean_temperature"]);
    check("boosting", &["a", "b", "c"]);
    check("forest", &["a", "b", "c", "d"]);
    check("logistic", &["a", "b", "c", "d"]);
}

#[test]
fn inputs_and_outputs_are_described() {
    assert_eq!(
        model("line").description(),
        json!({
            "model": "onnx",
            "inputs": [{ "name": "X", "datatype": "FP32", "shape": [-1, 2] }],
            "outputs": [{ "name": "variable", "datatype": "FP32", "shape": [-1, 1] }],
        }),
    );
    let forest = model("forest");
    let outputs: Vec<String> = forest.outputs().iter().map(ToString::to_string).collect();
    assert_eq!(outputs, ["`label` INT64[n]", "`probabilities` FP32[n, 3]"]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let run = |name: &str, shape: Vec<usize>, values: TensorValues| {
        let tensor = Tensor::new(shape, values).unwrap();
        model("line").run(&[(name.to_owned(), tensor)]).unwrap_err().to_string()
    };
    let three = TensorValues::Numbers(vec![1.0; 3]);
    assert_eq!(
        run("X", vec![1, 3], three.clone()),
        "the input `X` has the shape [1, 3], and the model takes [n, 2]"
    );
    assert_eq!(
        run("X", vec![3], three.clone()),
        "the input `X` has the shape [3], and the model takes [n, 2]"
    );
    assert_eq!(run("Y", vec![3], three), "the model has no input `Y`; it takes `X` FP32[n, 2]");
    let texts = TensorValues::Texts(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(run("X", vec![1, 2], texts), "the input `X` holds texts, and the model takes FP32");
    assert_eq!(
        model("line").run(&[]).unwrap_err().to_string(),
        "the input `X` is missing; the model takes `X` FP32[n, 2]"
    );
    let narrow = Column { name: "a".to_owned(), values: Values::Numbers(vec![1.0]) };
    let narrow = model("line").predict(&Frame::new(vec![narrow]).unwrap());
    assert_eq!(narrow, Err(RunError::Features { expected: 2, found: 1 }));
    assert!(Tensor::new(vec![usize::MAX, 2], TensorValues::Numbers(vec![1.0])).is_err());
}

#[test]
fn what_is_no_model_is_refused() {
    let bad = |bytes: &[u8]| OnnxModel::from_bytes(bytes).unwrap_err();
    assert_eq!(bad(b"not a model"), BadOnnx::NotOnnx);
    assert_eq!(bad(b""), BadOnnx::NotOnnx);
    let zipmap = bad(&file("zipmap.onnx")).to_string();
    assert!(zipmap.ends_with("export the classifier with `zipmap=False`"), "{zipmap}");
    // Whatever stands in a file that was cut or changed, it is refused or it runs.
    let whole = file("logistic.onnx");
    for place in 0..whole.len() {
        let _ = OnnxModel::from_bytes(&whole[..place]);
        let mut changed = whole.clone();
        changed[place] ^= 0x55;
        let _ = OnnxModel::from_bytes(&changed);
    }
}
