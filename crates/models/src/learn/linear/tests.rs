use std::borrow::Cow;
use std::ops::ControlFlow;

use super::Line;
use crate::learn::progress::Progress;

fn fit(columns: &[&[f64]], target: &[f64], penalty: f64) -> Line {
    let columns: Vec<Cow<'_, [f64]>> = columns.iter().map(|column| Cow::Borrowed(*column)).collect();
    let mut go_on = |_| ControlFlow::Continue(());
    Line::fit(&columns, target, penalty, true, &mut Progress::new(&mut go_on)).unwrap()
}

/// Fits and compares with what scikit-learn 1.9.1 says: `LinearRegression` where there is no penalty, `Ridge` else.
fn check(columns: &[&[f64]], target: &[f64], penalty: f64, intercept: f64, weights: &[f64]) {
    let line = fit(columns, target, penalty);
    let close = |found: f64, expected: f64| (found - expected).abs() <= 1e-9 * expected.abs().max(1.0);
    let all = line.weights.iter().zip(weights).all(|(found, expected)| close(*found, *expected));
    assert!(all && close(line.intercept, intercept), "{line:?} is not {weights:?} and {intercept}");
}

const RAINFALL: [f64; 8] = [100.5, 85.2, 120.8, 95.3, 110.0, 75.5, 130.2, 88.9];
const TEMPERATURE: [f64; 8] = [25.3, 27.1, 24.5, 26.2, 26.0, 28.0, 23.8, 27.5];
const CASES: [f64; 8] = [12.0, 8.0, 15.0, 10.0, 13.0, 6.0, 18.0, 9.0];

#[test]
fn the_guides_example_gives_the_guides_line() {
    check(
        &[&RAINFALL, &TEMPERATURE],
        &CASES,
        0.0,
        4.088_360_290_603_783_5,
        &[0.179_418_485_117_159, -0.414_539_101_359_439_83],
    );
}

#[test]
fn of_several_solutions_the_shortest_is_found() {
    let twice: Vec<f64> = RAINFALL.iter().map(|value| 2.0 * value).collect();
    let line = fit(&[&RAINFALL, &twice], &CASES, 0.0);
    assert!((line.weights[1] - 2.0 * line.weights[0]).abs() < 1e-12, "{line:?}");
    // One row decides nothing, so nothing weighs.
    check(&[&[3.0], &[4.0]], &[5.0], 0.0, 5.0, &[0.0, 0.0]);
    // A constant weighs nothing, whatever rounding its mean brings.
    check(&[&[1.0, 2.0, 3.0], &[0.1, 0.1, 0.1]], &[2.0, 4.0, 6.0], 0.0, 0.0, &[2.0, 0.0]);
    check(&[&[0.1, 0.1, 0.1]], &[2.0, 4.0, 6.0], 0.0, 4.0, &[0.0]);
    // Two rows of three columns: the shortest way from one to the other.
    check(&[&[1.0, 2.0], &[1.0, 3.0], &[0.0, 2.0]], &[1.0, 10.0], 0.0, -2.0, &[1.0, 2.0, 2.0]);
}
