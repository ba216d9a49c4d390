//! Least squares, with or without a penalty on the weights.
//!
//! Most tables are solved from their moments in one pass. That squares their condition, so where columns come near to
//! depending on each other, an orthogonal decomposition of the rows decides instead: it gives the shortest of the
//! solutions, the one that scikit-learn (LAPACK's `gelsd`) gives.

mod moments;
mod orthogonal;
mod svd;

use std::borrow::Cow;

use super::progress::{Cancelled, Progress};

/// Weights and a constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub intercept: f64,
    pub weights: Vec<f64>,
}

/// The table with the means of its columns taken off, without being copied.
struct Centred<'a> {
    columns: &'a [Cow<'a, [f64]>],
    /// What is taken off each column.
    means: Vec<f64>,
    target: &'a [f64],
    target_mean: f64,
    /// Whether each column holds one value only. Taken off exactly, its rest is rounding that must weigh nothing.
    constant: Vec<bool>,
}

impl Line {
    /// The line of least squares plus `penalty` times the squares of the weights.
    ///
    /// # Errors
    /// [`Cancelled`] where nobody waits any more.
    pub fn fit(
        columns: &[Cow<'_, [f64]>],
        target: &[f64],
        penalty: f64,
        fit_intercept: bool,
        progress: &mut Progress<'_>,
    ) -> Result<Self, Cancelled> {
        let centred = Centred::of(columns, target, fit_intercept);
        let weights = match moments::solve(&centred, penalty, progress)? {
            Some(weights) => weights,
            None => orthogonal::solve(&centred, penalty, progress)?,
        };
        let shift: f64 = centred.means.iter().zip(&weights).map(|(mean, weight)| mean * weight).sum();
        Ok(Self { intercept: centred.target_mean - shift, weights })
    }

    /// The line's value for each row.
    pub fn predict(&self, columns: &[Cow<'_, [f64]>], rows: usize) -> Vec<f64> {
        let mut values = vec![self.intercept; rows];
        for (column, weight) in columns.iter().zip(&self.weights) {
            for (value, number) in values.iter_mut().zip(column.iter()) {
                *value += weight * number;
            }
        }
        values
    }
}

impl<'a> Centred<'a> {
    fn of(columns: &'a [Cow<'a, [f64]>], target: &'a [f64], fit_intercept: bool) -> Self {
        let mean_of = |column: &[f64]| if fit_intercept { mean(column) } else { 0.0 };
        let constant = |column: &Cow<'_, [f64]>| match column.first() {
            Some(first) if fit_intercept => column.iter().all(|number| number == first),
            _ => column.iter().all(|number| *number == 0.0),
        };
        Self {
            columns,
            means: columns.iter().map(|column| mean_of(column)).collect(),
            target,
            target_mean: mean_of(target),
            constant: columns.iter().map(constant).collect(),
        }
    }

    fn rows(&self) -> usize {
        self.target.len()
    }

    /// Writes rows `from..from + into.len()` of a column, centred.
    fn column(&self, column: usize, from: usize, into: &mut [f64]) {
        if self.constant[column] {
            into.fill(0.0);
            return;
        }
        centre(&self.columns[column][from..], self.means[column], into);
    }

    /// Writes the same rows of the target, centred.
    fn target(&self, from: usize, into: &mut [f64]) {
        centre(&self.target[from..], self.target_mean, into);
    }
}

fn centre(numbers: &[f64], mean: f64, into: &mut [f64]) {
    for (centred, number) in into.iter_mut().zip(numbers) {
        *centred = number - mean;
    }
}

/// The mean, corrected by the mean of what the first try leaves over.
pub(super) fn mean(numbers: &[f64]) -> f64 {
    let count = numbers.len().max(1) as f64;
    let rough = sum(numbers, 0.0) / count;
    rough + sum(numbers, rough) / count
}

/// The sum of the distances from `origin`, in lanes that a processor adds side by side.
fn sum(numbers: &[f64], origin: f64) -> f64 {
    const LANES: usize = 8;
    let (chunks, rest) = numbers.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, number) in lanes.iter_mut().zip(chunk) {
            *lane += number - origin;
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|number| number - origin).sum::<f64>()
}

/// The sum of the products of two columns, in lanes that a processor multiplies side by side.
pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    const LANES: usize = 8;
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (left, right) in left.iter().zip(right) {
        for ((lane, left), right) in lanes.iter_mut().zip(left).zip(right) {
            *lane += left * right;
        }
    }
    let rest: f64 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
