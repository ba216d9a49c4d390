use std::ops::ControlFlow;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use proptest::prelude::*;
use serde_json::json;

use super::{BadModel, MAGIC};
use crate::learn::{Frame, Learner, Model, train};

/// One small model of each kind, of numbers and of classes.
fn models() -> Vec<Model> {
    let kinds = ["ols", "logistic", "decision_tree", "random_forest", "gradient_boosting"];
    let both = |model| [(model, "regression"), (model, "classification")];
    let possible = |(model, task): &(&str, &str)| {
        !matches!((*model, *task), ("ols", "classification") | ("logistic", "regression"))
    };
    let rows: Vec<Vec<u32>> = (0..12).map(|row| vec![row, row * row % 5, row % 3]).collect();
    let names = ["a", "b", "y"].map(str::to_owned).to_vec();
    let frame = Frame::from_rows(names, serde_json::from_value(json!(rows)).unwrap()).unwrap();
    let learn = |(model, task): (&str, &str)| {
        let few = matches!(model, "random_forest" | "gradient_boosting");
        let parameters = if few { json!({ "n_estimators": 2 }) } else { json!({}) };
        let data = json!({ "target": "y", "model": model, "task": task, "parameters": parameters });
        let learner = Learner::from_json(data.as_object().unwrap()).unwrap();
        train(&learner, &frame, &mut |_| ControlFlow::Continue(())).unwrap()
    };
    kinds.into_iter().flat_map(both).filter(possible).map(learn).collect()
}

fn asked() -> Frame {
    let rows = vec![vec![json!(1), json!(2.5)], vec![json!(-3), json!(1e9)]];
    Frame::from_rows(vec!["a".to_owned(), "b".to_owned()], rows).unwrap()
}

/// The bytes with a hash that is right again.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    let content = bytes.len().saturating_sub(SHA256_OUTPUT_LEN);
    let hash = digest(&SHA256, &bytes[..content]);
    bytes.truncate(content);
    bytes.extend_from_slice(hash.as_ref());
    bytes
}

#[test]
fn a_model_that_was_written_is_read_whole() {
    for model in models() {
        let bytes = model.to_bytes();
        assert_eq!(bytes.len(), model.size());
        let read = Model::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes(), bytes);
        assert_eq!(read.description(), model.description());
        assert_eq!(read.predict(&asked()).unwrap(), model.predict(&asked()).unwrap());
    }
}

#[test]
fn other_bytes_are_refused_with_their_reason() {
    let whole = models()[0].to_bytes();
    let with = |place: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[place] = value;
        Model::from_bytes(&bytes).unwrap_err()
    };
    assert_eq!(Model::from_bytes(b"").unwrap_err(), BadModel::NotAModel);
    assert_eq!(Model::from_bytes(b"\x80\x04\x95pickle").unwrap_err(), BadModel::NotAModel);
    assert_eq!(Model::from_bytes(MAGIC).unwrap_err(), BadModel::Damaged);
    assert_eq!(with(8, 9), BadModel::Version(9));
    assert_eq!(with(40, b'~'), BadModel::Damaged);
    let mut longer = whole.clone();
    longer.insert(whole.len() - SHA256_OUTPUT_LEN, 0);
    assert_eq!(
        Model::from_bytes(&signed(longer)).unwrap_err(),
        BadModel::Senseless("something stands behind its end"),
    );
}

#[test]
fn cut_anywhere_it_is_refused() {
    for model in models() {
        let whole = model.to_bytes();
        for length in 0..whole.len() {
            assert!(Model::from_bytes(&whole[..length]).is_err());
            assert!(Model::from_bytes(&signed(whole[..length].to_vec())).is_err());
        }
    }
}

proptest! {
    /// Bytes that were changed and signed again: they are refused, or they are a model that answers.
    #[test]
    fn changed_on_purpose_it_is_refused_or_answers(
        which in 0_usize..8,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let models = models();
        let mut bytes = models[which % models.len()].to_bytes();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Ok(model) = Model::from_bytes(&signed(bytes)) {
            let _ = model.predict(&asked());
            let _ = model.description();
        }
    }

    /// Bytes of nobody.
    #[test]
    fn noise_is_refused(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&1_u32.to_le_bytes());
        bytes.extend_from_slice(&noise);
        bytes.extend_from_slice(&[0; SHA256_OUTPUT_LEN]);
        prop_assert!(Model::from_bytes(&signed(bytes)).is_err());
    }
}
