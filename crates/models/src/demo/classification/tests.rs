use serde_json::{Map, Value, json};

use super::Classification;

const HELD_OUT: &str = include_str!("../../../weights/classification_held_out.csv");

#[track_caller]
fn check(lengths: [f64; 4], expected: &str) -> f64 {
    let model = Classification::load().unwrap();
    let input = Map::from_iter([("features".to_owned(), json!(lengths))]);
    let guess = model.predict(&input).unwrap().first;
    assert_eq!(guess.class, expected, "{lengths:?}: {guess:?}");
    assert!(
        guess.confidence > 1.0 / 3.0 && guess.confidence <= 1.0,
        "{lengths:?}: {guess:?}"
    );
    guess.confidence
}

#[test]
fn each_species_is_known() {
    check([5.0, 3.4, 1.5, 0.2], "setosa");
    check([5.9, 2.8, 4.3, 1.3], "versicolor");
    check([6.6, 3.0, 5.6, 2.1], "virginica");
}

#[test]
fn a_flower_between_two_species_is_less_certain() {
    let clear = check([6.6, 3.0, 5.6, 2.1], "virginica");
    let between = check([6.2, 2.8, 4.9, 1.7], "virginica");
    assert!(between < clear);
}

#[test]
fn held_out_rows_are_guessed_as_well_as_stated() {
    let model = Classification::load().unwrap();
    let (mut rows, mut right) = (0.0, 0.0);
    for line in HELD_OUT.lines().skip(1) {
        let (lengths, species) = line.rsplit_once(',').unwrap();
        let lengths: Vec<f64> = lengths.split(',').map(|cell| cell.parse().unwrap()).collect();
        let input = Map::from_iter([("features".to_owned(), json!(lengths))]);
        rows += 1.0;
        right += f64::from(model.predict(&input).unwrap().first.class == species);
    }
    let weights: Value = serde_json::from_str(include_str!("../../../weights/classification.json")).unwrap();
    assert_eq!(rows, weights["metrics"]["rows"].as_f64().unwrap());
    let stated = weights["metrics"]["accuracy"].as_f64().unwrap();
    assert!((right / rows - stated).abs() < 0.0005, "{right} of {rows}");
}
