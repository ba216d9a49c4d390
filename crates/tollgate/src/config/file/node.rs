//! A YAML document as a tree that remembers where everything stands.

use crate::config::near::nearest;
use crate::config::source::Span;

/// One value of the document.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub span: Span,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Text as it reads after YAML's escapes. What type it has, the place where it stands decides, so that `1.10` may be
    /// an exact price and `off` a word.
    Scalar(Box<str>),
    List(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Something stood here that was reported and taken out, so that the rest can be read.
    Pruned,
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Always a scalar.
    pub key: Node,
    pub value: Node,
}

impl Entry {
    pub fn name(&self) -> &str {
        match &self.key.value {
            Value::Scalar(name) => name,
            Value::Null | Value::List(_) | Value::Mapping(_) | Value::Pruned => "",
        }
    }
}

impl Node {
    /// What the node is, in the words of error messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null | Value::Pruned => "nothing",
            Value::Scalar(_) => "text",
            Value::List(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// Takes out the node at a path of positions, and says whether there was one.
    pub fn prune(&mut self, path: &[usize]) -> bool {
        match self.descend(path) {
            Some(node) if !matches!(node.value, Value::Pruned) => {
                node.value = Value::Pruned;
                true
            }
            _ => false,
        }
    }

    /// Whether the mapping at a path once had this key, perhaps misspelt or merged in, and lost its value.
    pub fn lost(&mut self, path: &[usize], key: &str) -> bool {
        match self.descend(path) {
            Some(Self {
                value: Value::Mapping(entries),
                ..
            }) => {
                let mut pruned = entries
                    .iter()
                    .filter(|entry| matches!(entry.value.value, Value::Pruned));
                pruned.any(|entry| entry.name() == "<<" || nearest(entry.name(), [key]).is_some())
            }
            _ => false,
        }
    }

    fn descend(&mut self, path: &[usize]) -> Option<&mut Self> {
        path.iter()
            .try_fold(self, |node, &position| match &mut node.value {
                Value::List(items) => items.get_mut(position),
                Value::Mapping(entries) => entries.get_mut(position).map(|entry| &mut entry.value),
                Value::Null | Value::Scalar(_) | Value::Pruned => None,
            })
    }
}
