//! Three small trained models: [`Model::Sentiment`], [`Model::Regression`] and [`Model::Classification`].
//!
//! Their weights are part of the program. `weights/ORIGIN.md` names the data, the licences and the accuracy of each;
//! `training/` makes them again.

mod classification;
mod prediction;
mod regression;
mod sentiment;
mod serve;
mod tabular;

use serde_json::{Map, Value};

pub use classification::Classification;
pub use prediction::{Basis, ClassGuess, Estimate, Label, Prediction, Probabilities, Rows, Tone};
pub use regression::Regression;
pub use sentiment::Sentiment;
pub use serve::{BODY_MAX, serve};
pub use tabular::ROWS_MAX;

/// One of the demo's models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// Whether an English text sounds positive, negative or neutral.
    Sentiment,
    /// How far diabetes will have progressed in a year.
    Regression,
    /// Which species an iris flower is of.
    Classification,
}

/// A model with its weights, ready to predict.
#[derive(Debug)]
pub enum Predictor {
    /// See [`Model::Sentiment`].
    Sentiment(Sentiment),
    /// See [`Model::Regression`].
    Regression(Regression),
    /// See [`Model::Classification`].
    Classification(Classification),
}

/// The weights of a model cannot be read: a fault of the build, since they are part of the program.
#[derive(Debug, thiserror::Error)]
#[error("the weights of the model `{model}` cannot be read: {source}")]
pub struct WeightsError {
    model: &'static str,
    source: serde_json::Error,
}

/// The input is a JSON object that the model cannot use; the text is for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// A member is of another JSON type than the model reads.
    #[error("`{member}` must be {expected}, not {found}")]
    Type {
        /// The member, with its place in a list if it is in one.
        member: String,
        /// What the model reads there.
        expected: &'static str,
        /// The JSON type that came.
        found: &'static str,
    },
    /// A row has not one value per feature.
    #[error("`{member}` has {found} values, but the model has {expected} features: {features}")]
    RowLength {
        /// The list, with its place if it is one of several.
        member: String,
        /// How many values the model reads.
        expected: usize,
        /// How many came.
        found: usize,
        /// The names of the features in order.
        features: String,
    },
    /// `inputs` is empty or longer than [`ROWS_MAX`].
    #[error("`inputs` has {found} rows; send between 1 and {ROWS_MAX}")]
    RowCount {
        /// How many rows came.
        found: usize,
    },
    /// Two members each say what to predict from.
    #[error("`features` and `inputs` exclude each other; send one of them")]
    Ambiguous,
}

impl Model {
    /// All models, in the order in which the demo lists them.
    pub const fn all() -> [Self; 3] {
        [Self::Sentiment, Self::Regression, Self::Classification]
    }

    /// The name in paths, logs and prices.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sentiment => "sentiment",
            Self::Regression => "regression",
            Self::Classification => "classification",
        }
    }

    /// Reads the weights.
    ///
    /// # Errors
    /// [`WeightsError`] in a broken build only.
    pub fn load(self) -> Result<Predictor, WeightsError> {
        let predictor = match self {
            Self::Sentiment => Sentiment::load().map(Predictor::Sentiment),
            Self::Regression => Regression::load().map(Predictor::Regression),
            Self::Classification => Classification::load().map(Predictor::Classification),
        };
        predictor.map_err(|source| WeightsError {
            model: self.name(),
            source,
        })
    }
}

impl Predictor {
    /// Predicts from one JSON object; members that the model does not know are ignored.
    ///
    /// Pure: the same input always gives the same prediction.
    ///
    /// # Errors
    /// [`InputError`] where a member that the model does know has the wrong type or length.
    pub fn predict(&self, input: &Map<String, Value>) -> Result<Prediction<'_>, InputError> {
        match self {
            Self::Sentiment(model) => model.predict(input).map(Prediction::Sentiment),
            Self::Regression(model) => model.predict(input).map(Prediction::Regression),
            Self::Classification(model) => model.predict(input).map(Prediction::Classification),
        }
    }
}

impl InputError {
    /// A member that is not what the model reads.
    fn wrong_type(member: impl Into<String>, expected: &'static str, found: &Value) -> Self {
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        Self::Type {
            member: member.into(),
            expected,
            found,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
