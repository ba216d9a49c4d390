//! A column that is being read, cell by cell.

use crate::learn::design;
use crate::learn::frame::Values;

/// The largest whole number that a 64-bit fraction holds without a gap.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// What the cells so far are.
#[derive(Debug)]
pub(super) enum Builder {
    /// Nothing but so many missing ones.
    Missing(usize),
    /// Numbers, and whether all are whole and there.
    Numbers { numbers: Vec<f64>, whole: bool },
    /// Truth values.
    Booleans(Vec<Option<bool>>),
    /// Texts.
    Texts(Vec<Option<Box<str>>>),
}

/// A cell is not what those before it are; as texts they would be.
#[derive(Debug)]
pub(super) struct Widen;

impl Default for Builder {
    fn default() -> Self {
        Self::Missing(0)
    }
}

impl Builder {
    /// A column that takes everything.
    pub fn texts() -> Self {
        Self::Texts(Vec::new())
    }

    /// A column of these cells.
    pub fn of(cells: &[String]) -> Self {
        let mut narrow = Self::default();
        if cells.iter().try_for_each(|cell| narrow.push(cell)).is_ok() {
            return narrow;
        }
        Self::Texts(cells.iter().map(|cell| text(cell)).collect())
    }

    /// Takes one cell more.
    ///
    /// # Errors
    /// [`Widen`] where the column would have to be texts and is not.
    pub fn push(&mut self, cell: &str) -> Result<(), Widen> {
        match self {
            Self::Texts(texts) => texts.push(text(cell)),
            _ if is_missing(cell) => self.push_missing(),
            Self::Numbers { numbers, whole } => {
                let number = design::number(cell).ok_or(Widen)?;
                *whole &= is_whole(number);
                numbers.push(number);
            }
            Self::Booleans(booleans) => booleans.push(Some(boolean(cell).ok_or(Widen)?)),
            Self::Missing(count) => {
                let count = *count;
                *self = if let Some(number) = design::number(cell) {
                    let mut numbers = vec![f64::NAN; count];
                    numbers.push(number);
                    Self::Numbers { numbers, whole: count == 0 && is_whole(number) }
                } else if let Some(truth) = boolean(cell) {
                    let mut booleans = vec![None; count];
                    booleans.push(Some(truth));
                    Self::Booleans(booleans)
                } else {
                    let mut texts = vec![None; count];
                    texts.push(Some(cell.into()));
                    Self::Texts(texts)
                };
            }
        }
        Ok(())
    }

    /// The column.
    pub fn finish(self) -> Values {
        match self {
            Self::Missing(count) => Values::Numbers(vec![f64::NAN; count]),
            Self::Numbers { numbers, whole: true } => {
                Values::Integers(numbers.into_iter().map(|number| number as i64).collect())
            }
            Self::Numbers { numbers, whole: false } => Values::Numbers(numbers),
            Self::Booleans(booleans) => Values::Booleans(booleans),
            Self::Texts(texts) => Values::Texts(texts),
        }
    }

    fn push_missing(&mut self) {
        match self {
            Self::Missing(count) => *count += 1,
            Self::Numbers { numbers, whole } => {
                *whole = false;
                numbers.push(f64::NAN);
            }
            Self::Booleans(booleans) => booleans.push(None),
            Self::Texts(texts) => texts.push(None),
        }
    }
}

fn text(cell: &str) -> Option<Box<str>> {
    if is_missing(cell) { None } else { Some(cell.into()) }
}

fn is_missing(cell: &str) -> bool {
    matches!(cell.trim(), "" | "NA" | "NaN" | "nan" | "null")
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() <= WHOLE_MAX
}

fn boolean(cell: &str) -> Option<bool> {
    match cell.trim() {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}
