//! How well a model meets the rows that it learned from.

use serde::{Deserialize, Serialize};

/// What a model misses on its own training rows. A measure that overflows is left out.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Regression: the part of the target's variance that is explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
    /// Regression: the mean distance from the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_absolute_error: Option<f64>,
    /// Regression: the root of the mean square of the distances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_mean_squared_error: Option<f64>,
    /// Classification: the part of the rows whose class is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Classification: the mean of minus the logarithm of the probability given to the true class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
}

impl Metrics {
    /// Of predicted numbers.
    pub(super) fn of_numbers(predicted: &[f64], target: &[f64]) -> Self {
        let count = target.len().max(1) as f64;
        let mean = target.iter().sum::<f64>() / count;
        let (mut squares, mut distances, mut total) = (0.0, 0.0, 0.0);
        for (predicted, target) in predicted.iter().zip(target) {
            let distance = predicted - target;
            squares += distance * distance;
            distances += distance.abs();
            total += (target - mean) * (target - mean);
        }
        // A target that never varies is met or not; so does scikit-learn decide it.
        let r2 = match (total == 0.0, squares == 0.0) {
            (true, met) => f64::from(u8::from(met)),
            (false, _) => 1.0 - squares / total,
        };
        Self {
            r2: finite(r2),
            mean_absolute_error: finite(distances / count),
            root_mean_squared_error: finite((squares / count).sqrt()),
            ..Self::default()
        }
    }

    /// Of predicted probabilities, one column per class.
    pub(super) fn of_classes(probabilities: &[Vec<f64>], best: &[usize], codes: &[u32]) -> Self {
        let count = codes.len().max(1) as f64;
        let met = best.iter().zip(codes).filter(|(best, code)| **best == **code as usize).count();
        let given = |(row, code): (usize, &u32)| {
            let probability = probabilities.get(*code as usize).and_then(|column| column.get(row));
            -probability.copied().unwrap_or(0.0).max(f64::EPSILON).ln()
        };
        let loss: f64 = codes.iter().enumerate().map(given).sum();
        Self { accuracy: finite(met as f64 / count), log_loss: finite(loss / count), ..Self::default() }
    }
}

fn finite(measure: f64) -> Option<f64> {
    // What is nothing is not less than nothing.
    measure.is_finite().then_some(measure + 0.0)
}
