//! A cumulative logit over weighted words and pairs of words: how an English text sounds.

mod strength;
mod tokens;

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::InputError;
use super::prediction::{Label, Probabilities, Tone};
use strength::Rules;

/// A text's strength is the sum of the weights of its words and pairs of words, each multiplied by what stands before
/// it; two thresholds cut the strengths into negative, neutral and positive.
///
/// The weights start from the VADER lexicon (Hutto and Gilbert, 2014) and are corrected on rated sentences.
#[derive(Debug, Deserialize)]
pub struct Sentiment {
    rules: Rules,
    /// Below the first a text is rather negative than not, above the second rather positive than not.
    thresholds: [f64; 2],
    terms: HashMap<String, f64>,
}

impl Sentiment {
    pub(super) fn load() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("../../weights/sentiment.json"))
    }

    /// Judges the member `text`; an absent one counts as empty, which says nothing and so is neutral.
    ///
    /// # Errors
    /// [`InputError::Type`] where `text` is not a string.
    pub fn predict(&self, input: &Map<String, Value>) -> Result<Tone, InputError> {
        match input.get("text") {
            None => Ok(self.judge("")),
            Some(Value::String(text)) => Ok(self.judge(text)),
            Some(other) => Err(InputError::wrong_type("text", "a string", other)),
        }
    }

    fn judge(&self, text: &str) -> Tone {
        let strength = self.rules.strength(&self.terms, text);
        let [below, within] = self.thresholds.map(|threshold| logistic(threshold - strength));
        let probabilities = Probabilities {
            negative: below,
            neutral: within - below,
            positive: 1.0 - within,
        };
        let (label, score) = probabilities.likeliest();
        Tone {
            label,
            score,
            probabilities,
        }
    }
}

impl Probabilities {
    /// The likeliest label; of equals the middle one, which claims least.
    fn likeliest(&self) -> (Label, f64) {
        let mut best = (Label::Neutral, self.neutral);
        for (label, probability) in [(Label::Negative, self.negative), (Label::Positive, self.positive)] {
            if probability > best.1 {
                best = (label, probability);
            }
        }
        best
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
