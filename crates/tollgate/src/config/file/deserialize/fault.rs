//! Errors that know their place in the text and in the tree.

use std::fmt;

use serde::de::Error;

use crate::config::file::node::{Node, Value};
use crate::config::near::nearest;
use crate::config::source::Span;

/// Why a tree is no such struct.
#[derive(Debug, Default)]
pub(in crate::config::file) struct Fault {
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
    pub(super) fn within(mut self, node: &Node) -> Self {
        if let Place::Unknown = self.place {
            self.place = match node.value {
                Value::List(_) | Value::Mapping(_) => Place::Collection(node.span),
                Value::Null | Value::Scalar(_) | Value::Pruned => Place::Exact(node.span),
            };
        }
        self
    }

    pub(super) fn under(mut self, position: usize) -> Self {
        self.upwards.push(position);
        self
    }

    pub(super) fn behind_key(mut self, key: &Node) -> Self {
        if let Place::Collection(_) = self.place {
            self.place = Place::Exact(key.span);
        }
        self
    }

    /// A collection that is an item of a list has no key to show.
    pub(super) fn for_item(mut self) -> Self {
        if let Place::Collection(span) = self.place {
            self.place = Place::Exact(span);
        }
        self
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A fault that is there only because something was taken out of the node.
    pub(super) fn after_pruning(node: &Node) -> Self {
        Self {
            follows: true,
            ..Self::default()
        }
        .within(node)
    }

    pub(super) fn unexpected(wanted: &str, node: &Node) -> Self {
        let fault = Self::custom(format!("expected {wanted}, found {}", node.kind())).within(node);
        match node.value {
            Value::Null => fault.with_hint("give the key a value, or remove it"),
            Value::Scalar(_) | Value::List(_) | Value::Mapping(_) | Value::Pruned => fault,
        }
    }

    pub(super) fn unknown(what: &str, word: &str, known: &[&str]) -> Self {
        let fault = Self::custom(format!("unknown {what} `{}`", word.escape_debug()));
        if word == "<<" {
            return fault.with_hint("YAML 1.2 has no merge keys; use an alias for the whole value");
        }
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
            Some((message, hint)) => Self {
                message: message.into(),
                hint: Some(hint.into()),
                ..Self::default()
            },
            None => Self {
                message: text,
                ..Self::default()
            },
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown("key", field, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown("word", variant, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
            ..Self::custom(format!("`{field}` is missing"))
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
