//! The singular values of a small tall table, by Hestenes' one-sided Jacobi rotations.
//!
//! Chosen for its accuracy: small singular values come out as exactly as large ones.

use super::dot;
use crate::learn::progress::{Cancelled, Progress};

/// Sweeps over all pairs after which it stops in any case; seven or so are usual.
const SWEEPS_MAX: usize = 40;

/// A table as directions: `turned` = table x `rotation`, with orthogonal columns.
pub(super) struct Svd {
    /// Values of one column of the table.
    height: usize,
    turned: Vec<f64>,
    /// Values of one column of `rotation`, which is square.
    size: usize,
    rotation: Vec<f64>,
}

impl Svd {
    /// Decomposes a table given as columns of `height` values.
    pub fn of(table: Vec<f64>, height: usize, progress: &mut Progress<'_>) -> Result<Self, Cancelled> {
        let size = table.len() / height.max(1);
        let mut rotation = vec![0.0; size * size];
        rotation.iter_mut().step_by(size + 1).for_each(|diagonal| *diagonal = 1.0);
        let mut svd = Self { height, turned: table, size, rotation };
        for _ in 0..SWEEPS_MAX {
            if !svd.sweep(progress)? {
                break;
            }
        }
        Ok(svd)
    }

    /// The shortest solution of table x solution = right, in the sense of least squares.
    pub fn solve(&self, right: &[f64], weakest: f64) -> Vec<f64> {
        let mut solution = vec![0.0; self.size];
        for (turned, rotation, square) in self.directions(weakest) {
            add(&mut solution, rotation, dot(turned, right) / square);
        }
        solution
    }

    /// The shortest solution of the same for the table on its side: solution x table = right.
    pub fn solve_lying(&self, right: &[f64], weakest: f64) -> Vec<f64> {
        let mut solution = vec![0.0; self.height];
        for (turned, rotation, square) in self.directions(weakest) {
            add(&mut solution, turned, dot(rotation, right) / square);
        }
        solution
    }

    /// Turns every pair of columns once; whether any was not orthogonal.
    fn sweep(&mut self, progress: &mut Progress<'_>) -> Result<bool, Cancelled> {
        let mut turned = false;
        for right in 1..self.size {
            progress.at(right, self.size)?;
            for left in 0..right {
                let (first, second) = pair(&mut self.turned, self.height, left, right);
                let (first_square, second_square) = (dot(first, first), dot(second, second));
                let product = dot(first, second);
                if product.abs() <= f64::EPSILON * (first_square * second_square).sqrt() {
                    continue;
                }
                turned = true;
                let slope = (second_square - first_square) / (2.0 * product);
                let tangent = slope.signum() / (slope.abs() + slope.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                rotate(first, second, cosine, cosine * tangent);
                let (first, second) = pair(&mut self.rotation, self.size, left, right);
                rotate(first, second, cosine, cosine * tangent);
            }
        }
        Ok(turned)
    }

    /// The directions that count: turned column, rotation's column, square of the singular value.
    fn directions(&self, weakest: f64) -> impl Iterator<Item = (&[f64], &[f64], f64)> {
        let squares: Vec<f64> =
            self.turned.chunks_exact(self.height).map(|column| dot(column, column)).collect();
        let strongest = squares.iter().copied().fold(0.0, f64::max).sqrt();
        let columns = self.turned.chunks_exact(self.height).zip(self.rotation.chunks_exact(self.size));
        columns
            .zip(squares)
            .map(|((turned, rotation), square)| (turned, rotation, square))
            // What overflowed stays, so that the result is no number and not a wrong one.
            .filter(move |(_, _, square)| !square.is_finite() || square.sqrt() > weakest * strongest)
    }
}

/// Two columns, `left` before `right`.
fn pair(columns: &mut [f64], height: usize, left: usize, right: usize) -> (&mut [f64], &mut [f64]) {
    let (before, after) = columns.split_at_mut(right * height);
    (&mut before[left * height..][..height], &mut after[..height])
}

fn rotate(first: &mut [f64], second: &mut [f64], cosine: f64, sine: f64) {
    for (first, second) in first.iter_mut().zip(second) {
        let (left, right) = (*first, *second);
        *first = cosine * left - sine * right;
        *second = sine * left + cosine * right;
    }
}

fn add(to: &mut [f64], direction: &[f64], share: f64) {
    for (value, direction) in to.iter_mut().zip(direction) {
        *value += share * direction;
    }
}
