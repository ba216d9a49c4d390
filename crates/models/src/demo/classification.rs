//! Multinomial logistic regression: which species an iris flower is of.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::InputError;
use super::prediction::{ClassGuess, Rows};
use super::tabular::{Features, Row, weigh};

/// The likeliest of three species by four lengths of a flower (Fisher, "The use of multiple measurements in taxonomic
/// problems", 1936).
#[derive(Debug, Deserialize)]
pub struct Classification {
    features: Features,
    classes: Vec<Class>,
}

#[derive(Debug, Deserialize)]
struct Class {
    name: String,
    intercept: f64,
    weights: Vec<f64>,
}

impl Classification {
    pub(super) fn load() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("../../weights/classification.json"))
    }

    /// Guesses the species for each row of the input.
    ///
    /// # Errors
    /// [`InputError`] where a feature is not a number, or a list has the wrong length.
    pub fn predict(&self, input: &Map<String, Value>) -> Result<Rows<ClassGuess<'_>>, InputError> {
        self.features.answer(input, |row| self.guess(row))
    }

    fn guess<'a>(&'a self, row: Row<'a>) -> ClassGuess<'a> {
        let evidence = |class: &Class| weigh(class.intercept, &class.weights, &row);
        let likeliest = self
            .classes
            .iter()
            .max_by(|a, b| evidence(a).total_cmp(&evidence(b)));
        // The weights name three classes, so the fallback is never taken.
        let (class, most) = likeliest.map_or(("", 0.0), |class| (class.name.as_str(), evidence(class)));
        // Softmax of the largest: dividing both sides by it keeps every power at most 1.
        let total: f64 = self
            .classes
            .iter()
            .map(|class| (evidence(class) - most).exp())
            .sum();
        ClassGuess {
            class,
            confidence: 1.0 / total,
            basis: row.basis,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
