//! Reads the file's structs from the tree; errors know their place in the text and in the tree.

use std::fmt;

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::node::{Entry, Node, Value};
use super::spanned;
use crate::config::near::nearest;
use crate::config::source::Span;

mod scalar;

/// Name for enums whose variant the kind of node decides: `text`, `list` or `mapping`. Unlike serde's `untagged`, they
/// keep the places and the messages of what is inside.
pub(super) const BY_KIND: &str = "by kind";

/// Why a tree is no such struct.
#[derive(Debug, Default)]
pub(super) struct Fault {
    pub message: String,
    pub hint: Option<String>,
    /// The key that a mapping lacks, if that is the reason.
    pub missing: Option<&'static str>,
    /// Whether the fault only comes from what was taken out before.
    pub follows: bool,
    place: Place,
    /// Positions from the faulty node up to the root.
    upwards: Vec<usize>,
}

#[derive(Debug, Default)]
enum Place {
    #[default]
    Unknown,
    /// A collection as a whole; its key shows that better than its first line.
    Collection(Span),
    Exact(Span),
}

impl Fault {
    pub fn span(&self) -> Span {
        match self.place {
            Place::Unknown => Span::default(),
            Place::Collection(span) | Place::Exact(span) => span,
        }
    }

    /// Positions from the root down to the faulty node.
    pub fn path(&self) -> Vec<usize> {
        self.upwards.iter().rev().copied().collect()
    }

    /// Places a fault that has no place yet.
    fn within(mut self, node: &Node) -> Self {
        if let Place::Unknown = self.place {
            self.place = match node.value {
                Value::List(_) | Value::Mapping(_) => Place::Collection(node.span),
                Value::Null | Value::Scalar(_) | Value::Pruned => Place::Exact(node.span),
            };
        }
        self
    }

    fn under(mut self, position: usize) -> Self {
        self.upwards.push(position);
        self
    }

    fn behind_key(mut self, key: &Node) -> Self {
        if let Place::Collection(_) = self.place {
            self.place = Place::Exact(key.span);
        }
        self
    }

    fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn unexpected(wanted: &str, node: &Node) -> Self {
        Self::custom(format!("expected {wanted}, found {}", node.kind())).within(node)
    }

    fn unknown(what: &str, word: &str, known: &[&str]) -> Self {
        let fault = Self::custom(format!("unknown {what} `{}`", word.escape_debug()));
        match nearest(word, known.iter().copied()) {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None if known.is_empty() => fault,
            None => fault.with_hint(format!("known here: {}", known.join(", "))),
        }
    }
}

