//! Least squares by orthogonal decompositions: slower than moments, exact where columns depend on each other.

use super::svd::Svd;
use super::{Centred, dot};
use crate::learn::progress::{Cancelled, Progress};

/// The shortest of the weights with the least squares.
pub(super) fn solve(
    centred: &Centred<'_>,
    penalty: f64,
    progress: &mut Progress<'_>,
) -> Result<Vec<f64>, Cancelled> {
    let (rows, columns) = (centred.rows(), centred.columns.len());
    // What is this much weaker than the strongest direction can be rounding; so scikit-learn has it up to 1.8. Since 1.9
    // it drops whatever is a million times weaker, a column of small numbers beside one of large ones included.
    let weakest = rows.max(columns) as f64 * f64::EPSILON;
    if penalty > 0.0 || rows >= columns {
        let triangle = Triangle::of(centred, penalty, progress)?;
        let right = triangle.target();
        let svd = Svd::of(triangle.into_columns(), columns, progress)?;
        return Ok(svd.solve(&right, weakest));
    }
    // Fewer rows than columns: the table lies on its side, so that what is decomposed is tall again.
    let mut lying = vec![0.0; rows * columns];
    let mut column = vec![0.0; rows];
    for index in 0..columns {
        centred.column(index, 0, &mut column);
        for (row, value) in column.iter().enumerate() {
            lying[row * columns + index] = *value;
        }
    }
    let mut target = vec![0.0; rows];
    centred.target(0, &mut target);
    let svd = Svd::of(lying, columns, progress)?;
    Ok(svd.solve_lying(&target, weakest))
}

/// The upper triangle that the rows leave after a QR decomposition, grown one block of rows at a time.
///
/// It is held as columns, the last of which is the target turned along.
struct Triangle {
    /// Columns without the target; so many rows has the triangle.
    size: usize,
    /// Values of one column: the triangle's and those of a block below it.
    height: usize,
    work: Vec<f64>,
}

impl Triangle {
    fn of(centred: &Centred<'_>, penalty: f64, progress: &mut Progress<'_>) -> Result<Self, Cancelled> {
        let (rows, size) = (centred.rows(), centred.columns.len());
        let block = rows.min((4 * size).max(1_024));
        let height = size + block;
        let mut triangle = Self { size, height, work: vec![0.0; height * (size + 1)] };
        // A penalty is as many more rows, each of which wants one weight to be nothing.
        for column in 0..size {
            triangle.column(column)[column] = penalty.sqrt();
        }
        for from in (0..rows).step_by(block) {
            progress.at(from, rows)?;
            let length = block.min(rows - from);
            for column in 0..=size {
                let below = &mut triangle.column(column)[size..];
                let (into, unused) = below.split_at_mut(length);
                if column < size {
                    centred.column(column, from, into)
                } else {
                    centred.target(from, into)
                }
                unused.fill(0.0);
            }
            triangle.reduce();
        }
        Ok(triangle)
    }

    fn column(&mut self, column: usize) -> &mut [f64] {
        &mut self.work[column * self.height..][..self.height]
    }

    /// Turns the block below into the triangle, by one of Householder's reflections per column.
    fn reduce(&mut self) {
        for pivot in 0..self.size {
            let (done, rest) = self.work.split_at_mut((pivot + 1) * self.height);
            let column = &mut done[pivot * self.height..][pivot..];
            // Between the pivot's row and the block the triangle is zero, and stays so.
            let below = self.size - pivot;
            let length = dot(&column[below..], &column[below..]);
            if length == 0.0 {
                continue;
            }
            let head = column[0];
            let turned = -(head * head + length).sqrt().copysign(head);
            let lead = head - turned;
            let scale = 2.0 / (lead * lead + length);
            for other in rest.chunks_exact_mut(self.height) {
                let other = &mut other[pivot..];
                let share = scale * (lead * other[0] + dot(&column[below..], &other[below..]));
                other[0] -= share * lead;
                for (value, mirror) in other[below..].iter_mut().zip(&column[below..]) {
                    *value -= share * mirror;
                }
            }
            column[0] = turned;
            column[below..].fill(0.0);
        }
    }

    /// The target, turned along with the rows.
    fn target(&self) -> Vec<f64> {
        self.work[self.size * self.height..][..self.size].to_vec()
    }

    /// The triangle's columns, one after the other.
    fn into_columns(self) -> Vec<f64> {
        let columns = self.work.chunks_exact(self.height).take(self.size);
        columns.flat_map(|column| &column[..self.size]).copied().collect()
    }
}
