//! Goes through a body with serde_json, which holds it to the grammar, and takes what a [`Plan`] names.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::plan::{Plan, Take};
use super::{BodyFault, ROWS_MAX, RequestReading};
use crate::meter::include_usage::{self, Options};
use crate::meter::{TOKENS_MAX, model};

/// One value of a body.
pub(super) struct Walk<'a, 'b> {
    /// What is taken here and below.
    plan: Option<&'a Plan>,
    /// How many levels from here on tell of rows. What is neither planned nor tells of rows is only held to the grammar.
    rows: u8,
    walked: &'a mut Walked<'b>,
}

/// Levels that tell of rows: the list, its items, the `shape` of those, and the numbers there.
const ROWS: u8 = 4;
/// Levels that an object tells of where the numbers of its `shape` are among them.
const SHAPED: u8 = 3;
/// The most numbers of a `shape`.
const DIMENSIONS: u64 = 32;

/// What was found on the way.
pub(super) struct Walked<'b> {
    body: &'b [u8],
    fault: &'b Cell<Option<BodyFault>>,
    model: Option<Box<str>>,
    rows: Option<u64>,
    /// Whether a tensor has a shape that cannot be true.
    odd: bool,
    max_tokens: Option<u64>,
    choices: Option<u64>,
    stream: bool,
    options: Options,
}

/// What a value is, as far as anybody wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// A whole number.
    Number(u64),
    /// `true`.
    True,
    /// A list of so many items, and whether the first one is a list; what it says where it is a shape, and the rows of the
    /// largest where all are tensors.
    List { items: u64, nested: bool, shape: Option<Shape>, tensors: Option<u64> },
    /// An object: its rows where it is a tensor, and how long the list is that holds its rows.
    Object { tensor: Option<u64>, rows: Option<u64> },
    /// Nothing.
    Null,
    /// Anything else.
    Other,
}

/// What a list of whole numbers says of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    /// The first dimension: rows.
    rows: u64,
    /// The product of all others: numbers of a row.
    row: u64,
}

/// How many items the list of a tensor's numbers has, and whether they are lists: rows then, and else numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Data {
    items: u64,
    nested: bool,
}

impl<'b> Walked<'b> {
    /// Before the walk through `body`. What is wrong with it beyond its grammar goes to `fault`.
    pub fn new(body: &'b [u8], fault: &'b Cell<Option<BodyFault>>) -> Self {
        Self {
            body,
            fault,
            model: None,
            rows: None,
            odd: false,
            max_tokens: None,
            choices: None,
            stream: false,
            options: Options::Absent,
        }
    }

    /// After the walk.
    pub fn reading(self, reading: RequestReading) -> RequestReading {
        let choices = self.choices.unwrap_or(1).max(1);
        RequestReading {
            model: self.model,
            rows: self.rows,
            rows_doubted: self.odd,
            tokens_out_max: self.max_tokens.map(|most| most.saturating_mul(choices).min(TOKENS_MAX)),
            streamed: self.stream,
            usage_asked: self.options == Options::Asked,
            ask: self.stream.then(|| include_usage::ask(self.body, self.options)).flatten(),
            ..reading
        }
    }

    fn take(&mut self, take: Take, seen: Seen) {
        match (take, seen) {
            (Take::Rows, seen) => {
                let rows = seen.rows();
                self.odd |= rows > Some(ROWS_MAX);
                self.rows = self.rows.max(rows.map(|rows| rows.min(ROWS_MAX)));
            }
            // The largest, should a request give the same by several names.
            (Take::MaxTokens, Seen::Number(most)) => self.max_tokens = self.max_tokens.max(Some(most)),
            (Take::Choices, Seen::Number(choices)) => self.choices = Some(choices),
            (Take::Stream, seen) => self.stream = seen == Seen::True,
            // Taken where the text is at hand.
            (Take::Model | Take::StreamOptions | Take::MaxTokens | Take::Choices, _) => {}
        }
    }

