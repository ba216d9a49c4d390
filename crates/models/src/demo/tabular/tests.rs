use serde_json::{Value, json};

use super::super::InputError;
use super::{Features, ROWS_MAX, Row};

fn features() -> Features {
    let feature = |name: &str, alias: &str, mean: f64| json!({ "name": name, "alias": alias, "mean": mean, "deviation": 2.0, "min": 0.0, "max": 100.0 });
    serde_json::from_value(json!([feature("age", "a", 50.0), feature("bmi", "b", 26.0)])).unwrap()
}

/// The standardized values of a row, the features used, and those out of range.
type Expected<'a> = (&'a [f64], &'a [&'a str], &'a [&'a str]);

/// Compares the standardized rows, the features used and those out of range, or the error's text.
#[track_caller]
fn check(input: &Value, expected: Result<&[Expected<'_>], &str>) {
    let features = features();
    let rows = |row: Row<'_>| {
        let own = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        (
            row.standardized,
            own(row.basis.features_used),
            own(row.basis.out_of_range),
        )
    };
    let got = features.answer(input.as_object().unwrap(), rows);
    let got = got.map(|rows| rows.predictions.unwrap_or_else(|| vec![rows.first]));
    let expected = expected.map(|rows| {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        rows.iter()
            .map(|(row, used, out)| (row.to_vec(), own(used), own(out)))
            .collect::<Vec<_>>()
    });
    assert_eq!(
        got.map_err(|error| error.to_string()),
        expected.map_err(str::to_owned),
        "{input}"
    );
}

#[test]
fn one_row_in_three_forms() {
    let row: &[Expected<'_>] = &[(&[-5.0, 1.0], &["age", "bmi"], &[])];
    check(&json!({ "age": 40, "bmi": 28.0 }), Ok(row));
    check(
        &json!({ "features": { "age": 40, "b": 28.0 }, "bmi": 1 }),
        Ok(row),
    );
    check(&json!({ "features": [40, 28] }), Ok(row));
    check(&json!({ "inputs": [[40, 28]] }), Ok(row));
}

#[test]
fn what_is_missing_counts_as_the_mean() {
    check(&json!({}), Ok(&[(&[0.0, 0.0], &[], &[])]));
    check(&json!({ "text": "test input" }), Ok(&[(&[0.0, 0.0], &[], &[])]));
    check(
        &json!({ "age": null, "bmi": 30 }),
        Ok(&[(&[0.0, 2.0], &["bmi"], &[])]),
    );
    let rows: &[Expected<'_>] = &[(&[0.0, 0.0], &["bmi"], &[]), (&[5.0, 0.0], &["age"], &[])];
    check(&json!({ "inputs": [[null, 26], [60, null]] }), Ok(rows));
}

#[test]
fn what_lies_outside_counts_as_the_nearest_value() {
    check(
        &json!({ "age": 1e308, "bmi": -4 }),
        Ok(&[(&[25.0, -13.0], &["age", "bmi"], &["age", "bmi"])]),
    );
    check(&json!({ "age": 100 }), Ok(&[(&[25.0, 0.0], &["age"], &[])]));
}

#[test]
fn unusable_inputs_say_what_is_wrong() {
    for (input, why) in [
        (json!({ "age": "40" }), "`age` must be a number, not a string"),
        (
            json!({ "features": { "bmi": true } }),
            "`bmi` must be a number, not a boolean",
        ),
        (
            json!({ "features": 3 }),
            "`features` must be an object or a list, not a number",
        ),
        (
            json!({ "features": [1] }),
            "`features` has 1 values, but the model has 2 features: age, bmi",
        ),
        (
            json!({ "features": [1, []] }),
            "`features[1]` must be a number, not a list",
        ),
        (
            json!({ "inputs": {} }),
            "`inputs` must be a list of rows, not an object",
        ),
        (
            json!({ "inputs": [] }),
            "`inputs` has 0 rows; send between 1 and 1000",
        ),
        (
            json!({ "inputs": [1, 2] }),
            "`inputs[0]` must be a list of numbers, not a number",
        ),
        (
            json!({ "inputs": [[1, 2], [1, 2, 3]] }),
            "`inputs[1]` has 3 values, but the model has 2 features: age, bmi",
        ),
        (
            json!({ "inputs": [[1, {}]] }),
            "`inputs[0][1]` must be a number, not an object",
        ),
        (
            json!({ "inputs": [[1, 2]], "features": {} }),
            "`features` and `inputs` exclude each other; send one of them",
        ),
    ] {
        check(&input, Err(why));
    }
}

#[test]
fn rows_are_bounded() {
    let features = features();
    let input = |rows| json!({ "inputs": vec![[1, 2]; rows] });
    let answer = |rows| features.answer(input(rows).as_object().unwrap(), |_| ());
    assert_eq!(answer(ROWS_MAX).unwrap().predictions.unwrap().len(), ROWS_MAX);
    assert_eq!(
        answer(ROWS_MAX + 1).unwrap_err(),
        InputError::RowCount { found: ROWS_MAX + 1 }
    );
}
