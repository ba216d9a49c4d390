//! The column to predict: numbers, or classes.

use std::collections::HashMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use super::design::{self, BadColumn};
use super::frame::{Column, Values};
use super::learner::Task;

/// The most classes of one target: more are a sign of numbers or names taken for classes.
pub const CLASSES_MAX: usize = 1_000;

/// What a column teaches.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    /// A number per row.
    Numbers(Vec<f64>),
    /// A class per row, as its place among the labels.
    Classes { labels: Labels, codes: Vec<u32> },
}

/// The classes of a target, in ascending order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// Classes named by text.
    Texts(Vec<Box<str>>),
    /// Truth values.
    Booleans(Vec<bool>),
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Numbers.
    Numbers(Vec<f64>),
}

/// Why a column cannot be predicted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// A row has no class.
    #[error("the target `{column}` has no class in row {row}")]
    Missing {
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: usize,
    },
    /// There is nothing to tell apart.
    #[error("the target `{column}` has one class only; telling classes apart takes two at least")]
    OneClass {
        /// The column.
        column: String,
    },
    /// There are too many classes.
    #[error("the target `{column}` has {found} classes, and a model tells {CLASSES_MAX} apart at most")]
    TooManyClasses {
        /// The column.
        column: String,
        /// How many classes it has.
        found: usize,
    },
    /// Its values are neither numbers nor classes.
    #[error(
        "the target `{column}` mixes kinds of values; it must be all numbers, all texts or all truth values"
    )]
    Mixed {
        /// The column.
        column: String,
    },
}

impl Target {
    /// The task that a column's values suggest: numbers are predicted, texts and truth values told apart.
    pub fn suggested(column: &Column) -> Task {
        match &column.values {
            Values::Numbers(_) | Values::Integers(_) => Task::Regression,
            Values::Texts(_) | Values::Booleans(_) | Values::Mixed(_) => Task::Classification,
        }
    }

    /// The column as numbers. A missing one counts as 0, as the guide's model has it.
    ///
    /// # Errors
    /// [`BadColumn`] where a value is no number, or an infinite one.
    pub fn numbers(column: &Column) -> Result<Self, BadColumn> {
        let mut numbers = design::numbers(column)?.into_owned();
        if let Some(row) = numbers.iter().position(|number| number.is_infinite()) {
            return Err(BadColumn::Infinite { column: column.name.clone(), row: row + 1 });
        }
        numbers.iter_mut().filter(|number| number.is_nan()).for_each(|missing| *missing = 0.0);
        Ok(Self::Numbers(numbers))
    }

    /// The column as classes.
    ///
    /// # Errors
    /// [`BadTarget`] where a row has none, there is one only, or there are too many.
    pub fn classes(column: &Column) -> Result<Self, BadTarget> {
        let name = || column.name.clone();
        let missing = |row: usize| BadTarget::Missing { column: name(), row: row + 1 };
        let (labels, codes) = match &column.values {
            Values::Texts(texts) => {
                let (labels, codes) = coded(texts.iter().map(Option::as_deref)).map_err(missing)?;
                (Labels::Texts(labels.into_iter().map(Box::from).collect()), codes)
            }
            Values::Booleans(booleans) => {
                let (labels, codes) = coded(booleans.iter().copied()).map_err(missing)?;
                (Labels::Booleans(labels), codes)
            }
            Values::Integers(integers) => {
                let (labels, codes) = coded(integers.iter().copied().map(Some)).map_err(missing)?;
                (Labels::Integers(labels), codes)
            }
            Values::Numbers(numbers) => {
                let known = numbers.iter().map(|number| number.is_finite().then_some(Ordered(number + 0.0)));
                let (labels, codes) = coded(known).map_err(missing)?;
                (Labels::Numbers(labels.into_iter().map(|Ordered(number)| number).collect()), codes)
            }
            Values::Mixed(_) => return Err(BadTarget::Mixed { column: name() }),
        };
        match labels.len() {
            // An empty table is refused by whoever asks.
            1 => Err(BadTarget::OneClass { column: name() }),
            found if found > CLASSES_MAX => Err(BadTarget::TooManyClasses { column: name(), found }),
            _ => Ok(Self::Classes { labels, codes }),
        }
    }
}

impl Labels {
    /// How many classes there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(labels) => labels.len(),
            Self::Booleans(labels) => labels.len(),
            Self::Integers(labels) => labels.len(),
            Self::Numbers(labels) => labels.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The classes as a column's values, row by row; `codes` are places among them.
    pub(super) fn values(&self, codes: &[usize]) -> Values {
        match self {
            Self::Texts(labels) => {
                Values::Texts(codes.iter().map(|code| labels.get(*code).cloned()).collect())
            }
            Self::Booleans(labels) => {
                Values::Booleans(codes.iter().map(|code| labels.get(*code).copied()).collect())
            }
            Self::Integers(labels) => Values::Integers(
                codes.iter().map(|code| labels.get(*code).copied().unwrap_or_default()).collect(),
            ),
            Self::Numbers(labels) => Values::Numbers(
                codes.iter().map(|code| labels.get(*code).copied().unwrap_or(f64::NAN)).collect(),
            ),
        }
    }

    /// The classes as texts, for the names of columns.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Texts(labels) => labels.iter().map(|label| label.to_string()).collect(),
            Self::Booleans(labels) => labels.iter().map(bool::to_string).collect(),
            Self::Integers(labels) => labels.iter().map(i64::to_string).collect(),
            Self::Numbers(labels) => labels.iter().map(f64::to_string).collect(),
        }
    }
}

/// A finite number, never minus zero, that can stand in a map.
#[derive(Debug, Clone, Copy)]
struct Ordered(f64);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Hash for Ordered {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// The distinct values in ascending order, and each row's place among them; the first row without a value is the error.
fn coded<T: Ord + Hash + Copy>(
    rows: impl Iterator<Item = Option<T>> + Clone,
) -> Result<(Vec<T>, Vec<u32>), usize> {
    let mut places: HashMap<T, u32> = HashMap::new();
    for (row, value) in rows.clone().enumerate() {
        places.insert(value.ok_or(row)?, 0);
    }
    let mut labels: Vec<T> = places.keys().copied().collect();
    labels.sort_unstable();
    for (code, label) in (0..).zip(&labels) {
        places.insert(*label, code);
    }
    Ok((labels, rows.flatten().filter_map(|value| places.get(&value).copied()).collect()))
}