    fn fail<E: Error>(&self, fault: BodyFault) -> E {
        let message = fault.to_string();
        self.fault.set(Some(fault));
        E::custom(message)
    }
}

impl Seen {
    /// How many rows a value is: items of a list, or as many as the largest tensor of the V2 protocol has in its first
    /// dimension, or items of the list that an object holds them in. A single value is one row.
    fn rows(self) -> Option<u64> {
        match self {
            Self::List { tensors: Some(rows), .. } | Self::List { items: rows, .. } => Some(rows),
            Self::Object { tensor, rows } => tensor.or(rows).or(Some(1)),
            Self::Null => None,
            Self::Number(_) | Self::True | Self::Other => Some(1),
        }
    }
}

impl Shape {
    /// With one more dimension.
    fn and(self, more: u64) -> Self {
        Self { row: self.row.saturating_mul(more), ..self }
    }

    /// The rows that the numbers come to, where they are not as many as this says.
    fn belied_by(self, data: Data) -> Option<u64> {
        let Data { items, nested } = data;
        let said = if nested { self.rows } else { self.rows.saturating_mul(self.row) };
        let rows = if nested { items } else { items.div_ceil(self.row.max(1)) };
        (items != said).then_some(rows)
    }
}

impl<'a, 'b> Walk<'a, 'b> {
    /// The outermost value.
    pub fn new(plan: &'a Plan, walked: &'a mut Walked<'b>) -> Self {
        Self { plan: Some(plan), rows: 0, walked }
    }

    fn value(plan: Option<&'a Plan>, rows: u8, walked: &'a mut Walked<'b>) -> Self {
        let begins = plan.is_some_and(|plan| plan.takes().contains(&Take::Rows));
        Self { plan, rows: if begins { ROWS } else { rows }, walked }
    }

    fn takes(&self) -> &'a [Take] {
        self.plan.map(Plan::takes).unwrap_or_default()
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Seen, D::Error> {
        if self.plan.is_none() && self.rows == 0 {
            IgnoredAny::deserialize(deserializer)?;
            return Ok(Seen::Other);
        }
        if self.takes().contains(&Take::StreamOptions) {
            return self.stream_options(deserializer);
        }
        let takes = self.takes();
        let walk = Walk { plan: self.plan, rows: self.rows, walked: &mut *self.walked };
        let seen = deserializer.deserialize_any(walk)?;
        for take in takes {
            self.walked.take(*take, seen);
        }
        Ok(seen)
    }
}

