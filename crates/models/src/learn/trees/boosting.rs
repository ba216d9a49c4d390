//! Gradient boosting: each tree learns what those before it leave over.

use std::borrow::Cow;

use super::grow::{Ground, Limits};
use super::sorted::Sorted;
use super::split::Lesson;
use super::tree::Tree;
use crate::learn::learner;
use crate::learn::logistic::{logistic, softmax};
use crate::learn::progress::{Cancelled, Progress};
use crate::learn::random::Random;
use crate::learn::target::Target;
use crate::learn::training::Table;

/// Sums of trees: one sum for numbers and for two classes, one per class for more.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::learn) struct Boosted {
    /// Where each sum begins.
    pub begin: Vec<f64>,
    /// One tree per sum, for each step in turn; what their leaves say is already scaled by the learning rate.
    pub trees: Vec<Tree>,
}

impl Boosted {
    /// Grows the trees, one step after the other.
    ///
    /// # Errors
    /// [`Cancelled`] where nobody waits any more.
    pub fn fit(
        table: &Table<'_>,
        target: &Target,
        parameters: &learner::Boosting,
        seed: u64,
        progress: &mut Progress<'_>,
    ) -> Result<Self, Cancelled> {
        let limits = Limits {
            max_depth: parameters.max_depth,
            min_samples_split: parameters.min_samples_split as usize,
            min_samples_leaf: parameters.min_samples_leaf as usize,
            columns: parameters.max_features.of(table.columns.len()),
        };
        let sorted = Sorted::of(&table.columns, table.rows, progress)?;
        let mut ground = Ground::new(&sorted);
        let begin = begin(target);
        let mut sums: Vec<Vec<f64>> = begin.iter().map(|begin| vec![*begin; table.rows]).collect();
        let steps = parameters.n_estimators as usize;
        let mut trees = Vec::with_capacity(steps * sums.len());
        let mut weights = vec![1; table.rows];
        for step in 0..steps {
            progress.at(step, steps)?;
            let mut random = Random::new(seed, step as u64);
            sample(parameters.subsample, &mut weights, &mut random);
            let rests = rests(target, &sums);
            for (place, (sum, rest)) in sums.iter_mut().zip(rests).enumerate() {
                let mut tree = ground.grow(&Lesson::Numbers(&rest), &weights, limits, &mut random);
                let leaves: Vec<usize> = (0..table.rows).map(|row| tree.leaf(&table.columns, row)).collect();
                if let Target::Classes { labels, codes } = target {
                    let truth = |row: usize| truth(codes, place, labels.len(), row);
                    tree.values = steps_down(&rest, &leaves, &weights, tree.leaves(), labels.len(), truth);
                }
                tree.values.iter_mut().for_each(|value| *value *= parameters.learning_rate);
                for (sum, leaf) in sum.iter_mut().zip(&leaves) {
                    *sum += tree.values[*leaf];
                }
                trees.push(tree);
            }
        }
        Ok(Self { begin, trees })
    }

    /// The sums of rows, a column each.
    pub fn sums(&self, columns: &[Cow<'_, [f64]>], rows: usize) -> Vec<Vec<f64>> {
        let mut sums: Vec<Vec<f64>> = self.begin.iter().map(|begin| vec![*begin; rows]).collect();
        for trees in self.trees.chunks_exact(self.begin.len()) {
            for (sum, tree) in sums.iter_mut().zip(trees) {
                for (row, sum) in sum.iter_mut().enumerate() {
                    *sum += tree.values[tree.leaf(columns, row)];
                }
            }
        }
        sums
    }

    /// The probabilities of the classes, a column of rows each.
    pub fn probabilities(&self, columns: &[Cow<'_, [f64]>], rows: usize) -> Vec<Vec<f64>> {
        let mut sums = self.sums(columns, rows);
        probabilities(&mut sums);
        if let [second] = sums.as_slice() {
            let first = second.iter().map(|probability| 1.0 - probability).collect();
            sums.insert(0, first);
        }
        sums
    }
}

/// What is predicted without any tree: the mean, or the logarithms of how frequent the classes are.
fn begin(target: &Target) -> Vec<f64> {
    match target {
        Target::Numbers(numbers) => vec![crate::learn::linear::mean(numbers)],
        Target::Classes { labels, codes } => {
            let mut parts = vec![0.0; labels.len()];
            codes.iter().for_each(|code| parts[*code as usize] += 1.0 / codes.len() as f64);
            if let [first, second] = parts.as_slice() {
                return vec![(second / first).ln()];
            }
            let logarithms: Vec<f64> = parts.iter().map(|part: &f64| part.ln()).collect();
            let mean = logarithms.iter().sum::<f64>() / logarithms.len() as f64;
            logarithms.iter().map(|logarithm| logarithm - mean).collect()
        }
    }
}

/// What the sums leave over: target minus prediction, a column of rows for each sum.
fn rests(target: &Target, sums: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut predicted = sums.to_vec();
    match target {
        Target::Numbers(numbers) => {
            for sum in &mut predicted {
                sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum = number - *sum);
            }
        }
        Target::Classes { labels, codes } => {
            probabilities(&mut predicted);
            for (place, column) in predicted.iter_mut().enumerate() {
                for (row, cell) in column.iter_mut().enumerate() {
                    *cell = truth(codes, place, labels.len(), row) - *cell;
                }
            }
        }
    }
    predicted
}

/// Turns sums into probabilities: of the second class where there is one sum, of each where there are more.
fn probabilities(sums: &mut [Vec<f64>]) {
    match sums {
        [second] => second.iter_mut().for_each(|sum| *sum = logistic(*sum)),
        all => softmax(all),
    }
}

/// Whether a row is of the class that a sum speaks for, as 1 or 0.
fn truth(codes: &[u32], sum: usize, classes: usize, row: usize) -> f64 {
    let class = if classes == 2 { 1 } else { sum };
    f64::from(u8::from(codes[row] as usize == class))
}

/// What the leaves of a tree say for classes: one of Newton's steps down the loss of the leaf's rows.
///
/// The factor for more than two classes is Friedman's (2001, algorithm 6).
fn steps_down(
    rest: &[f64],
    leaves: &[usize],
    weights: &[u32],
    count: usize,
    classes: usize,
    truth: impl Fn(usize) -> f64,
) -> Vec<f64> {
    let factor = if classes == 2 { 1.0 } else { (classes - 1) as f64 / classes as f64 };
    let mut slopes = vec![0.0; count];
    let mut curvatures = vec![0.0; count];
    for (row, (rest, leaf)) in rest.iter().zip(leaves).enumerate() {
        if weights[row] > 0 {
            let probability = truth(row) - rest;
            slopes[*leaf] += rest;
            curvatures[*leaf] += probability * (1.0 - probability);
        }
    }
    let step = |(slope, curvature): (&f64, &f64)| {
        // Rows that are certain leave nothing to gain.
        if curvature.abs() < 1e-150 { 0.0 } else { factor * slope / curvature }
    };
    slopes.iter().zip(&curvatures).map(step).collect()
}

/// Chooses the rows of a step, without replacement.
fn sample(share: f64, weights: &mut [u32], random: &mut Random) {
    if share >= 1.0 {
        return;
    }
    let rows = weights.len();
    let mut wanted = ((share * rows as f64) as usize).max(1);
    for (row, weight) in weights.iter_mut().enumerate() {
        // Of the rows that are left, each is as likely to be wanted as any other.
        let chosen = random.below(rows - row) < wanted;
        *weight = u32::from(chosen);
        wanted -= usize::from(chosen);
    }
}
