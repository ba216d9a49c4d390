//! Enums: `word`, `{ word: options }`, or a variant for each kind of node.

use serde::de::value::{MapDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::Fault;
use crate::config::file::node::{Entry, Node, Value};

/// One variant of an enum: its word, and where its options stand.
pub(super) struct Variant<'de> {
    word: &'de str,
    word_at: &'de Node,
    /// Absent for a bare word.
    options: Option<&'de Node>,
    /// Position of the options within the enum's node, where they are a part of it.
    position: Option<usize>,
}

impl<'de> Variant<'de> {
    /// `word`, or `{ word: options }`.
    pub(super) fn by_word(node: &'de Node, variants: &[&str]) -> Result<Self, Fault> {
        match &node.value {
            Value::Scalar(word) => Ok(Self {
                word,
                word_at: node,
                options: None,
                position: None,
            }),
            Value::Mapping(entries) => match entries.as_slice() {
                [
                    Entry {
                        value:
                            Node {
                                value: Value::Pruned, ..
                            },
                        ..
                    },
                ] => Err(Fault::after_pruning(node)),
                [entry] => Ok(Self {
                    word: entry.name(),
                    word_at: &entry.key,
                    options: Some(&entry.value).filter(|value| !matches!(value.value, Value::Null)),
                    position: Some(0),
                }),
                _ => {
                    let fault = Fault::custom("expected exactly one key").within(node);
                    Err(fault.with_hint(format!("one of: {}", variants.join(", "))))
                }
            },
            Value::Null | Value::List(_) | Value::Pruned => {
                Err(Fault::unexpected("a word or a mapping of one key", node)
                    .with_hint(format!("one of: {}", variants.join(", "))))
            }
        }
    }

    /// The variant named after the node's kind.
    pub(super) fn by_kind(node: &'de Node, variants: &[&str]) -> Result<Self, Fault> {
        let word = match node.value {
            Value::Scalar(_) => "text",
            Value::List(_) => "list",
            Value::Mapping(_) => "mapping",
            Value::Null | Value::Pruned => "nothing",
        };
        if !variants.contains(&word) {
            let wanted = variants.iter().map(|kind| {
                if *kind == "text" {
                    "text".into()
                } else {
                    format!("a {kind}")
                }
            });
            return Err(Fault::unexpected(&wanted.collect::<Vec<_>>().join(" or "), node));
        }
        Ok(Self {
            word,
            word_at: node,
            options: Some(node),
            position: None,
        })
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let word = StrDeserializer::<Fault>::new(self.word);
        let value = seed.deserialize(word).map_err(|fault| match self.position {
            Some(position) => fault.within(self.word_at).under(position),
            None => fault.within(self.word_at),
        })?;
        Ok((value, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.options {
            None => Ok(()),
            Some(Node {
                value: Value::Mapping(entries),
                ..
            }) if entries.is_empty() => Ok(()),
            Some(options) => Err(Fault::custom(format!("`{}` has no options", self.word)).within(options)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        match (self.options, self.position) {
            (None, _) => seed
                .deserialize(Bare { word: self.word })
                .map_err(|fault| fault.within(self.word_at)),
            (Some(options), None) => seed.deserialize(options).map_err(|fault| fault.within(options)),
            (Some(options), Some(position)) => seed
                .deserialize(options)
                .map_err(|fault| fault.within(options).behind_key(self.word_at).under(position)),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Fault> {
        Err(Fault::custom("tuples have no place in this file"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Fault> {
        Err(Fault::custom("options of a variant are a struct of their own"))
    }
}

/// The options of a bare word: none, so all must have defaults.
struct Bare<'de> {
    word: &'de str,
}

impl<'de> Deserializer<'de> for Bare<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        let word = self.word;
        Err(Fault::custom(format!("`{word}` needs a value")).with_hint(format!("write `{{ {word}: … }}`")))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_map(MapDeserializer::new(std::iter::empty::<(&str, &str)>()))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
