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

mod data;
mod tensor;

use data::Data;
use tensor::{Members, Shape};

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
/// Levels that tell of prompts: the list and its items.
const PROMPTS: u8 = 2;
/// Levels that an object tells of where the numbers of its `shape` are among them.
const SHAPED: u8 = 3;
/// The most numbers of a `shape`.
const DIMENSIONS: u64 = 32;

/// Of so many items of a list it is looked at whether they are tensors, where one of them is none.
const INPUTS: u64 = 64;

/// What was found on the way.
pub(super) struct Walked<'b> {
    body: &'b [u8],
    fault: &'b Cell<Option<BodyFault>>,
    model: Option<Box<str>>,
    rows: Option<u64>,
    /// Whether a tensor has a shape that cannot be true.
    odd: bool,
    max_tokens: Option<u64>,
    choices: u64,
    prompts: u64,
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
    /// A list of so many items, and whether the first one is a number; what it says where it is a shape, and the rows of the
    /// largest where all are tensors.
    List { items: u64, numbers: bool, shape: Option<Shape>, tensors: Option<u64> },
    /// An object: its rows where it is a tensor, and whether it is one for sure; how long the list is that holds its rows,
    /// and how many bytes behind the JSON it speaks of.
    Object { tensor: Option<u64>, sure: bool, rows: Option<u64>, bytes: Option<u64> },
    /// A list of which nothing else is wanted.
    Data(Data),
    /// The type of numbers of so many bytes.
    Width(u64),
    /// Nothing.
    Null,
    /// Anything else.
    Other,
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
            choices: 1,
            prompts: 1,
            stream: false,
            options: Options::Absent,
        }
    }

    /// After the walk.
    pub fn reading(self, reading: RequestReading) -> RequestReading {
        let answers = self.choices.saturating_mul(self.prompts);
        RequestReading {
            model: self.model,
            rows: self.rows,
            rows_doubted: self.odd,
            tokens_out_max: self.max_tokens.map(|most| most.saturating_mul(answers).min(TOKENS_MAX)),
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
            (Take::Choices, Seen::Number(choices)) => self.choices = self.choices.max(choices),
            // A list of numbers is one prompt in tokens.
            (Take::Prompts, Seen::List { items, numbers: false, .. }) => self.prompts = items.max(1),
            (Take::Stream, seen) => self.stream = seen == Seen::True,
            // Taken where the text is at hand.
            (Take::Model | Take::StreamOptions | Take::MaxTokens | Take::Choices | Take::Prompts, _) => {}
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
            Self::Data(data) => Some(data.items),
            Self::Object { tensor, rows, .. } => tensor.or(rows).or(Some(1)),
            Self::Null => None,
            Self::Number(_) | Self::True | Self::Width(_) | Self::Other => Some(1),
        }
    }
}

impl<'a, 'b> Walk<'a, 'b> {
    /// The outermost value.
    pub fn new(plan: &'a Plan, walked: &'a mut Walked<'b>) -> Self {
        Self { plan: Some(plan), rows: 0, walked }
    }

    fn value(plan: Option<&'a Plan>, rows: u8, walked: &'a mut Walked<'b>) -> Self {
        let takes = |take| plan.is_some_and(|plan| plan.takes().contains(&take));
        let begins = match (takes(Take::Rows), takes(Take::Prompts)) {
            (true, _) => ROWS,
            (false, true) => PROMPTS,
            (false, false) => 0,
        };
        Self { plan, rows: rows.max(begins), walked }
    }

