//! Least squares from the sums of products of the columns: one pass over the rows, little memory.

use super::{Centred, dot};
use crate::learn::progress::{Cancelled, Progress};

/// Rows that are centred at a time: ten columns of them lie in a second-level cache.
const BLOCK: usize = 2_048;

/// The least part of a column that its predecessors may leave unexplained.
///
/// The error of the weights is about 1e-16 over this; predictions shall be right to 1e-9 with digits to spare.
const INDEPENDENT: f64 = 1e-4;

/// The weights, or nothing where a column is constant or nearly a sum of others: the moments cannot tell then.
pub(super) fn solve(
    centred: &Centred<'_>,
    penalty: f64,
    progress: &mut Progress<'_>,
) -> Result<Option<Vec<f64>>, Cancelled> {
    let columns = centred.columns.len();
    if centred.constant.contains(&true) || (penalty == 0.0 && centred.rows() <= columns) {
        return Ok(None);
    }
    let mut moments = Moments::of(centred, progress)?;
    for column in 0..columns {
        *moments.at(column, column) += penalty;
    }
    Ok(moments.solve())
}

/// The lower triangle of the products of all columns, the target being the last.
struct Moments {
    /// Columns, the target included.
    size: usize,
    products: Vec<f64>,
}

impl Moments {
    fn of(centred: &Centred<'_>, progress: &mut Progress<'_>) -> Result<Self, Cancelled> {
        let columns = centred.columns.len();
        let size = columns + 1;
        let mut moments = Self { size, products: vec![0.0; size * size] };
        let mut block = vec![0.0; size * BLOCK];
        let rows = centred.rows();
        for from in (0..rows).step_by(BLOCK) {
            progress.at(from, rows)?;
            let length = BLOCK.min(rows - from);
            for (column, into) in block.chunks_exact_mut(BLOCK).enumerate() {
                let into = &mut into[..length];
                if column < columns { centred.column(column, from, into) } else { centred.target(from, into) }
            }
            for row in 0..size {
                for column in 0..=row {
                    let product = dot(&block[row * BLOCK..][..length], &block[column * BLOCK..][..length]);
                    *moments.at(row, column) += product;
                }
            }
        }
        Ok(moments)
    }

    fn at(&mut self, row: usize, column: usize) -> &mut f64 {
        &mut self.products[row * self.size + column]
    }

    /// Cholesky's decomposition of the correlations, then the weights; nothing where a column depends on others.
    fn solve(mut self) -> Option<Vec<f64>> {
        let columns = self.size - 1;
        let scales: Vec<f64> = (0..columns).map(|column| self.at(column, column).sqrt()).collect();
        if !scales.iter().all(|scale| scale.is_normal()) {
            return None;
        }
        for row in 0..=columns {
            for column in 0..columns.min(row + 1) {
                let row_scale = scales.get(row).copied().unwrap_or(1.0);
                *self.at(row, column) /= row_scale * scales[column];
            }
        }
        // The last row is the target's: decomposed along, it becomes the right-hand side of the second triangle.
        for row in 0..=columns {
            for column in 0..columns.min(row + 1) {
                let (above, below) = self.products.split_at(row * self.size);
                let left = &below[..column];
                let own = &below[column];
                let value = if column == row {
                    let unexplained = own - dot(left, left);
                    if unexplained.is_nan() || unexplained < INDEPENDENT {
                        return None;
                    }
                    unexplained.sqrt()
                } else {
                    let other = &above[column * self.size..][..=column];
                    (own - dot(left, &other[..column])) / other[column]
                };
                *self.at(row, column) = value;
            }
        }
        let mut weights: Vec<f64> = self.products[columns * self.size..][..columns].to_vec();
        for column in (0..columns).rev() {
            weights[column] /= *self.at(column, column);
            let weight = weights[column];
            for (earlier, value) in weights[..column].iter_mut().enumerate() {
                *value -= weight * *self.at(column, earlier);
            }
        }
        for (weight, scale) in weights.iter_mut().zip(&scales) {
            *weight /= scale;
        }
        Some(weights)
    }
}
