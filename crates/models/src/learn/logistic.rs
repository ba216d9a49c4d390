//! Logistic regression: the probabilities of classes from weighted sums.
//!
//! The penalty and its weight `C` are scikit-learn's; two classes share one set of weights, more have one set each. The
//! minimum is unique, so the way to it is free: Newton's steps (see [`newton`]) reach its last digits, where
//! scikit-learn's default stops at the fourth. With `tol=1e-12` it gives these probabilities to nine digits.

mod newton;
mod problem;

use std::borrow::Cow;

use super::learner;
use super::progress::{Cancelled, Progress};
use problem::Problem;

/// Rows whose sums are computed together, so that all of them stay in the nearest cache.
const BLOCK: usize = 512;

/// Weighted sums, one per class; or one alone for two classes, which speaks for the second.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sums {
    /// The constant of each sum.
    pub intercepts: Vec<f64>,
    /// The weights of each sum, one after the other.
    pub weights: Vec<f64>,
}

impl Sums {
    /// How many sums tell that many classes apart.
    pub fn count(classes: usize) -> usize {
        if classes == 2 { 1 } else { classes }
    }

    /// The sums with the least loss and penalty.
    ///
    /// # Errors
    /// [`Cancelled`] where nobody waits any more.
    pub fn fit(
        columns: &[Cow<'_, [f64]>],
        codes: &[u32],
        classes: usize,
        parameters: &learner::Logistic,
        progress: &mut Progress<'_>,
    ) -> Result<Self, Cancelled> {
        let problem = Problem::of(columns, codes, classes, parameters);
        let point = newton::minimum(&problem, parameters.max_iter, parameters.tol, progress)?;
        Ok(problem.sums(&point))
    }

    /// The probabilities of the classes, a column of rows each.
    pub fn predict(&self, columns: &[Cow<'_, [f64]>], rows: usize) -> Vec<Vec<f64>> {
        let sum = |(intercept, weights): (&f64, &[f64])| {
            let mut sums = vec![*intercept; rows];
            for (column, weight) in columns.iter().zip(weights) {
                sums.iter_mut().zip(column.iter()).for_each(|(sum, number)| *sum += weight * number);
            }
            sums
        };
        let mut sums: Vec<Vec<f64>> =
            self.intercepts.iter().zip(self.weights.chunks_exact(columns.len().max(1))).map(sum).collect();
        match sums.as_mut_slice() {
            [second] => {
                second.iter_mut().for_each(|sum| *sum = logistic(*sum));
                let first = second.iter().map(|probability| 1.0 - probability).collect();
                sums.insert(0, first);
            }
            all => softmax(all),
        }
        sums
    }
}

/// The probability that a sum stands for.
pub(super) fn logistic(sum: f64) -> f64 {
    1.0 / (1.0 + (-sum).exp())
}

/// Turns the sums of each row into probabilities. The largest is taken off first: its power cannot overflow then.
pub(super) fn softmax(sums: &mut [Vec<f64>]) {
    let mut cells = vec![0.0; sums.len()];
    for row in 0..sums.first().map_or(0, Vec::len) {
        cells.iter_mut().zip(&*sums).for_each(|(cell, column)| *cell = column[row]);
        normalize(&mut cells);
        sums.iter_mut().zip(&cells).for_each(|(column, cell)| column[row] = *cell);
    }
}

/// Turns sums of one row into probabilities; the logarithm of what they were divided by.
pub(super) fn normalize(sums: &mut [f64]) -> f64 {
    let largest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut total = 0.0;
    for sum in sums.iter_mut() {
        *sum = (*sum - largest).exp();
        total += *sum;
    }
    sums.iter_mut().for_each(|power| *power /= total);
    total.ln() + largest
}
