//! Ridge regression: how far a patient's diabetes will have progressed in a year.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::InputError;
use super::prediction::{Estimate, Rows};
use super::tabular::{Features, Row, weigh};

/// A weighted sum of ten measurements of a patient (Efron, Hastie, Johnstone and Tibshirani, "Least Angle
/// Regression", 2004).
#[derive(Debug, Deserialize)]
pub struct Regression {
    units: String,
    features: Features,
    intercept: f64,
    weights: Vec<f64>,
}

impl Regression {
    pub(super) fn load() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("../../weights/regression.json"))
    }

    /// Estimates the progression for each row of the input.
    ///
    /// # Errors
    /// [`InputError`] where a feature is not a number, or a list has the wrong length.
    pub fn predict(&self, input: &Map<String, Value>) -> Result<Rows<Estimate<'_>>, InputError> {
        self.features.answer(input, |row| self.estimate(row))
    }

    fn estimate<'a>(&'a self, row: Row<'a>) -> Estimate<'a> {
        Estimate {
            prediction: weigh(self.intercept, &self.weights, &row),
            units: &self.units,
            basis: row.basis,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
