//! Trees of questions, alone, in a forest, or boosting each other.
//!
//! Splits are exact, as scikit-learn's are: every place between two different values of a column is tried. Columns are
//! sorted once per training and only divided afterwards, where scikit-learn sorts in every node. Values are compared in
//! full; scikit-learn rounds them to 24 bits first. Where several splits are equally good it draws one; here the first
//! column's lowest wins, so one tree needs no chance.

mod boosting;
mod forest;
mod grow;
mod sorted;
mod split;
mod tree;

pub(super) use boosting::Boosted;
pub(super) use forest::Forest;
pub(super) use tree::Tree;