impl Error for Fault {
    /// Text after a line break is the hint: `Deserialize` implementations have no other way to give one.
    fn custom<T: fmt::Display>(text: T) -> Self {
        let text = text.to_string();
        match text.split_once('\n') {
            Some((message, hint)) => Self { message: message.into(), hint: Some(hint.into()), ..Self::default() },
            None => Self { message: text, ..Self::default() },
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown("key", field, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown("word", variant, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self { missing: Some(field), ..Self::custom(format!("`{field}` is missing")) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl<'de> Node {
    fn visit_list<V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Fault> {
        let Value::List(items) = &self.value else {
            let fault = Fault::unexpected("a list", self);
            return Err(if let Value::Scalar(_) = self.value { fault.with_hint("write `[…]`") } else { fault });
        };
        visitor.visit_seq(Items { items: items.iter().enumerate() }).map_err(|fault| fault.within(self))
    }

    /// `keep_pruned` shows keys whose value is lost, to those who need all names.
    fn visit_mapping<V: Visitor<'de>>(&'de self, visitor: V, keep_pruned: bool) -> Result<V::Value, Fault> {
        let Value::Mapping(entries) = &self.value else {
            return Err(Fault::unexpected("a mapping", self));
        };
        let entries = entries.iter().enumerate();
        visitor.visit_map(Entries { entries, keep_pruned, value: None }).map_err(|fault| fault.within(self))
    }
}

struct Items<'de> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let kept = self.items.find(|(_, item)| !matches!(item.value, Value::Pruned));
        let Some((position, item)) = kept else { return Ok(None) };
        seed.deserialize(item).map(Some).map_err(|fault| fault.within(item).under(position))
    }
}

struct Entries<'de> {
    entries: std::iter::Enumerate<std::slice::Iter<'de, Entry>>,
    keep_pruned: bool,
    value: Option<(usize, &'de Entry)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let keep_pruned = self.keep_pruned;
        let kept = self.entries.find(|(_, entry)| keep_pruned || !matches!(entry.value.value, Value::Pruned));
        self.value = kept;
        let Some((position, entry)) = kept else { return Ok(None) };
        seed.deserialize(&entry.key).map(Some).map_err(|fault| fault.within(&entry.key).under(position))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let Some((position, entry)) = self.value.take() else {
            return Err(Fault::custom("a value was asked for before its key"));
        };
        seed.deserialize(&entry.value)
            .map_err(|fault| fault.within(&entry.value).behind_key(&entry.key).under(position))
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Null | Value::Pruned => visitor.visit_unit(),
            Value::Scalar(text) => visitor.visit_str(text),
            Value::List(_) => return self.visit_list(visitor),
            Value::Mapping(_) => return self.visit_mapping(visitor, false),
        }
        .map_err(|fault: Fault| fault.within(self))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match name {
            spanned::SPANNED => visitor.visit_seq(spanned::Parts::new(self)),
            spanned::KEPT if matches!(self.value, Value::Pruned) => visitor.visit_unit(),
            _ => visitor.visit_newtype_struct(self),
        }
        .map_err(|fault: Fault| fault.within(self))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit_list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit_mapping(visitor, true)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.visit_mapping(visitor, false)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let variant = if name == BY_KIND { Variant::by_kind(self, variants) } else { Variant::by_word(self, variants) };
        visitor.visit_enum(variant?).map_err(|fault| fault.within(self))
    }

    scalar::numbers!(deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i64 visit_i64 i64);

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_bool(self.truth()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.text("text")?).map_err(|fault: Fault| fault.within(self))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }
}

/// One variant of an enum: its word, and where its options stand.
struct Variant<'de> {
    word: &'de str,
    word_at: &'de Node,
    /// Absent for a bare word.
    options: Option<&'de Node>,
    /// Position of the options within the enum's node, where they are a part of it.
    position: Option<usize>,
}

impl<'de> Variant<'de> {
    /// `word`, or `{ word: options }`.
    fn by_word(node: &'de Node, variants: &[&str]) -> Result<Self, Fault> {
        match &node.value {
            Value::Scalar(word) => Ok(Self { word, word_at: node, options: None, position: None }),
            Value::Mapping(entries) => match entries.as_slice() {
                [Entry { value: Node { value: Value::Pruned, .. }, .. }] => {
                    Err(Self::lost_its_options(node))
                }
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

    fn lost_its_options(node: &Node) -> Fault {
        Fault { follows: true, ..Fault::default() }.within(node)
    }

    /// The variant named after the node's kind.
    fn by_kind(node: &'de Node, variants: &[&str]) -> Result<Self, Fault> {
        let word = match node.value {
            Value::Scalar(_) => "text",
            Value::List(_) => "list",
            Value::Mapping(_) => "mapping",
            Value::Null | Value::Pruned => "nothing",
        };
        if !variants.contains(&word) {
            let wanted = variants.iter().map(|kind| if *kind == "text" { "text".into() } else { format!("a {kind}") });
            return Err(Fault::unexpected(&wanted.collect::<Vec<_>>().join(" or "), node));
        }
        Ok(Self { word, word_at: node, options: Some(node), position: None })
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let word = serde::de::value::StrDeserializer::<Fault>::new(self.word);
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
            Some(Node { value: Value::Mapping(entries), .. }) if entries.is_empty() => Ok(()),
            Some(options) => Err(Fault::custom(format!("`{}` has no options", self.word)).within(options)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        match (self.options, self.position) {
            (None, _) => seed.deserialize(Bare { word: self.word }).map_err(|fault| fault.within(self.word_at)),
            (Some(options), None) => seed.deserialize(options).map_err(|fault| fault.within(options)),
            (Some(options), Some(position)) => seed.deserialize(options).map_err(|fault| {
                fault.within(options).behind_key(self.word_at).under(position)
            }),
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
