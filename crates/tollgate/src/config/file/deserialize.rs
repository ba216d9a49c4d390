//! Reads the file's structs from the tree; errors know their place in the text and in the tree.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::node::{Entry, Node, Value};
use super::spanned;

mod fault;
mod scalar;
mod variant;

pub(super) use fault::Fault;
use variant::Variant;

/// Name for enums whose variant the kind of node decides: `text`, `list` or `mapping`. Unlike serde's `untagged`, they
/// keep the places and the messages of what is inside.
pub(super) const BY_KIND: &str = "by kind";

/// Of so many keys of a mapping a hint tells.
const FEW: usize = 8;

impl<'de> Node {
    fn visit_list<V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Fault> {
        let Value::List(items) = &self.value else {
            let fault = Fault::unexpected("a list", self);
            return Err(if let Value::Scalar(_) = self.value {
                fault.with_hint("write `[…]`")
            } else {
                fault
            });
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
        let Some((position, item)) = kept else {
            return Ok(None);
        };
        seed.deserialize(item).map(Some).map_err(|fault| fault.within(item).for_item().under(position))
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
        let Some((position, entry)) = kept else {
            return Ok(None);
        };
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
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let (Value::Scalar(_), Some(first)) = (&self.value, fields.first()) {
            let fault = Fault::unexpected("a mapping", self);
            return Err(match fields.len() {
                1 => fault.with_hint(format!("write `{{ {first}: … }}`")),
                2..=FEW => {
                    fault.with_hint(format!("write `{{ {first}: … }}`; known here: {}", fields.join(", ")))
                }
                _ => fault,
            });
        }
        self.visit_mapping(visitor, false)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let variant =
            if name == BY_KIND { Variant::by_kind(self, variants) } else { Variant::by_word(self, variants) };
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
