//! Values that know where they stand.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::U64Deserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::deserialize::Fault;
use super::node::Node;
use crate::config::source::Span;

/// Asks the tree for a value together with its place.
pub(super) const SPANNED: &str = "value with its place";
/// Asks the tree for a value, or for word that it was taken out.
pub(super) const KEPT: &str = "value unless taken out";

/// A value and its place in the file. In the schema it is the value alone.
#[derive(Debug, Clone)]
pub(in crate::config) struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The parts of a [`Spanned`] as a sequence: start, end, value.
pub(super) struct Parts<'de> {
    node: &'de Node,
    next: usize,
}

impl<'de> Parts<'de> {
    pub fn new(node: &'de Node) -> Self {
        Self { node, next: 0 }
    }
}

impl<'de> SeqAccess<'de> for Parts<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.next += 1;
        let offset = |offset: usize| U64Deserializer::<Fault>::new(offset as u64);
        match self.next {
            1 => seed.deserialize(offset(self.node.span.start)).map(Some),
            2 => seed.deserialize(offset(self.node.span.end)).map(Some),
            _ => seed.deserialize(self.node).map(Some),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartsVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for PartsVisitor<T> {
            type Value = Spanned<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of a configuration tree")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
                let lost = || A::Error::custom("a value without place");
                let start: usize = parts.next_element()?.ok_or_else(lost)?;
                let end: usize = parts.next_element()?.ok_or_else(lost)?;
                let value = parts.next_element()?.ok_or_else(lost)?;
                Ok(Spanned {
                    value,
                    span: Span { start, end },
                })
            }
        }
        deserializer.deserialize_newtype_struct(SPANNED, PartsVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Named things in file order.
#[derive(Debug)]
pub(in crate::config) struct Named<T> {
    /// Those that could be read.
    pub items: Vec<Item<T>>,
    /// Names of those that were reported and taken out: known, so that whoever refers to them is not reported too.
    pub broken: Vec<String>,
}

/// One named thing.
#[derive(Debug)]
pub(in crate::config) struct Item<T> {
    pub name: Spanned<String>,
    pub value: T,
    /// The place of the value.
    pub span: Span,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            broken: Vec::new(),
        }
    }
}

impl<T> Named<T> {
    /// Whether the file has this name.
    pub fn knows(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// Every name that the file has.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.items
            .iter()
            .map(|item| item.name.as_str())
            .chain(self.broken.iter().map(String::as_str))
    }
}

/// A value, unless it was taken out.
struct Kept<T>(Option<Spanned<T>>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Kept<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeptVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for KeptVisitor<T> {
            type Value = Kept<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of a configuration tree")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Kept(None))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
                Spanned::deserialize(value).map(|value| Kept(Some(value)))
            }
        }
        deserializer.deserialize_newtype_struct(KEPT, KeptVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamedVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut named = Named::default();
                while let Some(name) = entries.next_key::<Spanned<String>>()? {
                    match entries.next_value::<Kept<T>>()?.0 {
                        Some(Spanned { value, span }) => named.items.push(Item { name, value, span }),
                        None => named.broken.push(name.value),
                    }
                }
                Ok(named)
            }
        }
        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("NamedMapOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9_.-]{1,64}$" },
            "additionalProperties": generator.subschema_for::<T>(),
        })
    }
}
