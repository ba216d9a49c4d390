//! What shall be learned from a table, and how: the `data` of a config, read once.

mod parameters;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(super) use parameters::DEPTH_MAX;
pub use parameters::{Boosting, Forest, Linear, Logistic, MaxFeatures, Ridge, Tree};

/// The most features that a model takes.
pub const FEATURES_MAX: usize = 4_096;

/// How to learn: the algorithm with its parameters, and the columns that it reads.
///
/// ```
/// use tollgate_models::learn::Learner;
///
/// let data = serde_json::json!({ "model": "ridge", "target": "price", "parameters": { "alpha": 0.5 } });
/// assert!(Learner::from_json(data.as_object().unwrap()).is_ok());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Learner {
    /// What learns.
    pub algorithm: Algorithm,
    /// The column to predict.
    pub target: String,
    /// The columns to predict from; all others of the table where none are named.
    pub features: Option<Vec<String>>,
    /// What is predicted; by default, what the target's values suggest.
    pub task: Option<Task>,
    /// Where chance begins; the same seed and table make the same model, byte for byte.
    pub seed: u64,
}

/// What learns, with its parameters. Names and defaults are scikit-learn's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", content = "parameters", rename_all = "snake_case")]
pub enum Algorithm {
    /// Ordinary least squares; of several solutions, the shortest.
    Ols(Linear),
    /// Least squares with a penalty on the squares of the weights.
    Ridge(Ridge),
    /// Logistic regression, of several classes the multinomial one.
    Logistic(Logistic),
    /// One tree of questions.
    DecisionTree(Tree),
    /// The mean of many trees, each grown on other rows and columns.
    RandomForest(Forest),
    /// Many small trees, each grown on what those before it left over.
    GradientBoosting(Boosting),
}

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A number.
    Regression,
    /// One of the classes that the target had.
    Classification,
}

/// Why a config's `data` says nothing that can be learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLearner {
    /// A member has a value that it cannot have.
    #[error("`{member}`: {reason}")]
    Member {
        /// The member of `data`.
        member: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A model that nobody knows.
    #[error("the model `{0}` is unknown; there are {known}", known = Algorithm::NAMES.join(", "))]
    UnknownModel(String),
    /// A column is a feature twice.
    #[error("the feature `{0}` is named twice")]
    FeatureTwice(String),
    /// The target would predict itself.
    #[error("`{0}` is the target and cannot be a feature too")]
    TargetAmongFeatures(String),
    /// The algorithm does not do this task.
    #[error("`{model}` does {does} and cannot do {wanted}", does = does.name(), wanted = wanted.name())]
    WrongTask {
        /// The algorithm's name.
        model: &'static str,
        /// The one task that it does.
        does: Task,
        /// What was asked for.
        wanted: Task,
    },
}

impl Learner {
    /// Reads `model`, `target`, `features`, `parameters`, `task` and `seed`; whatever else stands there is somebody else's.
    ///
    /// Without `model` it is least squares; with neither `target` nor `features`, these are the guide's example:
    /// `disease_cases` from `rainfall` and `mean_temperature`. `seed` may stand in `parameters` too.
    ///
    /// # Errors
    /// [`BadLearner`] where a member makes no sense, parameters that the model does not have included.
    pub fn from_json(data: &Map<String, Value>) -> Result<Self, BadLearner> {
        let target: Option<String> = member(data, "target")?;
        let features: Option<Vec<String>> = member(data, "features")?;
        let features = match (&target, features) {
            (None, None) => Some(["rainfall", "mean_temperature"].map(str::to_owned).to_vec()),
            (_, features) => features,
        };
        let mut parameters: Map<String, Value> = member(data, "parameters")?.unwrap_or_default();
        let seed = match member(data, "seed")? {
            Some(seed) => Some(seed),
            None => member(&parameters, "seed")?,
        };
        parameters.remove("seed");
        let model: Option<String> = member(data, "model")?;
        let learner = Self {
            algorithm: Algorithm::named(model.as_deref().unwrap_or("ols"), parameters)?,
            target: target.unwrap_or_else(|| "disease_cases".to_owned()),
            features,
            task: member(data, "task")?,
            seed: seed.unwrap_or(0),
        };
        learner.check()?;
        Ok(learner)
    }

    fn check(&self) -> Result<(), BadLearner> {
        let features = self.features.as_deref();
        if features.is_some_and(<[String]>::is_empty) {
            let reason = "there must be one feature at least".to_owned();
            return Err(BadLearner::Member { member: "features", reason });
        }
        let mut seen = HashSet::new();
        for feature in features.unwrap_or_default() {
            if *feature == self.target {
                return Err(BadLearner::TargetAmongFeatures(feature.clone()));
            }
            if !seen.insert(feature) {
                return Err(BadLearner::FeatureTwice(feature.clone()));
            }
        }
        match (self.algorithm.only_task(), self.task) {
            (Some(does), Some(wanted)) if does != wanted => {
                Err(BadLearner::WrongTask { model: self.algorithm.name(), does, wanted })
            }
            _ => Ok(()),
        }
    }
}

impl Algorithm {
    /// What algorithms are called in a config.
    pub const NAMES: [&str; 6] =
        ["ols", "ridge", "logistic", "decision_tree", "random_forest", "gradient_boosting"];

    /// What this one is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ols(_) => "ols",
            Self::Ridge(_) => "ridge",
            Self::Logistic(_) => "logistic",
            Self::DecisionTree(_) => "decision_tree",
            Self::RandomForest(_) => "random_forest",
            Self::GradientBoosting(_) => "gradient_boosting",
        }
    }

    /// The task that it does, where it does only one.
    pub fn only_task(&self) -> Option<Task> {
        match self {
            Self::Ols(_) | Self::Ridge(_) => Some(Task::Regression),
            Self::Logistic(_) => Some(Task::Classification),
            Self::DecisionTree(_) | Self::RandomForest(_) | Self::GradientBoosting(_) => None,
        }
    }

    /// Its parameters as JSON, those that were not given included.
    pub fn parameters(&self) -> Value {
        let mut written = serde_json::to_value(self).unwrap_or_default();
        written.get_mut("parameters").map(Value::take).unwrap_or_default()
    }

    fn named(name: &str, parameters: Map<String, Value>) -> Result<Self, BadLearner> {
        if !Self::NAMES.contains(&name) {
            return Err(BadLearner::UnknownModel(name.chars().take(40).collect()));
        }
        let written = serde_json::json!({ "model": name, "parameters": parameters });
        serde_json::from_value(written).map_err(|error| bad("parameters", &error))
    }
}

impl Task {
    /// What it is called in a config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Classification => "classification",
        }
    }
}

/// The member, or nothing where it is absent or null.
fn member<T: serde::de::DeserializeOwned>(
    data: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<T>, BadLearner> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => T::deserialize(value).map(Some).map_err(|error| bad(name, &error)),
    }
}

fn bad(member: &'static str, error: &serde_json::Error) -> BadLearner {
    BadLearner::Member { member, reason: error.to_string() }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
