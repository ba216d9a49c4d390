use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Model, Prediction};

/// The guide, whose blocks ```` ```json request NAME ```` and ```` ```json answer ```` stand in pairs.
const GUIDE: &str = include_str!("../../../../docs/models.md");
const ORIGIN: &str = include_str!("../../weights/ORIGIN.md");

fn answer(model: Model, input: &str) -> Value {
    let input: Map<String, Value> = serde_json::from_str(input).unwrap();
    serde_json::to_value(model.load().unwrap().predict(&input).unwrap()).unwrap()
}

fn metrics(weights: &str) -> Value {
    let mut weights: HashMap<String, Value> = serde_json::from_str(weights).unwrap();
    weights.remove("metrics").unwrap()
}

#[test]
fn every_example_of_the_guide_answers_as_it_says() {
    let mut examples = 0;
    let mut blocks = GUIDE.split("```json request ").skip(1);
    for block in &mut blocks {
        let (name, rest) = block.split_once('\n').unwrap();
        let (input, rest) = rest.split_once("```").unwrap();
        let (_, rest) = rest.split_once("```json answer\n").unwrap();
        let (expected, _) = rest.split_once("```").unwrap();
        let model = Model::all()
            .into_iter()
            .find(|model| model.name() == name)
            .unwrap();
        assert_eq!(
            answer(model, input),
            serde_json::from_str::<Value>(expected).unwrap(),
            "{name} {input}"
        );
        examples += 1;
    }
    assert!(examples >= 6, "only {examples} examples were found");
}

#[test]
fn documents_state_the_measured_figures() {
    let sentiment = metrics(include_str!("../../weights/sentiment.json"));
    let regression = metrics(include_str!("../../weights/regression.json"));
    let classification = metrics(include_str!("../../weights/classification.json"));
    for (name, figure) in [
        ("accuracy", &sentiment["own_sentences"]["accuracy"]),
        ("polarity", &sentiment["own_sentences"]["polarity"]),
        ("public accuracy", &sentiment["public_snippets"]["accuracy"]),
        ("public polarity", &sentiment["public_snippets"]["polarity"]),
        (
            "calibration error",
            &sentiment["public_snippets"]["calibration_error"],
        ),
        ("R²", &regression["r2"]),
        ("mean absolute error", &regression["mean_absolute_error"]),
        ("accuracy of classes", &classification["accuracy"]),
    ] {
        for (document, text) in [("docs/models.md", GUIDE), ("weights/ORIGIN.md", ORIGIN)] {
            assert!(
                text.contains(&figure.to_string()),
                "{document} does not state {name} {figure}"
            );
        }
    }
}

#[test]
fn any_object_gets_an_answer_from_every_model() {
    for model in Model::all() {
        for input in [
            "{}",
            r#"{"text":"test input"}"#,
            r#"{"unknown":[1,{"deep":null}]}"#,
        ] {
            assert!(answer(model, input).is_object(), "{} {input}", model.name());
        }
    }
}

#[test]
fn the_same_input_gives_the_same_prediction() {
    for model in Model::all() {
        let input = r#"{"text":"Great value, but it broke :(","bmi":30.5,"petal_length":4.9}"#;
        assert_eq!(answer(model, input), answer(model, input), "{}", model.name());
    }
}

#[test]
fn each_model_answers_in_its_own_shape() {
    let input = Map::new();
    for model in Model::all() {
        let predictor = model.load().unwrap();
        match (model, predictor.predict(&input).unwrap()) {
            (Model::Sentiment, Prediction::Sentiment(_))
            | (Model::Regression, Prediction::Regression(_))
            | (Model::Classification, Prediction::Classification(_)) => {}
            (_, other) => panic!("{} answered {other:?}", model.name()),
        }
    }
}
