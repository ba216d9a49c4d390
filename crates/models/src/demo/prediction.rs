//! What the models answer. Figures are rounded, so that an answer reads well and is the same on every platform.

use serde::{Serialize, Serializer};

/// The answer of one of the models.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Prediction<'a> {
    /// How a text sounds.
    Sentiment(Tone),
    /// An estimated number.
    Regression(Rows<Estimate<'a>>),
    /// The likeliest class.
    Classification(Rows<ClassGuess<'a>>),
}

/// How a text sounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tone {
    /// The likeliest label.
    pub label: Label,
    /// The probability of that label, 0 to 1, where all three labels are equally frequent.
    #[serde(serialize_with = "four_digits")]
    pub score: f64,
    /// The probability of each label; their sum is 1.
    pub probabilities: Probabilities,
}

/// How a text can sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// It complains or tells of something bad.
    Negative,
    /// Neither of the others.
    Neutral,
    /// It praises or tells of something good.
    Positive,
}

/// The probability of each label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probabilities {
    /// Of [`Label::Negative`].
    #[serde(serialize_with = "four_digits")]
    pub negative: f64,
    /// Of [`Label::Neutral`].
    #[serde(serialize_with = "four_digits")]
    pub neutral: f64,
    /// Of [`Label::Positive`].
    #[serde(serialize_with = "four_digits")]
    pub positive: f64,
}

/// The answer for one row, and for each row where the caller sent a list of rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rows<T> {
    /// The answer for the only or the first row.
    #[serde(flatten)]
    pub first: T,
    /// One answer per row of `inputs`; absent where the caller sent no list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predictions: Option<Vec<T>>,
}

/// An estimated number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate<'a> {
    /// The estimate.
    #[serde(serialize_with = "one_digit")]
    pub prediction: f64,
    /// What the number counts.
    pub units: &'a str,
    /// What the estimate rests on.
    #[serde(flatten)]
    pub basis: Basis<'a>,
}

/// The likeliest class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassGuess<'a> {
    /// The class, as the data set names it.
    pub class: &'a str,
    /// The probability of that class, 0 to 1.
    #[serde(serialize_with = "four_digits")]
    pub confidence: f64,
    /// What the guess rests on.
    #[serde(flatten)]
    pub basis: Basis<'a>,
}

/// What a prediction from features rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Basis<'a> {
    /// The features that the caller gave; each other one counts as its mean in training.
    pub features_used: Vec<&'a str>,
    /// Those of them that lie outside what training saw; each counts as the nearest value that training saw.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub out_of_range: Vec<&'a str>,
}

fn one_digit<S: Serializer>(figure: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((figure * 10.0).round() / 10.0)
}

fn four_digits<S: Serializer>(figure: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((figure * 10_000.0).round() / 10_000.0)
}
