//! What the members of an object say of its rows: those of a tensor of the V2 protocol
//! (<https://github.com/kserve/open-inference-protocol>), with its binary extension, or of a table of MLflow's.

use super::data::Data;
use super::{Seen, Word};

/// What a list of whole numbers says of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::meter::request) struct Shape {
    /// The first dimension, which is its rows; absent where it is no whole number.
    rows: Option<u64>,
    /// The product of all others that are whole numbers: numbers of a row.
    row: u64,
    /// Whether all others are.
    whole: bool,
}

/// The members of an object.
pub(super) struct Members {
    shape: Option<Shape>,
    data: Option<Data>,
    /// Bytes of a number,
    width: Option<u64>,
    /// and of all of them, where they lie behind the JSON, or in memory that is shared.
    bytes: Option<u64>,
    /// Items of the longest list.
    longest: Option<u64>,
    /// Whether all members are such that a tensor has, or a table.
    of_tensor: bool,
    of_table: bool,
    /// Whether the type of a tensor's numbers is there, which makes it one whatever else it has.
    typed: bool,
}

impl Shape {
    /// That of one number.
    pub(super) const SCALAR: Self = Self { rows: Some(1), row: 1, whole: true };
    /// What says nothing.
    const UNKNOWN: Self = Self { rows: None, row: 1, whole: false };

    /// With a first dimension, or with one more.
    pub(super) fn with(before: Option<Self>, dimension: Seen) -> Option<Self> {
        let number = match dimension {
            Seen::Number(number) => Some(number),
            Seen::List { .. } | Seen::Data(_) | Seen::Object { .. } => return None,
            Seen::True | Seen::Null | Seen::Width(_) | Seen::Other => None,
        };
        Some(match before {
            None => Self { rows: number, ..Self::SCALAR },
            Some(Self { rows, row, whole }) => {
                let row = row.saturating_mul(number.unwrap_or(1));
                Self { rows, row, whole: whole && number.is_some() }
            }
        })
    }

    /// The rows, and whether they are a guess, as the shape and the numbers do not agree: the most that a server could
    /// make of them, be it by the shape, by the numbers or by the lists that they stand in.
    fn rows(self, data: Option<Data>) -> (u64, bool) {
        let said = self.rows.filter(|_| self.whole);
        let Some(Data { items, nested, numbers }) = data else {
            return (self.rows.unwrap_or(1), said.is_none());
        };
        let lists = nested.then_some(items);
        let fits = said.filter(|rows| rows.saturating_mul(self.row) == numbers);
        if let Some(rows) = fits.filter(|rows| lists.is_none_or(|lists| lists == *rows)) {
            return (rows, false);
        }
        // Where one dimension is left to the server, the first one stands.
        let shape = fits.or(self.rows.filter(|_| !self.whole));
        let counted = shape.unwrap_or_else(|| numbers.div_ceil(self.row.max(1)));
        (counted.max(lists.unwrap_or(0)), true)
    }
}

impl Members {
    pub(super) fn new() -> Self {
        let (shape, data, width, bytes, longest) = (None, None, None, None, None);
        Self { shape, data, width, bytes, longest, of_tensor: true, of_table: true, typed: false }
    }

    pub(super) fn add(&mut self, word: Word, seen: Seen) {
        self.of_tensor &= matches!(word, Word::Shape | Word::Data | Word::Datatype | Word::OfTensor);
        self.of_table &= matches!(word, Word::Data | Word::OfTable);
        match (word, seen) {
            // A list of something else says as much as one that is no whole number.
            (Word::Shape, Seen::List { shape, .. }) => {
                self.shape = Some(shape.unwrap_or(Shape::UNKNOWN));
            }
            // It is somebody's own.
            (Word::Shape, _) => self.of_tensor = false,
            (Word::Data, Seen::Data(data)) => self.data = Some(data),
            (Word::Data, Seen::List { items, .. }) => {
                self.data = Some(Data { items, nested: true, numbers: items });
            }
            (Word::Datatype, seen) => {
                self.typed = true;
                self.width = if let Seen::Width(width) = seen { Some(width) } else { None };
            }
            (Word::OfTensor, Seen::Object { bytes, .. }) => self.bytes = self.bytes.max(bytes),
            (Word::Bytes, Seen::Number(bytes)) => self.bytes = Some(bytes),
            _ => {}
        }
        if let Seen::List { items, .. } | Seen::Data(Data { items, .. }) = seen {
            self.longest = self.longest.max(Some(items));
        }
    }

    /// What the object is, and whether it is a tensor whose rows are a guess.
    pub(super) fn seen(&self) -> (Seen, bool) {
        let rows = self.data.filter(|_| self.of_table).map(|data| data.items).or(self.longest);
        let tensor = self.tensor();
        let sure = self.typed;
        let seen = Seen::Object { tensor: tensor.map(|(rows, _)| rows), sure, rows, bytes: self.bytes };
        (seen, tensor.is_some_and(|(_, odd)| odd))
    }

    fn tensor(&self) -> Option<(u64, bool)> {
        let packed = self.bytes.zip(self.width).map(|(bytes, width)| bytes.div_ceil(width));
        let packed = packed.map(|numbers| Data { items: numbers, nested: false, numbers });
        let Some(shape) = self.shape else {
            // Where a server takes it without a shape, its lists tell.
            let data = self.data.filter(|_| self.typed)?;
            return Some((if data.nested { data.items } else { data.numbers }, true));
        };
        // What says nothing of rows in any way may be a record with a member of that name.
        let tells = self.typed || self.data.is_some() || (shape.whole && shape.rows.is_some());
        if !tells || !(self.of_tensor || self.typed) {
            return None;
        }
        let (rows, odd) = shape.rows(self.data.or(packed));
        // Whichever of the two a server takes.
        let both = packed.filter(|_| self.data.is_some()).map(|packed| shape.rows(Some(packed)).0);
        Some((rows.max(both.unwrap_or(0)), odd || both.is_some()))
    }
}

/// Bytes of a number of a type of the V2 protocol; absent for texts, which are as long as they are.
pub(super) fn width(datatype: &str) -> Option<u64> {
    match datatype {
        "BOOL" | "UINT8" | "INT8" => Some(1),
        "UINT16" | "INT16" | "FP16" | "BF16" => Some(2),
        "UINT32" | "INT32" | "FP32" => Some(4),
        "UINT64" | "INT64" | "FP64" => Some(8),
        _ => None,
    }
}
