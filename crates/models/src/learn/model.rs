//! What was learned, and what it says of new rows.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::design::{self, BadColumn};
use super::frame::{Column, Frame, Values};
use super::learner::{Algorithm, Task};
use super::linear::Line;
use super::logistic::Sums;
use super::metrics::Metrics;
use super::target::Labels;
use super::trees::{Boosted, Forest, Tree};

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
    Sums(Sums),
    Forest(Forest),
    Boosted(Boosted),
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
    /// What is predicted leaves the range of numbers.
    #[error("the numbers of row {row} are too large to compute with; scale them down")]
    Overflow {
        /// The row, counted from 1.
        row: usize,
    },
}

impl PredictError {
    /// The error as it is where `rows` rows stand before the table.
    #[must_use]
    pub fn behind(self, rows: usize) -> Self {
        match self {
            Self::Column(column) => Self::Column(column.behind(rows)),
            Self::Overflow { row } => Self::Overflow { row: row + rows },
        }
    }
}

impl Model {
    /// The table with the predictions beside its columns: [`PREDICTION`], and the probability of each class where the
    /// model tells classes apart. Columns that the model does not read are copied through; no rows give no predictions.
    ///
    /// # Errors
    /// [`PredictError`] where a column that it reads is not there or not made of finite numbers, or where a prediction
    /// would be none.
    pub fn predict(&self, frame: &Frame) -> Result<Frame, PredictError> {
        let mut predicted = frame.clone();
        self.answer(frame)?.into_columns().into_iter().for_each(|column| predicted.put(column));
        Ok(predicted)
    }

    /// The columns that [`Self::predict`] adds, alone.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn answer(&self, frame: &Frame) -> Result<Frame, PredictError> {
        let columns = design::columns(frame, &self.facts.features)?;
        let mut answer = Frame::of_rows(frame.rows());
        for column in self.predictions(&columns, frame.rows()) {
            if let Some(row) = column.values.beyond() {
                return Err(PredictError::Overflow { row: row + 1 });
            }
            answer.put(column);
        }
        Ok(answer)
    }

    /// The names of the columns that it reads.
    pub fn features(&self) -> &[String] {
        &self.facts.features
    }

    /// What it predicts.
    pub fn task(&self) -> Task {
        if self.facts.labels.is_some() { Task::Classification } else { Task::Regression }
    }

    /// The names of the columns that [`Self::answer`] gives.
    pub fn outputs(&self) -> Vec<String> {
        let classes =
            self.facts.labels.iter().flat_map(Labels::names).map(|name| format!("probability_{name}"));
        std::iter::once(PREDICTION.to_owned()).chain(classes).collect()
    }

    /// The column that it predicts.
    pub fn target(&self) -> &str {
        &self.facts.target
    }

    /// How many rows it learned from.
    pub fn rows(&self) -> u64 {
        self.facts.rows
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
    /// where it tells some apart, and what its numbers are: `intercept` and
    /// `coefficients` of a line, `intercepts` and lists of `coefficients` of a logistic regression, else the counts of
    /// `trees` and `leaves`.
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
            Fitted::Sums(sums) => {
                description["intercepts"] = sums.intercepts.clone().into();
                description["coefficients"] = sums.weights.chunks_exact(facts.features.len()).collect();
            }
            Fitted::Forest(Forest { trees }) | Fitted::Boosted(Boosted { trees, .. }) => {
                description["trees"] = trees.len().into();
                description["leaves"] = trees.iter().map(Tree::leaves).sum::<usize>().into();
            }
        }
        description
    }

    fn predictions(&self, columns: &[Cow<'_, [f64]>], rows: usize) -> Vec<Column> {
        let column = |name: String, values| Column { name, values };
        let labels = self.facts.labels.as_ref();
        match (self.fitted.output(columns, rows, labels.is_some()), labels) {
            (Output::Numbers(numbers), _) => vec![column(PREDICTION.to_owned(), Values::Numbers(numbers))],
            (Output::Probabilities(probabilities), Some(labels)) => {
                let best = labels.values(&Output::best(&probabilities, rows));
                let names = labels.names().into_iter().map(|name| format!("probability_{name}"));
                let each =
                    names.zip(probabilities).map(|(name, values)| column(name, Values::Numbers(values)));
                std::iter::once(column(PREDICTION.to_owned(), best)).chain(each).collect()
            }
            // Neither a training nor a file makes a model of classes without their names.
            (Output::Probabilities(_), None) => Vec::new(),
        }
    }
}

impl Fitted {
    /// What the model says of each row: probabilities where it tells `classes` apart.
    pub fn output(&self, columns: &[Cow<'_, [f64]>], rows: usize, classes: bool) -> Output {
        match self {
            Self::Line(line) => Output::Numbers(line.predict(columns, rows)),
            Self::Sums(sums) => Output::Probabilities(sums.predict(columns, rows)),
            Self::Forest(forest) => Output::new(forest.predict(columns, rows), classes),
            Self::Boosted(boosted) if classes => Output::Probabilities(boosted.probabilities(columns, rows)),
            Self::Boosted(boosted) => Output::new(boosted.sums(columns, rows), false),
        }
    }

    /// How many bytes its numbers take in a model file.
    pub fn bytes(&self) -> usize {
        let numbers = |count: usize| count * size_of::<f64>();
        let trees = |trees: &[Tree]| size_of::<u32>() + trees.iter().map(Tree::bytes).sum::<usize>();
        match self {
            Self::Line(line) => numbers(1 + line.weights.len()),
            Self::Sums(sums) => numbers(sums.intercepts.len() + sums.weights.len()),
            Self::Forest(forest) => trees(&forest.trees),
            Self::Boosted(boosted) => numbers(boosted.begin.len()) + trees(&boosted.trees),
        }
    }

    /// Whether all its numbers are numbers.
    pub fn is_finite(&self) -> bool {
        let finite = |numbers: &[f64]| numbers.iter().all(|number| number.is_finite());
        match self {
            Self::Line(line) => line.intercept.is_finite() && finite(&line.weights),
            Self::Sums(sums) => finite(&sums.intercepts) && finite(&sums.weights),
            Self::Forest(forest) => forest.trees.iter().all(Tree::is_finite),
            Self::Boosted(boosted) => finite(&boosted.begin) && boosted.trees.iter().all(Tree::is_finite),
        }
    }
}

impl Output {
    /// Columns of rows as what they are; a model of numbers has one.
    fn new(mut columns: Vec<Vec<f64>>, classes: bool) -> Self {
        if classes { Self::Probabilities(columns) } else { Self::Numbers(columns.pop().unwrap_or_default()) }
    }

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
