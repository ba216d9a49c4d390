use std::ops::ControlFlow;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{TrainError, train};
use crate::learn::{Frame, Learner, Model};

/// A table, and what scikit-learn makes of it; `tests/scikit_learn/make.py` wrote them.
#[derive(Deserialize)]
struct Case {
    name: String,
    data: Map<String, Value>,
    rows: Vec<Vec<Value>>,
    target: Vec<Value>,
    asked: Vec<Vec<Value>>,
    sample_0: Vec<Value>,
    #[serde(default)]
    probabilities: Vec<Vec<f64>>,
}

fn learner(data: Value) -> Learner {
    Learner::from_json(data.as_object().unwrap()).unwrap()
}

fn learn(data: Value, columns: &[&str], rows: Value) -> Result<Model, TrainError> {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    let frame = Frame::from_rows(columns, serde_json::from_value(rows).unwrap()).unwrap();
    train(&learner(data), &frame, &mut |_| ControlFlow::Continue(()))
}

/// Whether a prediction is scikit-learn's: labels and truth values are the same, numbers to so many parts.
fn same(found: &Value, expected: &Value, tolerance: f64) -> bool {
    match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => (found - expected).abs() <= tolerance * expected.abs().max(1.0),
        _ => found == expected,
    }
}

#[test]
fn predictions_are_those_of_scikit_learn() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scikit_learn/expected.json");
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for mut case in cases {
        let width = case.rows[0].len();
        let mut columns: Vec<String> = (0..width).map(|place| format!("x{place}")).collect();
        let asked = Frame::from_rows(columns.clone(), case.asked).unwrap();
        columns.push("y".to_owned());
        case.rows.iter_mut().zip(case.target).for_each(|(row, target)| row.push(target));
        case.data.insert("target".to_owned(), json!("y"));
        let frame = Frame::from_rows(columns, case.rows).unwrap();
        let learner = Learner::from_json(&case.data).unwrap();
        let model = train(&learner, &frame, &mut |_| ControlFlow::Continue(())).unwrap();
        let (_, rows) = model.predict(&asked).unwrap().to_rows();
        for (row, expected) in rows.iter().zip(&case.sample_0) {
            assert!(same(&row[width], expected, 1e-9), "{}: {} is not {expected}", case.name, row[width]);
        }
        for (row, expected) in rows.iter().zip(&case.probabilities) {
            for (found, expected) in row[width + 1..].iter().zip(expected) {
                assert!(same(found, &json!(expected), 1e-6), "{}: {found} is not {expected}", case.name);
            }
        }
    }
}

