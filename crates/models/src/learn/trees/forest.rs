//! Random forests, and the single tree, which is a forest of one without chance.

use std::borrow::Cow;

use super::grow::{Ground, Limits};
use super::sorted::Sorted;
use super::split::Lesson;
use super::tree::Tree;
use crate::learn::learner::{self, MaxFeatures};
use crate::learn::progress::{Cancelled, Progress};
use crate::learn::random::Random;
use crate::learn::target::Target;
use crate::learn::training::Table;

/// Trees whose mean is the prediction: a number, or the probability of each class.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::learn) struct Forest {
    pub trees: Vec<Tree>,
}

impl Forest {
    /// One tree on all rows.
    ///
    /// # Errors
    /// [`Cancelled`] where nobody waits any more.
    pub fn tree(
        table: &Table<'_>,
        target: &Target,
        parameters: &learner::Tree,
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
        let weights = vec![1; table.rows];
        let tree = Ground::new(&sorted).grow(&target.lesson(), &weights, limits, &mut Random::new(seed, 0));
        Ok(Self { trees: vec![tree] })
    }

    /// Many trees, each on rows and columns of its own.
    ///
    /// # Errors
    /// [`Cancelled`] where nobody waits any more.
    pub fn grow(
        table: &Table<'_>,
        target: &Target,
        parameters: &learner::Forest,
        seed: u64,
        progress: &mut Progress<'_>,
    ) -> Result<Self, Cancelled> {
        let by_default = match target {
            Target::Numbers(_) => MaxFeatures::All,
            Target::Classes { .. } => MaxFeatures::Sqrt,
        };
        let limits = Limits {
            max_depth: parameters.max_depth,
            min_samples_split: parameters.min_samples_split as usize,
            min_samples_leaf: parameters.min_samples_leaf as usize,
            columns: parameters.max_features.unwrap_or(by_default).of(table.columns.len()),
        };
        let sorted = Sorted::of(&table.columns, table.rows, progress)?;
        let mut ground = Ground::new(&sorted);
        let lesson = target.lesson();
        let mut weights = vec![1; table.rows];
        let count = parameters.n_estimators as usize;
        let mut trees = Vec::with_capacity(count);
        for tree in 0..count {
            progress.at(tree, count)?;
            let mut random = Random::new(seed, tree as u64);
            if parameters.bootstrap {
                weights.fill(0);
                (0..table.rows).for_each(|_| weights[random.below(table.rows)] += 1);
            }
            trees.push(ground.grow(&lesson, &weights, limits, &mut random));
        }
        Ok(Self { trees })
    }

    /// The mean of what the trees say, a column of rows for each number of a leaf.
    pub fn predict(&self, columns: &[Cow<'_, [f64]>], rows: usize) -> Vec<Vec<f64>> {
        let width = self.trees.first().map_or(1, |tree| tree.width);
        let mut means = vec![vec![0.0; rows]; width];
        // Tree by tree: one tree fits into a cache, all of them do not.
        for tree in &self.trees {
            for row in 0..rows {
                let values = tree.value(tree.leaf(columns, row));
                means.iter_mut().zip(values).for_each(|(mean, value)| mean[row] += value);
            }
        }
        let count = self.trees.len() as f64;
        means.iter_mut().flatten().for_each(|mean| *mean /= count);
        means
    }
}

impl Target {
    /// What trees learn of it.
    fn lesson(&self) -> Lesson<'_> {
        match self {
            Self::Numbers(numbers) => Lesson::Numbers(numbers),
            Self::Classes { labels, codes } => Lesson::Classes { codes, classes: labels.len() },
        }
    }
}
