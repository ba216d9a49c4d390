use serde_json::{Map, Value, json};

use super::Regression;

const HELD_OUT: &str = include_str!("../../../weights/regression_held_out.csv");

#[track_caller]
fn check(input: &Value, expected: f64) {
    let model = Regression::load().unwrap();
    let answer = model.predict(input.as_object().unwrap()).unwrap();
    assert!(
        (answer.first.prediction - expected).abs() < 0.05,
        "{input}: {answer:?}"
    );
}

#[test]
fn absent_features_give_the_mean() {
    check(
        &json!({ "text": "test input" }),
        Regression::load().unwrap().intercept,
    );
}

#[test]
fn both_names_of_a_feature_are_one() {
    let model = Regression::load().unwrap();
    let estimate = |name: &str| {
        let input = Map::from_iter([(name.to_owned(), json!(120))]);
        model.predict(&input).unwrap().first.prediction
    };
    assert_eq!(estimate("blood_pressure"), estimate("bp"));
    assert_eq!(estimate("glucose"), estimate("s6"));
    assert!(estimate("blood_pressure") > model.intercept);
}

#[test]
fn held_out_rows_are_estimated_as_well_as_stated() {
    let model = Regression::load().unwrap();
    let rows: Vec<Vec<f64>> = HELD_OUT
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect())
        .collect();
    let count = rows.len() as f64;
    let mean = rows.iter().map(|row| row[10]).sum::<f64>() / count;
    let (mut squares, mut spread, mut distance) = (0.0, 0.0, 0.0);
    for row in &rows {
        let input = Map::from_iter([("features".to_owned(), json!(row[..10]))]);
        let error = model.predict(&input).unwrap().first.prediction - row[10];
        squares += error * error;
        distance += error.abs();
        spread += (row[10] - mean).powi(2);
    }
    let weights: Value = serde_json::from_str(include_str!("../../../weights/regression.json")).unwrap();
    let stated = |figure: &str| weights["metrics"][figure].as_f64().unwrap();
    let r2 = 1.0 - squares / spread;
    assert_eq!(count, stated("rows"));
    // Clamping to the range of the training rows moves a few of the estimates, so the last digit may differ.
    assert!((r2 - stated("r2")).abs() < 0.005, "{r2}");
    assert!(
        (distance / count - stated("mean_absolute_error")).abs() < 0.5,
        "{}",
        distance / count
    );
}