/// Trains `data` on rows of `a`, `b` and `y` and compares the error.
fn refused(data: Value, rows: Value, expected: &str) {
    let error = learn(data, &["a", "b", "y"], rows).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn tables_that_teach_nothing_are_refused_in_one_sentence() {
    let y = || json!({ "target": "y" });
    refused(y(), json!([]), "the table has no rows to learn from");
    refused(json!({ "target": "z" }), json!([[1, 2, 3]]), "there is no column `z`");
    refused(json!({}), json!([[1, 2, 3]]), "there is no column `disease_cases`");
    refused(json!({ "target": "y", "features": ["a", "c"] }), json!([[1, 2, 3]]), "there is no column `c`");
    refused(y(), json!([[1, 2, 3], [1, "a", 3]]), "the column `b` must hold numbers, but row 2 holds 'a'");
    refused(y(), json!([[1, [], 3]]), "the column `b` must hold numbers, but row 1 holds '[]'");
    refused(
        y(),
        json!([[1, null, 3]]),
        "the column `b` has no value in row 1, and the model cannot do without",
    );
    refused(y(), json!([["inf", 1, 3]]), "the column `a` holds an infinite number in row 1");
    refused(
        json!({ "target": "y", "model": "logistic" }),
        json!([[1, 2, "x"], [3, 4, null]]),
        "the target `y` has no class in row 2",
    );
    refused(
        json!({ "target": "y", "model": "logistic" }),
        json!([[1, 2, 3], [4, 5, 3]]),
        "the target `y` has one class only; telling classes apart takes two at least",
    );
    refused(
        json!({ "target": "y", "model": "ols" }),
        json!([[1, 2, "x"]]),
        "the column `y` must hold numbers, but row 1 holds 'x'",
    );
    refused(
        y(),
        json!([[1e300, -1e300, 1], [-1e300, 1e300, 2], [1e300, 1e300, 5]]),
        "the numbers are too large to compute with; scale the columns down",
    );
}

#[test]
fn what_is_missing_or_written_otherwise_counts_as_the_guide_has_it() {
    // Numbers in texts are numbers, truth values are 1 and 0, a missing target is 0, other columns are nobody's business.
    let rows = json!([["1.0", true, 2, "x"], [" 2", false, null, null], ["3e0", true, 6, 7]]);
    let data = json!({ "target": "y", "features": ["a", "b"] });
    let model = learn(data, &["a", "b", "y", "other"], rows).unwrap();
    let same_rows = json!([[1, 1, 2], [2, 0, 0], [3, 1, 6]]);
    let plain = learn(json!({ "target": "y" }), &["a", "b", "y"], same_rows).unwrap();
    assert_eq!(model.to_bytes(), plain.to_bytes());
}

#[test]
fn the_same_seed_makes_the_same_model_and_another_one_another() {
    let rows: Vec<Vec<f64>> = (0..50)
        .map(|row| vec![f64::from(row % 7), f64::from(row % 5), f64::from((row * row) % 11)])
        .collect();
    let bytes = |model: &str, seed: u64| {
        let parameters = if model == "gradient_boosting" { json!({ "subsample": 0.5 }) } else { json!({}) };
        let data = json!({ "target": "y", "model": model, "seed": seed, "parameters": parameters });
        let model = learn(data, &["a", "b", "y"], json!(rows)).unwrap();
        model.to_bytes()
    };
    for model in ["random_forest", "gradient_boosting"] {
        assert_eq!(bytes(model, 1), bytes(model, 1));
        assert_ne!(bytes(model, 1), bytes(model, 2));
    }
}

#[test]
fn whoever_waits_sees_it_grow_and_may_leave() {
    let rows: Vec<Vec<f64>> = (0..30).map(|row| vec![f64::from(row), f64::from(row * row % 7)]).collect();
    let frame =
        Frame::from_rows(vec!["a".to_owned(), "y".to_owned()], serde_json::from_value(json!(rows)).unwrap());
    let frame = frame.unwrap();
    for model in ["ols", "ridge", "decision_tree", "random_forest", "gradient_boosting"] {
        let learner = learner(json!({ "target": "y", "model": model }));
        let mut shares = Vec::new();
        train(&learner, &frame, &mut |share| {
            shares.push(share);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(
            shares.is_sorted() && shares.iter().all(|share| (0.0..=1.0).contains(share)),
            "{model}: {shares:?}"
        );
        let left = train(&learner, &frame, &mut |_| ControlFlow::Break(()));
        assert_eq!(left.unwrap_err().to_string(), "the training was cancelled", "{model}");
    }
}

#[test]
fn a_model_tells_what_it_is_and_how_well_it_does() {
    let rows = json!([[1, 5, "no"], [2, 4, "no"], [3, 3, "yes"], [4, 1, "yes"]]);
    let data = json!({ "target": "y", "model": "decision_tree", "features": ["a"] });
    let model = learn(data, &["a", "b", "y"], rows).unwrap();
    let expected = json!({
        "model": "decision_tree", "task": "classification", "target": "y", "features": ["a"],
        "parameters": { "max_depth": null, "min_samples_split": 2, "min_samples_leaf": 1, "max_features": "all" },
        "seed": 0, "rows": 4, "metrics": { "accuracy": 1.0, "log_loss": 0.0 },
        "classes": ["no", "yes"], "trees": 1, "leaves": 2,
    });
    assert_eq!(model.description(), expected);
}
