//! What a look through JSON brings.

use crate::meter::reported::Reported;

/// What was found in one JSON text.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::meter) struct Found {
    /// Numbers, each from an object that was read to its end.
    pub reported: Reported,
    /// Pieces of text that the model wrote: choices with one that is not empty, or the event itself.
    pub texts: u64,
    /// Bytes of all that it wrote.
    pub text_bytes: u64,
    /// Whether it is the answer of an interface that the grammar knows.
    pub known: bool,
    /// Whether it is the answer of an interface that writes no text.
    pub embeddings: bool,
    /// Whether it says that something failed.
    pub error: bool,
    /// Whether there is a `usage`, and it is an object.
    pub usage: bool,
    /// What `choices` holds.
    pub choices: Choices,
    /// Whether the text is whole.
    pub whole: bool,
}

impl Found {
    /// Whether it says that something failed, and is no answer beside that.
    pub fn is_error(&self) -> bool {
        self.whole && self.error && !self.known
    }
}

/// What `choices` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::meter) enum Choices {
    /// It has not come.
    #[default]
    Absent,
    /// It is an empty list, as far as it has come.
    Empty,
    /// It is something else.
    Filled,
}
