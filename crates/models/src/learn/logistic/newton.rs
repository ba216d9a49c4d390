//! Newton's method without the table of second derivatives: each step is found by conjugate gradients, which only ask
//! for that table times a direction. So memory grows with the weights, not with their square.

use super::problem::{Problem, State};
use crate::learn::progress::{Cancelled, Progress};

/// Directions tried for one step.
const DIRECTIONS_MAX: usize = 200;
/// How often a step is halved before the point counts as the minimum.
const HALVINGS_MAX: usize = 30;
/// The part of the promised descent that a step must bring.
const DESCENT_MIN: f64 = 1e-4;

/// The point with the least loss, to where no slope is above `tolerance` or rounding hides the way.
pub(super) fn minimum(
    problem: &Problem<'_>,
    steps_max: u32,
    tolerance: f64,
    progress: &mut Progress<'_>,
) -> Result<Vec<f64>, Cancelled> {
    let mut point = vec![0.0; problem.size()];
    let mut state = problem.at(&point);
    let mut steepest = steepness(&state.slope);
    let first = steepest;
    for _ in 0..steps_max {
        if steepest <= tolerance {
            break;
        }
        // Each step squares the error: progress is how many of the digits are found.
        let found = (first / steepest).log10().max(0.0);
        progress.at(found as usize, ((first / tolerance.max(f64::EPSILON)).log10() as usize).max(1))?;
        let step = step(problem, &state, progress)?;
        let Some((next, reached)) = descend(problem, &point, &step, &state) else { break };
        (point, state) = (next, reached);
        steepest = steepness(&state.slope);
    }
    Ok(point)
}

/// Where the second derivatives say that the minimum is, as far as the slope makes it worth knowing.
fn step(problem: &Problem<'_>, state: &State, progress: &mut Progress<'_>) -> Result<Vec<f64>, Cancelled> {
    let mut step = vec![0.0; state.slope.len()];
    let mut rest: Vec<f64> = state.slope.iter().map(|slope| -slope).collect();
    let mut direction = rest.clone();
    let mut length = product(&rest, &rest);
    let enough = length * length.sqrt().min(0.25);
    for _ in 0..DIRECTIONS_MAX {
        if length <= enough {
            break;
        }
        progress.stay()?;
        let curved = problem.curvature(state, &direction);
        let curvature = product(&direction, &curved);
        if curvature <= 0.0 {
            break;
        }
        let reach = length / curvature;
        add(&mut step, reach, &direction);
        add(&mut rest, -reach, &curved);
        let shorter = product(&rest, &rest);
        for (direction, rest) in direction.iter_mut().zip(&rest) {
            *direction = rest + shorter / length * *direction;
        }
        length = shorter;
    }
    Ok(step)
}

/// Goes the step, or half of it, or half of that, until the loss falls.
fn descend(problem: &Problem<'_>, point: &[f64], step: &[f64], state: &State) -> Option<(Vec<f64>, State)> {
    let promised = product(step, &state.slope);
    let mut reach = 1.0;
    for _ in 0..HALVINGS_MAX {
        let mut next = point.to_vec();
        add(&mut next, reach, step);
        let reached = problem.at(&next);
        // Near the minimum the loss falls by less than it can be computed to; the slope still tells.
        let near = (reached.loss - state.loss).abs() <= 1e-14 * state.loss.abs();
        let falls = reached.loss <= state.loss + DESCENT_MIN * reach * promised;
        if falls || (near && steepness(&reached.slope) < steepness(&state.slope)) {
            return Some((next, reached));
        }
        reach /= 2.0;
    }
    None
}

fn steepness(slope: &[f64]) -> f64 {
    slope.iter().fold(0.0, |steepest, slope| steepest.max(slope.abs()))
}

fn product(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

fn add(to: &mut [f64], factor: f64, direction: &[f64]) {
    to.iter_mut().zip(direction).for_each(|(value, direction)| *value += factor * direction);
}
