//! A model as bytes: data only, versioned, bounded, with a hash over all of it.
//!
//! ```text
//! 8 bytes   "TGMODEL" and a zero
//! 4 bytes   version, little-endian as every number here: 1
//! 4 bytes   length of the facts
//! …         the facts as JSON
//! …         the numbers, in the order that the facts' algorithm gives
//! 32 bytes  SHA-256 of everything before
//! ```
//!
//! Reading allocates only what the bytes themselves fill, and checks whatever a prediction relies on: a model that was
//! read can be wrong, but it cannot panic, run for ever or reach beyond its numbers.

mod bytes;

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use super::learner::{Algorithm, FEATURES_MAX};
use super::linear::Line;
use super::logistic::Sums;
use super::model::{Facts, Fitted, Model};
use super::target::{CLASSES_MAX, Labels};
use super::trees::{Boosted, Forest, Tree};
pub(super) use bytes::{Reader, Writer};

const MAGIC: &[u8; 8] = b"TGMODEL\0";
const VERSION: u32 = 1;

/// Why bytes are no model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadModel {
    /// They are something else.
    #[error("this is no model file")]
    NotAModel,
    /// A later program wrote them.
    #[error("the model file has version {0}, and this program reads version {VERSION}")]
    Version(u32),
    /// They are not what was written.
    #[error("the model file is damaged: its hash does not match")]
    Damaged,
    /// They are what was written, and yet make no model.
    #[error("the model file makes no sense: {0}")]
    Senseless(&'static str),
}

impl Model {
    /// The model as bytes, the same for the same model.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.raw(MAGIC);
        writer.count(VERSION);
        // The facts are structs of texts and finite numbers, which JSON always can write.
        let facts = serde_json::to_vec(&self.facts).unwrap_or_default();
        writer.count(u32::try_from(facts.len()).unwrap_or(u32::MAX));
        writer.raw(&facts);
        match &self.fitted {
            Fitted::Line(line) => {
                writer.number(line.intercept);
                writer.numbers(&line.weights);
            }
            Fitted::Sums(sums) => {
                writer.numbers(&sums.intercepts);
                writer.numbers(&sums.weights);
            }
            Fitted::Forest(forest) => write_trees(&forest.trees, &mut writer),
            Fitted::Boosted(boosted) => {
                writer.numbers(&boosted.begin);
                write_trees(&boosted.trees, &mut writer);
            }
        }
        let mut bytes = writer.into_bytes();
        let hash = digest(&SHA256, &bytes);
        bytes.extend_from_slice(hash.as_ref());
        bytes
    }

    /// How many bytes [`Self::to_bytes`] gives, without making them.
    pub fn size(&self) -> usize {
        let facts = serde_json::to_vec(&self.facts).map_or(0, |facts| facts.len());
        MAGIC.len() + 2 * size_of::<u32>() + facts + self.fitted.bytes() + SHA256_OUTPUT_LEN
    }

    /// The model that [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`BadModel`] for anything else, however it came about.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadModel> {
        let content = checked(bytes)?;
        let mut reader = Reader::new(content);
        let length = reader.count()? as usize;
        let facts: Facts = serde_json::from_slice(reader.raw(length)?)
            .map_err(|_| BadModel::Senseless("its facts cannot be read"))?;
        let features = facts.features.len();
        if !(1..=FEATURES_MAX).contains(&features) {
            return Err(BadModel::Senseless("its number of features is out of bounds"));
        }
        let fitted = fitted(&facts, &mut reader)?;
        reader.end()?;
        if !fitted.is_finite() {
            return Err(BadModel::Senseless("a number is not finite"));
        }
        Ok(Self { facts, fitted, fit_time: Duration::ZERO })
    }
}

/// What stands between the version and the hash, both checked.
fn checked(bytes: &[u8]) -> Result<&[u8], BadModel> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(BadModel::NotAModel)?;
    let (version, rest) = rest.split_first_chunk().ok_or(BadModel::Damaged)?;
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(BadModel::Version(version));
    }
    let (content, hash) = rest.split_last_chunk::<SHA256_OUTPUT_LEN>().ok_or(BadModel::Damaged)?;
    let hashed = &bytes[..bytes.len() - SHA256_OUTPUT_LEN];
    if digest(&SHA256, hashed).as_ref() != hash {
        return Err(BadModel::Damaged);
    }
    Ok(content)
}

/// The numbers behind the facts, as their algorithm has them.
fn fitted(facts: &Facts, reader: &mut Reader<'_>) -> Result<Fitted, BadModel> {
    let features = facts.features.len();
    let classes = facts.labels.as_ref().map(Labels::len);
    if classes.is_some_and(|classes| !(2..=CLASSES_MAX).contains(&classes)) {
        return Err(BadModel::Senseless("its number of classes is out of bounds"));
    }
    match (&facts.algorithm, classes) {
        (Algorithm::Ols(_) | Algorithm::Ridge(_), None) => {
            Ok(Fitted::Line(Line { intercept: reader.number()?, weights: reader.numbers(features)? }))
        }
        (Algorithm::Logistic(_), Some(classes)) => {
            let sums = Sums::count(classes);
            Ok(Fitted::Sums(Sums {
                intercepts: reader.numbers(sums)?,
                weights: reader.numbers(sums * features)?,
            }))
        }
        (Algorithm::DecisionTree(_) | Algorithm::RandomForest(_), classes) => {
            let trees = read_trees(reader, features, classes.unwrap_or(1))?;
            if trees.is_empty() {
                return Err(BadModel::Senseless("it has no trees"));
            }
            Ok(Fitted::Forest(Forest { trees }))
        }
        (Algorithm::GradientBoosting(_), classes) => {
            let begin = reader.numbers(classes.map_or(1, Sums::count))?;
            let trees = read_trees(reader, features, 1)?;
            if trees.len() % begin.len() != 0 {
                return Err(BadModel::Senseless("its trees are no whole steps"));
            }
            Ok(Fitted::Boosted(Boosted { begin, trees }))
        }
        (Algorithm::Ols(_) | Algorithm::Ridge(_), Some(_)) | (Algorithm::Logistic(_), None) => {
            Err(BadModel::Senseless("its algorithm and its classes do not fit"))
        }
    }
}

fn write_trees(trees: &[Tree], writer: &mut Writer) {
    writer.count(trees.len() as u32);
    trees.iter().for_each(|tree| tree.write(writer));
}

fn read_trees(reader: &mut Reader<'_>, features: usize, width: usize) -> Result<Vec<Tree>, BadModel> {
    let count = reader.count()?;
    // Collected without a hint of their number, which is only claimed.
    let mut trees = Vec::new();
    for _ in 0..count {
        trees.push(Tree::read(reader, features, width)?);
    }
    Ok(trees)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