    fn takes(&self) -> &'a [Take] {
        self.plan.map(Plan::takes).unwrap_or_default()
    }

    /// Whether a model may want a whole number here, and take what could be one.
    fn is_count(&self) -> bool {
        self.takes().iter().any(|take| matches!(take, Take::MaxTokens | Take::Choices))
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

    fn visit_f64<E>(self, value: f64) -> Result<Seen, E> {
        let is_whole = self.is_count() && value >= 0.0 && value.fract() == 0.0;
        Ok(if is_whole { Seen::Number(value as u64) } else { Seen::Other })
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Null)
    }

    fn visit_str<E>(self, value: &str) -> Result<Seen, E> {
        if self.takes().contains(&Take::Model) {
            self.walked.model = model::fits(value).then(|| value.into());
        }
        if let Some(count) = value.trim().parse().ok().filter(|_| self.is_count()) {
            return Ok(Seen::Number(count));
        }
        Ok(tensor::width(value).map_or(Seen::Other, Seen::Width))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seen, A::Error> {
        let below = self.rows.saturating_sub(1);
        let (mut items, mut numbers) = (0, false);
        let (mut shape, mut tensors): (Option<Shape>, Option<u64>) = (None, None);
        // The largest of those that are tensors for sure, and whether there may be one behind what is none.
        let (mut largest, mut mixed): (Option<u64>, bool) = (None, false);
        loop {
            let plan = self.plan.and_then(|plan| plan.item(items));
            // As soon as they can be neither, the others are counted alone.
            let tells = items == 0
                || tensors.is_some()
                || (shape.is_some() && items < DIMENSIONS)
                || (mixed && items < INPUTS);
            let walk = Walk::value(plan, if tells { below } else { 0 }, &mut *self.walked);
            let Some(seen) = list.next_element_seed(walk)? else {
                let shape = if items == 0 { Some(Shape::SCALAR) } else { shape };
                if let Some(largest) = largest.filter(|_| tensors.is_none()) {
                    self.walked.odd = true;
                    tensors = Some(items.max(largest));
                }
                return Ok(Seen::List { items, numbers, shape, tensors });
            };
            let is_first = items == 0;
            numbers |= is_first && matches!(seen, Seen::Number(_));
            let may_be_shape = is_first || (shape.is_some() && items < DIMENSIONS);
            shape = if may_be_shape { Shape::with(shape, seen) } else { None };
            mixed = matches!(seen, Seen::Object { .. } | Seen::Null);
            if let Seen::Object { sure: true, tensor, .. } = seen {
                largest = largest.max(tensor);
            }
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
        let mut all = Members::new();
        // A pointer for each name below; a plan has a handful. And what tells of a tensor.
        let (mut had, mut told) = (0_u64, Vec::new());
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
            let word = name.word();
            if let Some(tells) = word.tells().filter(|_| self.rows > 0) {
                if told.contains(&tells) {
                    return Err(self.walked.fail(BodyFault::Twice(tells)));
                }
                told.push(tells);
            }
            let seen = if word == Word::Data && plan.is_none() && below > 0 {
                let raw: &'de RawValue = members.next_value()?;
                Data::of(raw.get()).map_or(Seen::Other, Seen::Data)
            } else {
                members.next_value_seed(Walk::value(plan, below, &mut *self.walked))?
            };
            all.add(word, seen);
        }
        let (seen, odd) = all.seen();
        self.walked.odd |= odd && self.rows >= SHAPED;
        Ok(seen)
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
    /// The type of a tensor's numbers.
    Datatype,
    /// What else a tensor has; an object among it may say how many bytes the numbers take behind the JSON.
    OfTensor,
    /// Those bytes.
    Bytes,
    /// What else a `dataframe_split` has.
    OfTable,
    /// Any other.
    Other,
}

impl Word {
    /// Its name, where two of it could be told apart by the model alone.
    fn tells(self) -> Option<&'static str> {
        match self {
            Self::Shape => Some("shape"),
            Self::Data => Some("data"),
            Self::Datatype => Some("datatype"),
            Self::Bytes => Some("binary_data_size"),
            Self::OfTensor | Self::OfTable | Self::Other => None,
        }
    }
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
            "datatype" => Word::Datatype,
            "name" | "parameters" => Word::OfTensor,
            "binary_data_size" | "shared_memory_byte_size" => Word::Bytes,
            "index" | "columns" => Word::OfTable,
            _ => Word::Other,
        };
        Ok(match self.0.and_then(|plan| plan.index(name)) {
            Some(index) => Known::Planned { index, word },
            None => Known::Unplanned(word),
        })
    }
}
