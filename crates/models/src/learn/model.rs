//! What was learned, and what it says of new rows.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::design::{self, BadColumn};
use super::frame::{Column, Frame, Values};
use super::learner::{Algorithm, Task};
use super::linear::Line;
use super::metrics::Metrics;
use super::target::Labels;

/// What the column of predictions is called; a model of classes adds `probability_<class>` for each.
pub const PREDICTION: &str = "sample_0";

/// A trained model.
#[derive(Debug, Clone)]
pub struct Model {
    pub(super) facts: Facts,
    pub(super) fitted: Fitted,
    /// How long the fit took; nothing for a model that was read.
    pub(super) fit_time: Duration,
}

/// What is known of a model beside its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    pub algorithm: Algorithm,
    pub target: String,
    pub features: Vec<String>,
    /// The classes, where it tells classes apart.
    pub labels: Option<Labels>,
    pub seed: u64,
    /// How many rows it learned from.
    pub rows: u64,
    pub metrics: Metrics,
}

/// The numbers of a model.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fitted {
    Line(Line),
}

/// What a model says of rows.
pub(super) enum Output {
    /// A number per row.
    Numbers(Vec<f64>),
    /// A column per class of a probability per row.
    Probabilities(Vec<Vec<f64>>),
}

/// Why nothing can be predicted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredictError {
    /// A column is not what the model needs.
    #[error(transparent)]
    Column(#[from] BadColumn),
}

impl Model {
    /// The table with the predictions beside its columns: [`PREDICTION`], and the probability of each class where the
    /// model tells classes apart. Columns that the model does not read are copied through; no rows give no predictions.
    ///
    /// # Errors
    /// [`PredictError`] where a column that it reads is not there or not made of finite numbers.
    pub fn predict(&self, frame: &Frame) -> Result<Frame, PredictError> {
        let columns = design::columns(frame, &self.facts.features)?;
        let mut predicted = frame.clone();
        for column in self.predictions(&columns, frame.rows()) {
            predicted.put(column);
        }
        Ok(predicted)
    }

    /// The names of the columns that it reads.
    pub fn features(&self) -> &[String] {
        &self.facts.features
    }

    /// What it predicts.
    pub fn task(&self) -> Task {
        if self.facts.labels.is_some() { Task::Classification } else { Task::Regression }
    }

    /// The column that it predicts.
    pub fn target(&self) -> &str {
        &self.facts.target
    }

    /// How well it meets the rows that it learned from.
    pub fn metrics(&self) -> &Metrics {
        &self.facts.metrics
    }

    /// How long the fit itself took, without reading the table and measuring the model; zero for a model that was read.
    pub fn fit_time(&self) -> Duration {
        self.fit_time
    }

    /// What the model is: `model`, `task`, `target`, `features`, `parameters`, `seed`, `rows`, `metrics`, with `classes`
    /// where it tells some apart, and `intercept` and `coefficients` where it is a line.
    pub fn description(&self) -> Value {
        let facts = &self.facts;
        let mut description = json!({
            "model": facts.algorithm.name(),
            "task": self.task(),
            "target": facts.target,
            "features": facts.features,
            "parameters": facts.algorithm.parameters(),
            "seed": facts.seed,
            "rows": facts.rows,
            "metrics": facts.metrics,
        });
        if let Some(labels) = &facts.labels {
            let all: Vec<usize> = (0..labels.len()).collect();
            let values = labels.values(&all);
            description["classes"] = all.iter().map(|class| values.json(*class)).collect();
        }
        match &self.fitted {
            Fitted::Line(line) => {
                description["intercept"] = line.intercept.into();
                description["coefficients"] = line.weights.clone().into();
            }
        }
        description
    }

    fn predictions(&self, columns: &[Cow<'_, [f64]>], rows: usize) -> Vec<Column> {
        let column = |name: String, values| Column { name, values };
        match (self.fitted.output(columns, rows), &self.facts.labels) {
            (Output::Numbers(numbers), _) => vec![column(PREDICTION.to_owned(), Values::Numbers(numbers))],
            (Output::Probabilities(probabilities), labels) => {
                let best = Output::best(&probabilities, rows);
                let (values, names) = match labels {
                    Some(labels) => (labels.values(&best), labels.names()),
                    // A model of classes always has labels; from_bytes sees to it.
                    None => (Values::Integers(best.iter().map(|best| *best as i64).collect()), Vec::new()),
                };
                let prediction = column(PREDICTION.to_owned(), values);
                let named = names.iter().map(|name| format!("probability_{name}"));
                let probabilities = named.zip(probabilities);
                let probabilities = probabilities.map(|(name, values)| column(name, Values::Numbers(values)));
                std::iter::once(prediction).chain(probabilities).collect()
            }
        }
    }
}

impl Fitted {
    /// What the model says of each row.
    pub fn output(&self, columns: &[Cow<'_, [f64]>], rows: usize) -> Output {
        match self {
            Self::Line(line) => Output::Numbers(line.predict(columns, rows)),
        }
    }

    /// Whether all its numbers are numbers.
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Line(line) => {
                line.intercept.is_finite() && line.weights.iter().all(|weight| weight.is_finite())
            }
        }
    }
}

impl Output {
    /// The likeliest class of each row; the first of several.
    pub fn best(probabilities: &[Vec<f64>], rows: usize) -> Vec<usize> {
        let best = |row: usize| {
            let mut best = (0, f64::NEG_INFINITY);
            for (class, column) in probabilities.iter().enumerate() {
                if let Some(probability) = column.get(row).filter(|probability| **probability > best.1) {
                    best = (class, *probability);
                }
            }
            best.0
        };
        (0..rows).map(best).collect()
    }
}
