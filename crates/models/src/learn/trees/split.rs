//! The best place to divide the rows of a node.

use super::sorted::Place;

/// What the trees of one training shall tell: a weight per row, and a number or a class.
pub(super) enum Lesson<'a> {
    /// Numbers whose squares about the sides' means shall be small.
    Numbers(&'a [f64]),
    /// Classes whose mixture (Gini's) shall be small.
    Classes { codes: &'a [u32], classes: usize },
}

/// Rows of one node.
pub(super) struct Total {
    /// The sum of the weights.
    pub weight: f64,
    /// The weighted mean of the numbers; one weight per class.
    pub parts: Vec<f64>,
    /// Whether all rows say the same.
    pub pure: bool,
}

/// A place between two rows of a column's order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    /// How good it is; comparable within one node only.
    pub gain: f64,
    /// How many rows go left.
    pub left: usize,
}

impl Lesson<'_> {
    /// How many numbers a leaf says.
    pub fn width(&self) -> usize {
        match self {
            Self::Numbers(_) => 1,
            Self::Classes { classes, .. } => *classes,
        }
    }

    /// Sums the rows up.
    pub fn total(&self, rows: &[Place], weights: &[u32]) -> Total {
        let weight = |place: &Place| f64::from(weights[place.row as usize]);
        let all = rows.iter().map(weight).sum();
        match self {
            Self::Numbers(numbers) => {
                let number = |place: &Place| numbers[place.row as usize];
                let first = rows.first().map_or(0.0, number);
                // From the first number, so that equal numbers have exactly their own mean.
                let sum: f64 = rows.iter().map(|place| weight(place) * (number(place) - first)).sum();
                let pure = rows.iter().all(|place| number(place) == first);
                Total { weight: all, parts: vec![first + sum / all], pure }
            }
            Self::Classes { codes, classes } => {
                let mut parts = vec![0.0; *classes];
                rows.iter().for_each(|place| parts[codes[place.row as usize] as usize] += weight(place));
                let pure = parts.iter().filter(|part| **part > 0.0).count() <= 1;
                Total { weight: all, parts, pure }
            }
        }
    }

    /// What a leaf of these rows says: the mean, or the part of each class.
    pub fn say(&self, total: &Total, into: &mut Vec<f64>) {
        match self {
            Self::Numbers(_) => into.extend_from_slice(&total.parts),
            Self::Classes { .. } => into.extend(total.parts.iter().map(|part| part / total.weight)),
        }
    }

    /// The best split in a column's order that leaves `least` rows on each side, if there is any.
    pub fn split(&self, rows: &[Place], weights: &[u32], total: &Total, least: usize) -> Option<Split> {
        if rows.len() < 2 * least || rows.first()?.rank == rows.last()?.rank {
            return None;
        }
        match self {
            Self::Numbers(numbers) => split_numbers(rows, numbers, weights, total, least),
            Self::Classes { codes, .. } => split_classes(rows, codes, weights, total, least),
        }
    }
}

fn split_numbers(
    rows: &[Place],
    numbers: &[f64],
    weights: &[u32],
    total: &Total,
    least: usize,
) -> Option<Split> {
    let mean = total.parts[0];
    let (mut sum, mut left) = (0.0, 0.0);
    let mut best: Option<Split> = None;
    for (index, pair) in rows.windows(2).enumerate() {
        let place = pair[0];
        let weight = f64::from(weights[place.row as usize]);
        // Distances from the mean: both sides have the same sum but for the sign, and nothing large cancels out.
        sum += weight * (numbers[place.row as usize] - mean);
        left += weight;
        if place.rank == pair[1].rank {
            continue;
        }
        let gain = sum * sum / (left * (total.weight - left));
        if best.is_none_or(|best| gain > best.gain) && index + 1 >= least && rows.len() - index > least {
            best = Some(Split { gain, left: index + 1 });
        }
    }
    best
}

fn split_classes(
    rows: &[Place],
    codes: &[u32],
    weights: &[u32],
    total: &Total,
    least: usize,
) -> Option<Split> {
    let mut left = vec![0.0; total.parts.len()];
    let mut left_weight = 0.0;
    // Sums of the squares of the classes' weights. Whole numbers: nothing is rounded below 2^53.
    let mut left_squares = 0.0;
    let mut right_squares: f64 = total.parts.iter().map(|part| part * part).sum();
    let mut best: Option<Split> = None;
    for (index, pair) in rows.windows(2).enumerate() {
        let place = pair[0];
        let weight = f64::from(weights[place.row as usize]);
        let code = codes[place.row as usize] as usize;
        let here = left[code];
        let there = total.parts[code] - here;
        left_squares += weight * (2.0 * here + weight);
        right_squares -= weight * (2.0 * there - weight);
        left[code] = here + weight;
        left_weight += weight;
        if place.rank == pair[1].rank {
            continue;
        }
        let right_weight = total.weight - left_weight;
        let gain = (left_squares * right_weight + right_squares * left_weight) / (left_weight * right_weight);
        if best.is_none_or(|best| gain > best.gain) && index + 1 >= least && rows.len() - index > least {
            best = Some(Split { gain, left: index + 1 });
        }
    }
    best
}
