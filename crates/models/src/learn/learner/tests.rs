use serde_json::{Value, json};

use super::{Algorithm, Learner, Ridge, Task};

fn read(data: Value) -> Result<Learner, String> {
    Learner::from_json(data.as_object().unwrap()).map_err(|error| error.to_string())
}

#[test]
fn nothing_is_the_guides_example() {
    let expected = read(json!({
        "model": "ols", "target": "disease_cases", "features": ["rainfall", "mean_temperature"], "seed": 0,
        "parameters": {}, "task": "regression",
    }));
    let expected = Learner { task: None, ..expected.unwrap() };
    assert_eq!(read(json!({})), Ok(expected.clone()));
    // What a config of the newer dialect adds is nobody's business here.
    assert_eq!(read(json!({ "prediction_periods": 3, "task": null })), Ok(expected));
}

#[test]
fn what_is_given_is_taken() {
    let learner = read(json!({
        "model": "ridge", "target": "price", "parameters": { "alpha": 0.5, "seed": 7 }, "task": "regression",
    }));
    let expected = Learner {
        algorithm: Algorithm::Ridge(Ridge { alpha: 0.5, fit_intercept: true }),
        target: "price".to_owned(),
        features: None,
        task: Some(Task::Regression),
        seed: 7,
    };
    assert_eq!(learner, Ok(expected));
}

#[test]
fn what_makes_no_sense_is_refused_in_one_sentence() {
    let check = |data: Value, expected: &str| {
        let error = read(data).unwrap_err();
        assert!(error.starts_with(expected), "{error} is not {expected}");
    };
    let known = "ols, ridge, logistic, decision_tree, random_forest, gradient_boosting";
    check(json!({ "model": "magic" }), &format!("the model `magic` is unknown; there are {known}"));
    check(json!({ "model": 3 }), "`model`: invalid type: integer `3`, expected a string");
    check(json!({ "features": [] }), "`features`: there must be one feature at least");
    check(json!({ "features": ["a", "a"] }), "the feature `a` is named twice");
    check(json!({ "features": ["a"], "target": "a" }), "`a` is the target and cannot be a feature too");
    check(json!({ "seed": -1 }), "`seed`: invalid value: integer `-1`, expected u64");
    check(
        json!({ "task": "guess" }),
        "`task`: unknown variant `guess`, expected `regression` or `classification`",
    );
    check(json!({ "task": "classification" }), "`ols` does regression and cannot do classification");
    check(
        json!({ "model": "logistic", "task": "regression" }),
        "`logistic` does classification and cannot do regression",
    );
    let parameters = |model: &str, parameters: Value, expected: &str| {
        let expected = format!("`parameters`: {expected}");
        check(json!({ "model": model, "parameters": parameters }), &expected);
    };
    parameters("ridge", json!({ "alhpa": 1 }), "unknown field `alhpa`, expected `alpha` or `fit_intercept`");
    parameters("ridge", json!({ "alpha": -1 }), "-1 is not a number from 0");
    parameters("logistic", json!({ "C": 0 }), "0 is not a number above 0");
    parameters("decision_tree", json!({ "max_depth": 0 }), "0 is not a whole number from 1");
    parameters(
        "random_forest",
        json!({ "n_estimators": 1_000_000 }),
        "1000000 is not a whole number from 1 to 10000",
    );
    parameters("random_forest", json!({ "max_features": "some" }), "`max_features` is \"all\", \"sqrt\"");
    parameters("gradient_boosting", json!({ "subsample": 1.5 }), "1.5 is not a number above 0 and up to 1");
    check(json!({ "parameters": [] }), "`parameters`: invalid type: sequence, expected a map");
}
