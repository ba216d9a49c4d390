//! The mean loss of logistic regression with its penalty, its slope and its curvature.
//!
//! A point is, for each sum in turn, its weights and then its constant, of columns that are centred and scaled to
//! deviation 1: the minimum is the same, and the way to it does not depend on anybody's choice of units.

use std::borrow::Cow;

use super::{BLOCK, Sums, logistic, normalize};
use crate::learn::learner;
use crate::learn::linear::{dot, mean};

/// What is to be minimised.
pub(super) struct Problem<'a> {
    columns: Vec<Vec<f64>>,
    /// What was taken off each column, and what it was divided by; 0 for a constant, which weighs nothing.
    means: Vec<f64>,
    scales: Vec<f64>,
    codes: &'a [u32],
    /// How many sums there are: one for two classes.
    sums: usize,
    /// The weight of the penalty against the mean loss.
    penalty: f64,
    fit_intercept: bool,
}

/// What is known at a point.
pub(super) struct State {
    pub loss: f64,
    pub slope: Vec<f64>,
    /// The probabilities, a column of rows per sum.
    probabilities: Vec<Vec<f64>>,
}

impl<'a> Problem<'a> {
    pub fn of(
        columns: &[Cow<'_, [f64]>],
        codes: &'a [u32],
        classes: usize,
        parameters: &learner::Logistic,
    ) -> Self {
        let fit_intercept = parameters.fit_intercept;
        let rows = codes.len() as f64;
        let means: Vec<f64> =
            columns.iter().map(|column| if fit_intercept { mean(column) } else { 0.0 }).collect();
        let mut scales = Vec::with_capacity(columns.len());
        let mut scaled = Vec::with_capacity(columns.len());
        for (column, mean) in columns.iter().zip(&means) {
            let constant = fit_intercept && column.iter().all(|number| Some(number) == column.first());
            let mut centred: Vec<f64> = column.iter().map(|number| number - mean).collect();
            let deviation = (dot(&centred, &centred) / rows).sqrt();
            let usable = !constant && deviation > 0.0;
            let scale = if usable { deviation.recip() } else { 0.0 };
            centred.iter_mut().for_each(|number| *number *= scale);
            scales.push(if usable { deviation } else { 0.0 });
            scaled.push(centred);
        }
        let penalty = (parameters.c * rows).recip();
        Self { columns: scaled, means, scales, codes, sums: Sums::count(classes), penalty, fit_intercept }
    }

    /// How many coordinates a point has.
    pub fn size(&self) -> usize {
        self.sums * self.stride()
    }

    /// Loss and slope at a point.
    pub fn at(&self, point: &[f64]) -> State {
        let rows = self.codes.len();
        let mut probabilities = vec![vec![0.0; rows]; self.sums];
        let mut slope = vec![0.0; point.len()];
        let mut loss = 0.0;
        let mut block = vec![0.0; self.sums * BLOCK];
        for from in (0..rows).step_by(BLOCK) {
            let length = BLOCK.min(rows - from);
            self.weigh(point, from, length, &mut block);
            loss += self.lose(from, length, &mut block, &mut probabilities);
            self.gather(from, length, &block, &mut slope);
        }
        let scale = 1.0 / rows as f64;
        let mut state = State { loss: loss * scale, slope, probabilities };
        state.slope.iter_mut().for_each(|slope| *slope *= scale);
        state.loss += self.penalize(point, &mut state.slope) / 2.0;
        state
    }

    /// The second derivatives times a direction.
    pub fn curvature(&self, state: &State, direction: &[f64]) -> Vec<f64> {
        let rows = self.codes.len();
        let mut curved = vec![0.0; direction.len()];
        let mut block = vec![0.0; self.sums * BLOCK];
        for from in (0..rows).step_by(BLOCK) {
            let length = BLOCK.min(rows - from);
            self.weigh(direction, from, length, &mut block);
            self.bend(from, length, &mut block, &state.probabilities);
            self.gather(from, length, &block, &mut curved);
        }
        let scale = 1.0 / rows as f64;
        curved.iter_mut().for_each(|curved| *curved *= scale);
        self.penalize(direction, &mut curved);
        curved
    }

    /// The point in the units of the columns as they came.
    pub fn sums(&self, point: &[f64]) -> Sums {
        let mut sums = Sums { intercepts: Vec::new(), weights: Vec::new() };
        for sum in point.chunks_exact(self.stride()) {
            let mut intercept = if self.fit_intercept { sum[self.columns.len()] } else { 0.0 };
            for ((weight, mean), scale) in sum.iter().zip(&self.means).zip(&self.scales) {
                let weight = if *scale > 0.0 { weight / scale } else { 0.0 };
                intercept -= weight * mean;
                sums.weights.push(weight);
            }
            sums.intercepts.push(intercept);
        }
        sums
    }

    fn stride(&self) -> usize {
        self.columns.len() + 1
    }

    /// Computes the sums of a block of rows.
    fn weigh(&self, point: &[f64], from: usize, length: usize, block: &mut [f64]) {
        for (sum, into) in point.chunks_exact(self.stride()).zip(block.chunks_exact_mut(BLOCK)) {
            let into = &mut into[..length];
            into.fill(if self.fit_intercept { sum[self.columns.len()] } else { 0.0 });
            for (column, weight) in self.columns.iter().zip(sum) {
                into.iter_mut().zip(&column[from..]).for_each(|(into, number)| *into += weight * number);
            }
        }
    }

    /// Turns sums into probabilities minus truth; the loss of the rows.
    fn lose(&self, from: usize, length: usize, block: &mut [f64], probabilities: &mut [Vec<f64>]) -> f64 {
        let mut loss = 0.0;
        let mut cells = vec![0.0; self.sums];
        for row in 0..length {
            let code = self.codes[from + row] as usize;
            if self.sums == 1 {
                let sum = block[row];
                let truth = code as f64;
                loss += sum.max(0.0) - truth * sum + (-sum.abs()).exp().ln_1p();
                let probability = logistic(sum);
                probabilities[0][from + row] = probability;
                block[row] = probability - truth;
                continue;
            }
            for (sum, cell) in cells.iter_mut().enumerate() {
                *cell = block[sum * BLOCK + row];
            }
            let own = cells[code];
            loss += normalize(&mut cells) - own;
            for (sum, probability) in cells.iter().enumerate() {
                probabilities[sum][from + row] = *probability;
                block[sum * BLOCK + row] = probability - f64::from(u8::from(sum == code));
            }
        }
        loss
    }

    /// Turns the sums of a direction into the change of the probabilities along it.
    fn bend(&self, from: usize, length: usize, block: &mut [f64], probabilities: &[Vec<f64>]) {
        for row in 0..length {
            // With one sum, the other class's is always 0, so this is the mean all the same.
            let mean: f64 =
                (0..self.sums).map(|sum| probabilities[sum][from + row] * block[sum * BLOCK + row]).sum();
            for sum in 0..self.sums {
                let cell = &mut block[sum * BLOCK + row];
                *cell = probabilities[sum][from + row] * (*cell - mean);
            }
        }
    }

    /// Adds the products of the columns with a block of rows.
    fn gather(&self, from: usize, length: usize, block: &[f64], into: &mut [f64]) {
        for (sum, rows) in into.chunks_exact_mut(self.stride()).zip(block.chunks_exact(BLOCK)) {
            let rows = &rows[..length];
            for (total, column) in sum.iter_mut().zip(&self.columns) {
                *total += dot(&column[from..][..length], rows);
            }
            if self.fit_intercept {
                sum[self.columns.len()] += rows.iter().sum::<f64>();
            }
        }
    }

    /// Adds the penalty's part of a slope; the penalty itself, twice. Weights of constants stay where they are, at 0.
    fn penalize(&self, point: &[f64], slope: &mut [f64]) -> f64 {
        let mut penalty = 0.0;
        for (sum, slope) in point.chunks_exact(self.stride()).zip(slope.chunks_exact_mut(self.stride())) {
            for ((weight, slope), scale) in sum.iter().zip(slope).zip(&self.scales) {
                let factor = if *scale > 0.0 { self.penalty / (scale * scale) } else { 0.0 };
                *slope += factor * weight;
                penalty += factor * weight * weight;
            }
        }
        penalty
    }
}
