//! The columns of a table, each sorted once.

use std::borrow::Cow;

use crate::learn::progress::{Cancelled, Progress};

/// Each column's rows in ascending order of its values.
pub(super) struct Sorted {
    pub columns: Vec<SortedColumn>,
    pub rows: usize,
}

/// One column in ascending order.
pub(super) struct SortedColumn {
    /// One place per row.
    pub places: Vec<Place>,
    /// The different values, ascending: what ranks stand for.
    pub values: Vec<f64>,
}

/// Where a row stands in the order of a column.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// How many different values are smaller. Half the size of a value and as good for comparing.
    pub rank: u32,
    pub row: u32,
}

impl Sorted {
    /// Sorts all columns; rows of the same value keep their order.
    pub fn of(
        columns: &[Cow<'_, [f64]>],
        rows: usize,
        progress: &mut Progress<'_>,
    ) -> Result<Self, Cancelled> {
        let mut sorted = Vec::with_capacity(columns.len());
        for column in columns {
            progress.stay()?;
            sorted.push(SortedColumn::of(column));
        }
        Ok(Self { columns: sorted, rows })
    }
}

impl SortedColumn {
    fn of(column: &[f64]) -> Self {
        // Adding zero makes minus zero zero, which is no different value.
        let mut order: Vec<(f64, u32)> = column.iter().map(|value| value + 0.0).zip(0..).collect();
        order.sort_unstable_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        let mut values = Vec::new();
        let mut places = Vec::with_capacity(order.len());
        for (value, row) in order {
            if values.last() != Some(&value) {
                values.push(value);
            }
            places.push(Place { rank: values.len() as u32 - 1, row });
        }
        Self { places, values }
    }

    /// What separates a rank from the next larger one that occurs: halfway, as scikit-learn has it.
    pub fn threshold(&self, rank: u32, next: u32) -> f64 {
        let (value, next) = (self.values[rank as usize], self.values[next as usize]);
        let middle = value / 2.0 + next / 2.0;
        // Between neighbours among the numbers there is nothing.
        if middle >= next || middle < value { value } else { middle }
    }
}
