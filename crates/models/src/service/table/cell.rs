//! One cell of a table as JSON writes it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use crate::service::room;

/// A cell; what is within one is a `Value` where it is to be kept, or its [`Weight`].
#[derive(Debug)]
pub(super) enum Cell<'a, Nested> {
    Null,
    Boolean(bool),
    Number(Number),
    Text(Cow<'a, str>),
    /// A list or an object.
    Nested(Nested),
}

/// How many bytes a value would take beyond its own place.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Weight(pub(super) usize);

impl<'de, N: Deserialize<'de>> Deserialize<'de> for Cell<'de, N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any(PhantomData))
    }
}

struct Any<N>(PhantomData<N>);

impl<'de, N: Deserialize<'de>> Visitor<'de> for Any<N> {
    type Value = Cell<'de, N>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Cell::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Cell::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Cell::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        // The parser gives finite numbers alone.
        Ok(Number::from_f64(value).map_or(Cell::Null, Cell::Number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cell::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cell::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        N::deserialize(SeqAccessDeserializer::new(list)).map(Cell::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        N::deserialize(MapAccessDeserializer::new(map)).map(Cell::Nested)
    }
}

impl Cell<'_, Value> {
    pub(super) fn number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Null | Self::Boolean(_) | Self::Text(_) | Self::Nested(_) => None,
        }
    }

    /// The cell as a value of its own.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Bool(value),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Nested(value) => value,
        }
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Weighing)
    }
}

struct Weighing;

impl<'de> Visitor<'de> for Weighing {
    type Value = Weight;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Weight, A::Error> {
        let (mut count, mut sum) = (0_usize, 0_usize);
        while let Some(cell) = list.next_element::<Cell<'de, Weight>>()? {
            count += 1;
            sum = sum.saturating_add(cell.weight());
        }
        Ok(Weight(sum.saturating_add(room::of_list(count))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Weight, A::Error> {
        let (mut count, mut sum) = (0_usize, 0_usize);
        while map.next_key::<IgnoredAny>()?.is_some() {
            count += 1;
            sum = sum.saturating_add(map.next_value::<Cell<'de, Weight>>()?.weight());
        }
        Ok(Weight(sum.saturating_add(room::of_object(count))))
    }
}

impl Cell<'_, Weight> {
    /// How many bytes it takes beyond its own place in a column.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) | Self::Number(_) => 0,
            Self::Text(text) => text.len() + room::TEXT,
            Self::Nested(Weight(bytes)) => *bytes,
        }
    }
}
