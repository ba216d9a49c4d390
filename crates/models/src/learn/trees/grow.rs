//! Growing one tree from sorted columns.

use super::sorted::{Place, Sorted};
use super::split::{Lesson, Split, Total};
use super::tree::{LEAF, Node, Tree};
use crate::learn::learner::DEPTH_MAX;
use crate::learn::random::Random;

/// How far a tree may grow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub max_depth: Option<u32>,
    pub min_samples_split: usize,
    pub min_samples_leaf: usize,
    /// How many columns a split chooses from.
    pub columns: usize,
}

/// The memory that growing needs, kept from tree to tree.
pub(super) struct Ground<'a> {
    sorted: &'a Sorted,
    /// Each column's order of the rows that count, divided among the nodes that are open.
    orders: Vec<Vec<Place>>,
    /// Whether a row goes left at the split that is being made.
    goes_left: Vec<bool>,
    /// Rows that go right while an order is being divided.
    rest: Vec<Place>,
    /// The columns in the order in which they are drawn.
    drawn: Vec<usize>,
}

/// A node that is still to be made.
struct Open {
    from: usize,
    to: usize,
    depth: u32,
    /// The node whose right side it is, if it is one.
    right_of: Option<usize>,
}

impl<'a> Ground<'a> {
    pub fn new(sorted: &'a Sorted) -> Self {
        let rows = sorted.rows;
        Self {
            sorted,
            orders: sorted.columns.iter().map(|_| Vec::with_capacity(rows)).collect(),
            goes_left: vec![false; rows],
            rest: vec![Place::default(); rows],
            drawn: Vec::new(),
        }
    }

    /// Grows a tree on the rows that have a weight.
    pub fn grow(
        &mut self,
        lesson: &Lesson<'_>,
        weights: &[u32],
        limits: Limits,
        random: &mut Random,
    ) -> Tree {
        for (order, column) in self.orders.iter_mut().zip(&self.sorted.columns) {
            order.clear();
            order.extend(column.places.iter().filter(|place| weights[place.row as usize] > 0));
        }
        // A tree must not depend on the draws of those before it.
        self.drawn = (0..self.orders.len()).collect();
        let rows = self.orders.first().map_or(0, Vec::len);
        let mut tree = Tree { nodes: Vec::new(), values: Vec::new(), width: lesson.width() };
        let mut open = vec![Open { from: 0, to: rows, depth: 0, right_of: None }];
        while let Some(node) = open.pop() {
            let place = tree.nodes.len();
            if let Some(parent) = node.right_of {
                tree.nodes[parent].right = place as u32;
            }
            let rows = &self.orders[0][node.from..node.to];
            let total = lesson.total(rows, weights);
            let found = if limits.ends(&node, &total) {
                None
            } else {
                self.best(lesson, weights, &node, &total, limits, random)
            };
            let Some((column, split)) = found else {
                tree.nodes.push(Node { threshold: 0.0, column: LEAF, right: tree.leaves() as u32 });
                lesson.say(&total, &mut tree.values);
                continue;
            };
            tree.nodes.push(Node {
                threshold: self.threshold(&node, column, split),
                column: column as u32,
                right: 0,
            });
            let middle = node.from + split.left;
            let depth = node.depth + 1;
            // Where both sides become leaves, their rows are looked for in the first column only.
            let last = limits.max_depth() == depth;
            self.divide(&node, column, split, last);
            open.push(Open { from: middle, to: node.to, depth, right_of: Some(place) });
            open.push(Open { from: node.from, to: middle, depth, right_of: None });
        }
        tree
    }

    /// The best of the drawn columns' best splits. Columns that are constant here are drawn again, uncounted.
    fn best(
        &mut self,
        lesson: &Lesson<'_>,
        weights: &[u32],
        node: &Open,
        total: &Total,
        limits: Limits,
        random: &mut Random,
    ) -> Option<(usize, Split)> {
        let columns = self.drawn.len();
        let all = limits.columns >= columns;
        let mut best: Option<(usize, Split)> = None;
        let mut tried = 0;
        for draw in 0..columns {
            if tried == limits.columns {
                break;
            }
            if !all {
                self.drawn.swap(draw, draw + random.below(columns - draw));
            }
            let column = self.drawn[draw];
            let rows = &self.orders[column][node.from..node.to];
            let constant = rows.first().map(|first| first.rank) == rows.last().map(|last| last.rank);
            tried += usize::from(!constant);
            let split = lesson.split(rows, weights, total, limits.min_samples_leaf);
            if let Some(split) = split
                && best.is_none_or(|(_, best)| split.gain > best.gain)
            {
                best = Some((column, split));
            }
        }
        best
    }

    fn threshold(&self, node: &Open, column: usize, split: Split) -> f64 {
        let order = &self.orders[column][node.from..node.to];
        self.sorted.columns[column].threshold(order[split.left - 1].rank, order[split.left].rank)
    }

    /// Divides the node's rows in every column's order, each side keeping its order.
    fn divide(&mut self, node: &Open, column: usize, split: Split, last: bool) {
        let chosen = &self.orders[column][node.from..node.to];
        for (index, place) in chosen.iter().enumerate() {
            self.goes_left[place.row as usize] = index < split.left;
        }
        let needed = if last { 1 } else { self.orders.len() };
        for (other, order) in self.orders.iter_mut().enumerate().take(needed) {
            if other == column {
                continue;
            }
            let order = &mut order[node.from..node.to];
            let (mut left, mut right) = (0, 0);
            for index in 0..order.len() {
                // Both are written, one of them stays: there is no branch to guess wrong.
                let place = order[index];
                let goes_left = self.goes_left[place.row as usize];
                order[left] = place;
                self.rest[right] = place;
                left += usize::from(goes_left);
                right += usize::from(!goes_left);
            }
            order[left..].copy_from_slice(&self.rest[..right]);
        }
    }
}

impl Limits {
    fn max_depth(&self) -> u32 {
        self.max_depth.unwrap_or(DEPTH_MAX)
    }

    /// Whether a node is a leaf without looking for a split.
    fn ends(&self, node: &Open, total: &Total) -> bool {
        let rows = node.to - node.from;
        total.pure
            || node.depth >= self.max_depth()
            || rows < self.min_samples_split
            || rows < 2 * self.min_samples_leaf
    }
}
