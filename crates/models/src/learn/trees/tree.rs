//! One grown tree.

use std::borrow::Cow;

use crate::learn::artifact::{BadModel, Reader, Writer};

/// Stands for the column of a question in a node that asks none.
pub(super) const LEAF: u32 = u32::MAX;

/// Nodes in the order parent, left side, right side; the first is the root.
///
/// So the left side of a node is the next one, and both sides lie behind it: walking down always ends.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::learn) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// What the leaves say, `width` numbers each.
    pub(super) values: Vec<f64>,
    pub(super) width: usize,
}

/// A question, or a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    /// Rows whose value is at most this go left.
    pub threshold: f64,
    /// The column that is asked, or [`LEAF`].
    pub column: u32,
    /// Where the right side is; in a leaf, its place among the values.
    pub right: u32,
}

impl Tree {
    /// The place of the leaf that a row comes to.
    pub fn leaf(&self, columns: &[Cow<'_, [f64]>], row: usize) -> usize {
        let mut place = 0;
        loop {
            let Node { threshold, column, right } = self.nodes[place];
            if column == LEAF {
                return right as usize;
            }
            place = if columns[column as usize][row] <= threshold { place + 1 } else { right as usize };
        }
    }

    /// What a leaf says.
    pub fn value(&self, leaf: usize) -> &[f64] {
        &self.values[leaf * self.width..][..self.width]
    }

    /// How many leaves there are.
    pub fn leaves(&self) -> usize {
        self.values.len() / self.width
    }

    /// Writes the tree into a model file.
    pub fn write(&self, writer: &mut Writer) {
        writer.count(self.nodes.len() as u32);
        for node in &self.nodes {
            writer.number(node.threshold);
            writer.count(node.column);
            writer.count(node.right);
        }
        writer.numbers(&self.values);
    }

    /// Reads a tree of a model with so many features, whose leaves say `width` numbers.
    ///
    /// # Errors
    /// [`BadModel`] where a walk down could leave the tree or its columns, or never end.
    pub fn read(reader: &mut Reader<'_>, features: usize, width: usize) -> Result<Self, BadModel> {
        let count = reader.count()? as usize;
        let bytes = reader.records::<{ size_of::<Node>() }>(count)?;
        let mut nodes = Vec::with_capacity(count);
        let mut leaves = 0;
        for (place, bytes) in bytes.iter().enumerate() {
            let mut node = Reader::new(bytes);
            let node = Node { threshold: node.number()?, column: node.count()?, right: node.count()? };
            if node.column == LEAF {
                if node.right != leaves {
                    return Err(BadModel::Senseless("the leaves of a tree are not in order"));
                }
                leaves += 1;
            } else if node.column as usize >= features || !node.threshold.is_finite() {
                return Err(BadModel::Senseless("a tree asks for what is not there"));
            } else if node.right as usize <= place + 1 || node.right as usize >= count {
                return Err(BadModel::Senseless("a tree leads out of itself"));
            }
            nodes.push(node);
        }
        // The left side of the last node would be the one behind it.
        if nodes.last().is_none_or(|last| last.column != LEAF) {
            return Err(BadModel::Senseless("a tree ends in a question"));
        }
        let values = reader.numbers(leaves as usize * width)?;
        Ok(Self { nodes, values, width })
    }

    /// Whether all its numbers are numbers.
    pub fn is_finite(&self) -> bool {
        self.nodes.iter().all(|node| node.threshold.is_finite())
            && self.values.iter().all(|value| value.is_finite())
    }

    /// How many bytes a model file needs for it.
    pub fn bytes(&self) -> usize {
        size_of::<u32>() + size_of_val(self.nodes.as_slice()) + size_of_val(self.values.as_slice())
    }
}
