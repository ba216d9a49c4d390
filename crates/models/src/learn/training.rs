//! From a table to a model.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Instant;

use super::design::{self, BadColumn};
use super::frame::Frame;
use super::learner::{Algorithm, FEATURES_MAX, Learner, Task};
use super::linear::Line;
use super::logistic::Sums;
use super::metrics::Metrics;
use super::model::{Facts, Fitted, Model, Output};
use super::progress::{Cancelled, Progress};
use super::target::{BadTarget, Labels, Target};
use super::trees::{Boosted, Forest};

/// The most rows: a tree of so many leaves still counts its nodes in 32 bits.
const ROWS_MAX: usize = i32::MAX as usize;

/// Why there is no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// A column is not what it must be.
    #[error(transparent)]
    Column(#[from] BadColumn),
    /// The target cannot be predicted.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// There is nothing to learn from.
    #[error("the table has no rows to learn from")]
    NoRows,
    /// There is nothing to predict from.
    #[error("the table has no column beside the target `{0}`")]
    NoFeatures(String),
    /// There is too much to predict from.
    #[error("{0} features are too many; a model takes {FEATURES_MAX} at most")]
    TooManyFeatures(usize),
    /// More rows than places are counted for.
    #[error("{0} rows are too many for this model")]
    TooManyRows(usize),
    /// The algorithm cannot do what the target needs.
    #[error("`{0}` cannot do this task")]
    OtherTask(&'static str),
    /// Sums of the numbers leave the range of numbers.
    #[error("the numbers are too large to compute with; scale the columns down")]
    Overflow,
    /// The caller no longer wants the model.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// What a learner is given: columns of finite numbers.
pub(super) struct Table<'a> {
    /// One column per feature.
    pub columns: Vec<Cow<'a, [f64]>>,
    /// How many rows each has; one at least.
    pub rows: usize,
}

/// Learns a model from the table; `on_progress` is told the part that is done and may end it.
///
/// # Errors
/// [`TrainError`] in one sentence for whoever brought the table.
pub fn train(
    learner: &Learner,
    frame: &Frame,
    on_progress: &mut dyn FnMut(f32) -> ControlFlow<()>,
) -> Result<Model, TrainError> {
    let begin = Instant::now();
    let features = features(learner, frame)?;
    let target = target(learner, frame)?;
    let table = Table { columns: design::columns(frame, &features)?, rows: frame.rows() };
    if table.rows == 0 {
        return Err(TrainError::NoRows);
    }
    if table.rows > ROWS_MAX {
        return Err(TrainError::TooManyRows(table.rows));
    }
    let fitted = fit(learner, &table, &target, &mut Progress::new(on_progress))?;
    if !fitted.is_finite() {
        return Err(TrainError::Overflow);
    }
    let fit_time = begin.elapsed();
    let metrics = measure(&fitted, &table, &target);
    let facts = Facts {
        algorithm: learner.algorithm.clone(),
        target: learner.target.clone(),
        features,
        labels: target.labels(),
        seed: learner.seed,
        rows: table.rows as u64,
        metrics,
    };
    Ok(Model { facts, fitted, fit_time })
}

/// The names of the columns to predict from.
fn features(learner: &Learner, frame: &Frame) -> Result<Vec<String>, TrainError> {
    let others = || {
        let names = frame.columns().iter().map(|column| &column.name);
        names.filter(|name| **name != learner.target).cloned().collect()
    };
    let features: Vec<String> = learner.features.clone().unwrap_or_else(others);
    match features.len() {
        0 => Err(TrainError::NoFeatures(learner.target.clone())),
        count if count > FEATURES_MAX => Err(TrainError::TooManyFeatures(count)),
        _ => Ok(features),
    }
}

fn target(learner: &Learner, frame: &Frame) -> Result<Target, TrainError> {
    let column = design::named(frame, &learner.target)?;
    let task = learner.algorithm.only_task().or(learner.task).unwrap_or_else(|| Target::suggested(column));
    match task {
        Task::Regression => Ok(Target::numbers(column)?),
        Task::Classification => Ok(Target::classes(column)?),
    }
}

fn fit(
    learner: &Learner,
    table: &Table<'_>,
    target: &Target,
    progress: &mut Progress<'_>,
) -> Result<Fitted, TrainError> {
    let columns = &table.columns;
    Ok(match (&learner.algorithm, target) {
        (Algorithm::Ols(parameters), Target::Numbers(target)) => {
            Fitted::Line(Line::fit(columns, target, 0.0, parameters.fit_intercept, progress)?)
        }
        (Algorithm::Ridge(parameters), Target::Numbers(target)) => {
            Fitted::Line(Line::fit(columns, target, parameters.alpha, parameters.fit_intercept, progress)?)
        }
        (Algorithm::Logistic(parameters), Target::Classes { labels, codes }) => {
            Fitted::Sums(Sums::fit(columns, codes, labels.len(), parameters, progress)?)
        }
        (Algorithm::DecisionTree(parameters), target) => {
            Fitted::Forest(Forest::tree(table, target, parameters, learner.seed, progress)?)
        }
        (Algorithm::RandomForest(parameters), target) => {
            Fitted::Forest(Forest::grow(table, target, parameters, learner.seed, progress)?)
        }
        (Algorithm::GradientBoosting(parameters), target) => {
            Fitted::Boosted(Boosted::fit(table, target, parameters, learner.seed, progress)?)
        }
        (Algorithm::Ols(_) | Algorithm::Ridge(_), Target::Classes { .. })
        | (Algorithm::Logistic(_), Target::Numbers(_)) => {
            return Err(TrainError::OtherTask(learner.algorithm.name()));
        }
    })
}

fn measure(fitted: &Fitted, table: &Table<'_>, target: &Target) -> Metrics {
    let classes = matches!(target, Target::Classes { .. });
    match (fitted.output(&table.columns, table.rows, classes), target) {
        (Output::Numbers(predicted), Target::Numbers(target)) => Metrics::of_numbers(&predicted, target),
        (Output::Probabilities(probabilities), Target::Classes { codes, .. }) => {
            Metrics::of_classes(&probabilities, &Output::best(&probabilities, table.rows), codes)
        }
        // A learner of numbers is never given classes, nor the other way round.
        (Output::Numbers(_), Target::Classes { .. }) | (Output::Probabilities(_), Target::Numbers(_)) => {
            Metrics::default()
        }
    }
}

impl Target {
    fn labels(&self) -> Option<Labels> {
        match self {
            Self::Numbers(_) => None,
            Self::Classes { labels, .. } => Some(labels.clone()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
