//! The parameters of each algorithm, with scikit-learn's names and defaults.
//!
//! Values out of bounds are refused where they are read, so a model file cannot bring them either.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// The most trees of a forest or a boosting.
const TREES_MAX: u32 = 10_000;
/// The deepest tree: a deeper one could only come from a chain of single rows.
pub(in crate::learn) const DEPTH_MAX: u32 = 1_024;

/// Parameters of least squares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Linear {
    /// Whether the line may miss the origin.
    pub fit_intercept: bool,
}

/// Parameters of ridge regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ridge {
    /// The weight of the penalty; 0 is least squares.
    #[serde(deserialize_with = "not_negative")]
    pub alpha: f64,
    /// Whether the line may miss the origin.
    pub fit_intercept: bool,
}

/// Parameters of logistic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logistic {
    /// The inverse of the weight of the penalty on the squares of the weights.
    #[serde(rename = "C", deserialize_with = "positive")]
    pub c: f64,
    /// Whether each class has a constant beside its weights.
    pub fit_intercept: bool,
    /// The most steps.
    #[serde(deserialize_with = "count")]
    pub max_iter: u32,
    /// It ends when no slope of the mean loss is above this. Far below scikit-learn's 1e-4, because the steps are
    /// Newton's: the last digits cost one step more.
    #[serde(deserialize_with = "not_negative")]
    pub tol: f64,
}

/// Parameters of one tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tree {
    /// How many questions one row meets at most.
    #[serde(deserialize_with = "depth")]
    pub max_depth: Option<u32>,
    /// A node with fewer rows is not split.
    #[serde(deserialize_with = "count")]
    pub min_samples_split: u32,
    /// No side of a split has fewer rows.
    #[serde(deserialize_with = "count")]
    pub min_samples_leaf: u32,
    /// How many columns a split chooses from.
    pub max_features: MaxFeatures,
}

/// Parameters of a random forest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forest {
    /// How many trees there are.
    #[serde(deserialize_with = "trees")]
    pub n_estimators: u32,
    /// How many questions one row meets at most, in each tree.
    #[serde(deserialize_with = "depth")]
    pub max_depth: Option<u32>,
    /// A node with fewer rows is not split.
    #[serde(deserialize_with = "count")]
    pub min_samples_split: u32,
    /// No side of a split has fewer rows.
    #[serde(deserialize_with = "count")]
    pub min_samples_leaf: u32,
    /// How many columns a split chooses from; by default all for numbers, the square root of all for classes.
    pub max_features: Option<MaxFeatures>,
    /// Whether each tree grows on rows drawn with replacement.
    pub bootstrap: bool,
}

/// Parameters of gradient boosting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Boosting {
    /// How many steps there are; each grows one tree, or one per class where there are more than two.
    #[serde(deserialize_with = "trees")]
    pub n_estimators: u32,
    /// How much of each tree counts.
    #[serde(deserialize_with = "positive")]
    pub learning_rate: f64,
    /// How many questions one row meets at most, in each tree.
    #[serde(deserialize_with = "depth")]
    pub max_depth: Option<u32>,
    /// A node with fewer rows is not split.
    #[serde(deserialize_with = "count")]
    pub min_samples_split: u32,
    /// No side of a split has fewer rows.
    #[serde(deserialize_with = "count")]
    pub min_samples_leaf: u32,
    /// How many columns a split chooses from.
    pub max_features: MaxFeatures,
    /// Which part of the rows each tree grows on, drawn without replacement.
    #[serde(deserialize_with = "share")]
    pub subsample: f64,
}

/// How many columns a split chooses from.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxFeatures {
    /// All.
    #[default]
    All,
    /// The square root of all, rounded down.
    Sqrt,
    /// The logarithm of all to the base 2, rounded down.
    Log2,
    /// That many.
    #[serde(untagged)]
    Count(u32),
    /// That part of all.
    #[serde(untagged)]
    Share(f64),
}

impl MaxFeatures {
    /// How many of `columns` columns these are: one at least.
    pub fn of(self, columns: usize) -> usize {
        let count = match self {
            Self::All => columns,
            Self::Sqrt => columns.isqrt(),
            Self::Log2 => columns.max(1).ilog2() as usize,
            Self::Count(count) => count as usize,
            Self::Share(share) => (share * columns as f64) as usize,
        };
        count.clamp(1, columns.max(1))
    }
}

impl<'de> Deserialize<'de> for MaxFeatures {
    /// `"all"`, `"sqrt"`, `"log2"`, a whole number from 1, or a fraction up to 1; null is all.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde_json::Value;
        let value = Value::deserialize(deserializer)?;
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
        let read = match (&value, count, value.as_f64()) {
            (Value::Null, ..) => Some(Self::All),
            (Value::String(name), ..) => match name.as_str() {
                "all" => Some(Self::All),
                "sqrt" => Some(Self::Sqrt),
                "log2" => Some(Self::Log2),
                _ => None,
            },
            (_, Some(count), _) if count > 0 => Some(Self::Count(count)),
            (_, None, Some(share)) if share > 0.0 && share <= 1.0 => Some(Self::Share(share)),
            _ => None,
        };
        read.ok_or_else(|| {
            D::Error::custom("`max_features` is \"all\", \"sqrt\", \"log2\", a count or a part of 1")
        })
    }
}

impl Default for Linear {
    fn default() -> Self {
        Self { fit_intercept: true }
    }
}

impl Default for Ridge {
    fn default() -> Self {
        Self { alpha: 1.0, fit_intercept: true }
    }
}

impl Default for Logistic {
    fn default() -> Self {
        Self { c: 1.0, fit_intercept: true, max_iter: 100, tol: 1e-10 }
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: MaxFeatures::default(),
        }
    }
}

impl Default for Forest {
    fn default() -> Self {
        Self {
            n_estimators: 100,
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: None,
            bootstrap: true,
        }
    }
}

impl Default for Boosting {
    fn default() -> Self {
        Self {
            n_estimators: 100,
            learning_rate: 0.1,
            max_depth: Some(3),
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: MaxFeatures::default(),
            subsample: 1.0,
        }
    }
}

fn not_negative<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    number(deserializer, "a number from 0", |value| value >= 0.0)
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    number(deserializer, "a number above 0", |value| value > 0.0)
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    number(deserializer, "a number above 0 and up to 1", |value| value > 0.0 && value <= 1.0)
}

fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
    expected: &str,
    fits: impl Fn(f64) -> bool,
) -> Result<f64, D::Error> {
    let value = f64::deserialize(deserializer)?;
    let fits = value.is_finite() && fits(value);
    if fits { Ok(value) } else { Err(D::Error::custom(format!("{value} is not {expected}"))) }
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole(deserializer, u32::MAX)
}

fn trees<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole(deserializer, TREES_MAX)
}

fn depth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let depth = Option::<u32>::deserialize(deserializer)?;
    match depth {
        Some(0) => Err(D::Error::custom("0 is not a whole number from 1")),
        Some(depth) => Ok(Some(depth.min(DEPTH_MAX))),
        None => Ok(None),
    }
}

fn whole<'de, D: Deserializer<'de>>(deserializer: D, max: u32) -> Result<u32, D::Error> {
    let value = u32::deserialize(deserializer)?;
    let fits = (1..=max).contains(&value);
    if fits {
        Ok(value)
    } else {
        Err(D::Error::custom(format!("{value} is not a whole number from 1 to {max}")))
    }
}
