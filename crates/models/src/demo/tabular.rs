//! Rows of named numbers, as the regression and the classification model read them.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::InputError;
use super::prediction::{Basis, Rows};

/// The most rows of one request.
///
/// It bounds the answer: a row comes in ten bytes and goes out in a hundred.
pub const ROWS_MAX: usize = 1_000;

/// The features of a model, in the order of its weights.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Features(Vec<Feature>);

/// One row, ready for the arithmetic.
#[derive(Debug, PartialEq)]
pub(super) struct Row<'a> {
    /// Distance of each feature from its mean, in standard deviations of the training rows.
    pub standardized: Vec<f64>,
    /// Which features the caller gave.
    pub basis: Basis<'a>,
}

#[derive(Debug, Deserialize)]
struct Feature {
    name: String,
    /// The data set's own name of the feature, which callers may use too.
    alias: String,
    mean: f64,
    deviation: f64,
    min: f64,
    max: f64,
}

impl Features {
    /// Reads the row or rows of an input and answers each.
    ///
    /// A row is `features` (an object by name, or a list in order), or else the members of the input itself; rows are
    /// `inputs`, a list of lists. A feature that is absent or null counts as its mean.
    ///
    /// # Errors
    /// [`InputError`] where a feature is not a number, or a list has the wrong length.
    pub fn answer<'a, T>(
        &'a self,
        input: &Map<String, Value>,
        answer: impl Fn(Row<'a>) -> T,
    ) -> Result<Rows<T>, InputError>
    where
        T: Clone,
    {
        let single = |row| Rows {
            first: answer(row),
            predictions: None,
        };
        match (input.get("features"), input.get("inputs")) {
            (Some(_), Some(_)) => Err(InputError::Ambiguous),
            (None, None) => self.named(input).map(single),
            (Some(Value::Object(named)), None) => self.named(named).map(single),
            (Some(Value::Array(listed)), None) => self.listed("features", listed).map(single),
            (Some(other), None) => Err(InputError::wrong_type("features", "an object or a list", other)),
            (None, Some(Value::Array(rows))) => {
                let answers = self.rows(rows)?.into_iter().map(answer).collect::<Vec<_>>();
                // `rows` refuses an empty list with this same error, so the first answer is always there.
                let first = answers
                    .first()
                    .cloned()
                    .ok_or(InputError::RowCount { found: 0 })?;
                Ok(Rows {
                    first,
                    predictions: Some(answers),
                })
            }
            (None, Some(other)) => Err(InputError::wrong_type("inputs", "a list of rows", other)),
        }
    }

    fn rows(&self, rows: &[Value]) -> Result<Vec<Row<'_>>, InputError> {
        if rows.is_empty() || rows.len() > ROWS_MAX {
            return Err(InputError::RowCount { found: rows.len() });
        }
        let row = |(index, row): (usize, &Value)| {
            let member = format!("inputs[{index}]");
            match row {
                Value::Array(listed) => self.listed(&member, listed),
                other => Err(InputError::wrong_type(member, "a list of numbers", other)),
            }
        };
        rows.iter().enumerate().map(row).collect()
    }

    fn named(&self, named: &Map<String, Value>) -> Result<Row<'_>, InputError> {
        let value = |feature: &Feature| named.get(&feature.name).or_else(|| named.get(&feature.alias));
        self.row(
            self.0
                .iter()
                .map(|feature| (feature, feature.name.clone(), value(feature))),
        )
    }

    fn listed(&self, member: &str, listed: &[Value]) -> Result<Row<'_>, InputError> {
        if listed.len() != self.0.len() {
            let features: Vec<&str> = self.0.iter().map(|feature| feature.name.as_str()).collect();
            return Err(InputError::RowLength {
                member: member.to_owned(),
                expected: features.len(),
                found: listed.len(),
                features: features.join(", "),
            });
        }
        let place = |(index, (feature, value))| (feature, format!("{member}[{index}]"), Some(value));
        self.row(self.0.iter().zip(listed).enumerate().map(place))
    }

    fn row<'a, 'v>(
        &'a self,
        values: impl Iterator<Item = (&'a Feature, String, Option<&'v Value>)>,
    ) -> Result<Row<'a>, InputError> {
        let mut row = Row {
            standardized: Vec::with_capacity(self.0.len()),
            basis: Basis::default(),
        };
        for (feature, member, value) in values {
            let given = match value {
                None | Some(Value::Null) => None,
                Some(value) => match value.as_f64() {
                    Some(number) => Some(number),
                    None => return Err(InputError::wrong_type(member, "a number", value)),
                },
            };
            if let Some(number) = given {
                row.basis.features_used.push(&feature.name);
                if !(feature.min..=feature.max).contains(&number) {
                    row.basis.out_of_range.push(&feature.name);
                }
            }
            // A line fitted to the training rows says nothing of what lies beyond them.
            let number = given.unwrap_or(feature.mean).clamp(feature.min, feature.max);
            row.standardized.push((number - feature.mean) / feature.deviation);
        }
        Ok(row)
    }
}

/// The weighted sum of a standardized row.
pub(super) fn weigh(intercept: f64, weights: &[f64], row: &Row<'_>) -> f64 {
    intercept
        + weights
            .iter()
            .zip(&row.standardized)
            .map(|(weight, value)| weight * value)
            .sum::<f64>()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
