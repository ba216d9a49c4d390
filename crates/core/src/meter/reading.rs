//! What a meter read from an answer.

use super::TOKENS_MAX;
use crate::usage::Quality;

/// Tokens of one call, and how they came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Tokens of the whole prompt, cached ones included. Absent where none were used: the model refused the call, or the
    /// answer is no text.
    pub tokens_in: Option<u64>,
    /// Tokens of the answer, those of unshown reasoning included.
    pub tokens_out: Option<u64>,
    /// How many of `tokens_in` the model had cached; only the model knows.
    pub tokens_cached: Option<u64>,
    /// How many of `tokens_out` were reasoning; only the model knows.
    pub tokens_reasoning: Option<u64>,
    /// How the tokens are known; of what the model reported, the worse of prompt and answer. An answer that the gate
    /// counted is [`Quality::Counted`], although nobody but the model can count the prompt: `quality_in` tells of that.
    pub quality: Quality,
    /// How the prompt is known: by the model's report, or by its bytes.
    pub quality_in: Quality,
    /// Why the model's own count was not believed, where it gave one.
    pub doubt: Option<Doubt>,
    /// Whether any of the answer was seen.
    pub began: bool,
}

/// Why a model's own count is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Doubt {
    /// Something that is no whole number: text, a fraction, negative, `NaN`.
    #[error("the model's usage holds something that is no count")]
    NoCount,
    /// A number above [`TOKENS_MAX`].
    #[error("the model reports more than {TOKENS_MAX} tokens")]
    TooLarge,
    /// Numbers of which not all can be true.
    #[error("the model's usage contradicts itself or the answer")]
    Contradicting,
    /// A count that runs along with a stream and became less.
    #[error("the model's usage went down within a stream")]
    WentDown,
    /// The answer is of another kind than its `Content-Type` says. Its numbers are taken, and marked.
    #[error("the answer is not what its `Content-Type` says")]
    Type,
}

impl Doubt {
    /// Its word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCount => "no_count",
            Self::TooLarge => "too_large",
            Self::Contradicting => "contradicting",
            Self::WentDown => "went_down",
            Self::Type => "type",
        }
    }
}

/// Tokens that so many bytes may be, rounded up so that no text is free.
pub(super) fn tokens_of(bytes: u64) -> u64 {
    bytes.div_ceil(4).min(TOKENS_MAX)
}
