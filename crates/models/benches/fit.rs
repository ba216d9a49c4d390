//! How long fits and predictions take.
//!
//! `cargo bench -p tollgate-models --bench fit` predicts one row with a line of ten features and prints the mean time.
//! With `-- FILE COLUMNS DATA` it fits a table: FILE holds columns of 64-bit numbers, one after the other, the last being
//! the target; DATA is a config's `data` without columns. It prints one line of JSON. `bench/learn` runs it so, beside
//! scikit-learn on the same table.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use std::error::Error;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use serde_json::{Map, Value, json};
use tollgate_models::learn::{Column, Frame, Learner, Model, Values, train};

/// Predictions of one row whose mean is taken.
const PREDICTIONS: u32 = 100_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let figures = match arguments.as_slice() {
        [] => one_prediction()?,
        [file, columns, data] => fit(file, columns.parse()?, &serde_json::from_str(data)?)?,
        _ => return Err("no arguments, or FILE COLUMNS DATA".into()),
    };
    println!("{figures}");
    Ok(())
}

/// Fits one table and says how long that took, without reading the table.
fn fit(file: &str, columns: usize, data: &Map<String, Value>) -> Result<Value, Box<dyn Error>> {
    let bytes = std::fs::read(file)?;
    let numbers: Vec<f64> = bytes.as_chunks().0.iter().map(|number| f64::from_le_bytes(*number)).collect();
    let rows = numbers.len() / columns;
    let frame = table(numbers.chunks_exact(rows).map(<[f64]>::to_vec).collect())?;
    let mut data = data.clone();
    data.insert("target".to_owned(), (columns - 1).to_string().into());
    let model = train(&Learner::from_json(&data)?, &frame, &mut |_| ControlFlow::Continue(()))?;
    let begin = Instant::now();
    black_box(model.predict(&frame)?);
    let predict = begin.elapsed();
    Ok(json!({
        "rows": rows,
        "fit_ms": model.fit_time().as_secs_f64() * 1e3,
        "predict_ms": predict.as_secs_f64() * 1e3,
        "metrics": model.metrics(),
        "model_bytes": model.to_bytes().len(),
    }))
}

/// Predicts one row at a time with a model that was read from its bytes.
fn one_prediction() -> Result<Value, Box<dyn Error>> {
    let columns = (0..11).map(|column| (0..64).map(|row| f64::from((row * (column + 3)) % 17)).collect());
    let data = json!({ "target": "10" });
    let learner = Learner::from_json(data.as_object().ok_or("an object")?)?;
    let model = train(&learner, &table(columns.collect())?, &mut |_| ControlFlow::Continue(()))?;
    let model = Model::from_bytes(&model.to_bytes())?;
    let row = table(vec![vec![1.5]; 10])?;
    let begin = Instant::now();
    for _ in 0..PREDICTIONS {
        black_box(model.predict(black_box(&row))?);
    }
    Ok(json!({ "predict_one_us": begin.elapsed().as_secs_f64() * 1e6 / f64::from(PREDICTIONS) }))
}

/// A table whose columns are called by their places.
fn table(columns: Vec<Vec<f64>>) -> Result<Frame, Box<dyn Error>> {
    let column = |(place, values): (usize, Vec<f64>)| Column {
        name: place.to_string(),
        values: Values::Numbers(values),
    };
    Ok(Frame::new(columns.into_iter().enumerate().map(column).collect())?)
}