impl Walk<'_, '_> {
    /// The one value whose place in the body matters, as it may be edited.
    fn stream_options<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<Seen, D::Error> {
        let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
        self.walked.options = match Options::read(self.walked.body, raw.get()) {
            Some(options) => options,
            None => return Err(self.walked.fail(BodyFault::Twice("include_usage"))),
        };
        Ok(Seen::Other)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Seen, E> {
        Ok(if value { Seen::True } else { Seen::Other })
    }

    fn visit_u64<E>(self, value: u64) -> Result<Seen, E> {
        Ok(Seen::Number(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Null)
    }

    fn visit_str<E>(self, value: &str) -> Result<Seen, E> {
        if self.takes().contains(&Take::Model) {
            self.walked.model = model::fits(value).then(|| value.into());
        }
        Ok(Seen::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seen, A::Error> {
        let below = self.rows.saturating_sub(1);
        let (mut items, mut nested) = (0, false);
        let (mut shape, mut tensors): (Option<Shape>, Option<u64>) = (None, None);
        loop {
            let plan = self.plan.and_then(|plan| plan.item(items));
            // As soon as they can be neither, the others are counted alone.
            let tells = items == 0 || tensors.is_some() || (shape.is_some() && items < DIMENSIONS);
            let walk = Walk::value(plan, if tells { below } else { 0 }, &mut *self.walked);
            let Some(seen) = list.next_element_seed(walk)? else {
                return Ok(Seen::List { items, nested, shape, tensors });
            };
            let is_first = items == 0;
            nested |= is_first && matches!(seen, Seen::List { .. });
            shape = match seen {
                Seen::Number(rows) if is_first => Some(Shape { rows, row: 1 }),
                Seen::Number(more) => shape.map(|shape| shape.and(more)),
                _ => None,
            };
            tensors = match seen {
                Seen::Object { tensor: Some(rows), .. } if is_first || tensors.is_some() => {
                    tensors.max(Some(rows))
                }
                _ => None,
            };
            items += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Seen, A::Error> {
        let below = self.rows.saturating_sub(1);
        let (mut shape, mut data, mut longest): (Option<Shape>, Option<Data>, _) = (None, None, None);
        // Whether all members are such that those have.
        let (mut is_tensor, mut is_table, mut odd) = (true, true, false);
        // A pointer for each name below; a plan has a handful.
        let mut had = 0_u64;
        while let Some(name) = members.next_key_seed(Name(self.plan))? {
            let plan = match (self.plan, name) {
                (Some(plan), Known::Planned { index, .. }) => {
                    let bit = 1 << index.min(63);
                    if had & bit != 0 {
                        return Err(self.walked.fail(BodyFault::Twice(plan.below(index).what())));
                    }
                    had |= bit;
                    Some(plan.below(index))
                }
                _ => None,
            };
            let seen = members.next_value_seed(Walk::value(plan, below, &mut *self.walked))?;
            let word = name.word();
            is_tensor &= matches!(word, Word::Shape | Word::Data | Word::OfTensor);
            is_table &= matches!(word, Word::Data | Word::OfTable);
            match (word, seen) {
                (Word::Shape, Seen::List { shape: Some(said), .. }) => shape = shape.max(Some(said)),
                // A tensor without dimensions is one row, and a shape that is no list is one's own.
                (Word::Shape, Seen::List { items, .. }) => odd |= items > 0,
                (Word::Shape, _) => is_tensor = false,
                (Word::Data, Seen::List { items, nested, .. }) => {
                    data = data.max(Some(Data { items, nested }))
                }
                _ => {}
            }
            if let Seen::List { items, .. } = seen {
                longest = longest.max(Some(items));
            }
        }
        let shape = shape.filter(|_| is_tensor);
        let told = shape.zip(data).and_then(|(shape, data)| shape.belied_by(data));
        self.walked.odd |= (odd || told.is_some()) && is_tensor && self.rows >= SHAPED;
        let rows = data.filter(|_| is_table).map(|data| data.items).or(longest);
        Ok(Seen::Object { tensor: told.or(shape.map(|shape| shape.rows)), rows })
    }
}

/// Reads a member's name without keeping it.
struct Name<'a>(Option<&'a Plan>);

/// A member's name.
#[derive(Debug, Clone, Copy)]
enum Known {
    Planned { index: usize, word: Word },
    Unplanned(Word),
}

/// Names that tell of rows, wherever they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The first number of a tensor's shape is how many rows it has (V2 protocol).
    Shape,
    /// The rows of MLflow's `dataframe_split`, and the numbers of a tensor.
    Data,
    /// What else a tensor has.
    OfTensor,
    /// What else a `dataframe_split` has.
    OfTable,
    /// Any other.
    Other,
}

impl Known {
    fn word(self) -> Word {
        match self {
            Self::Planned { word, .. } | Self::Unplanned(word) => word,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Known;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Known, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Known;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Known, E> {
        let word = match name {
            "shape" => Word::Shape,
            "data" => Word::Data,
            "name" | "datatype" | "parameters" => Word::OfTensor,
            "index" | "columns" => Word::OfTable,
            _ => Word::Other,
        };
        Ok(match self.0.and_then(|plan| plan.index(name)) {
            Some(index) => Known::Planned { index, word },
            None => Known::Unplanned(word),
        })
    }
}
