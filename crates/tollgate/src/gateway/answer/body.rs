//! The body of an answer.

use std::task::{Context, Poll};

use bytes::Bytes;

use crate::gateway::exchange::BodyError;
use crate::gateway::metered::Metered;

/// What the caller gets.
#[derive(Debug)]
pub enum ResponseBody {
    /// Ours, or one that was read whole.
    Whole(Bytes),
    /// The model's, as it comes.
    Metered(Metered),
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl ResponseBody {
    /// Whether it comes from the model while it is written.
    pub fn is_model(&self) -> bool {
        matches!(self, Self::Metered(_))
    }

    /// The next bytes.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        match self {
            Self::Metered(metered) => metered.poll_data(cx),
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
        }
    }

    /// Lets what is left of the request go on while nobody takes this.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        if let Self::Metered(metered) = self {
            metered.drive(cx);
        }
    }

    /// Whether nothing is left.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Metered(metered) => metered.has_ended(),
        }
    }

    /// Whether all that is left comes at once, and waits only for the journal: nothing need be written before it.
    pub fn is_closing(&self) -> bool {
        matches!(self, Self::Metered(metered) if metered.is_closing())
    }

    /// How many bytes are to come, where that is known.
    pub fn remaining(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Metered(metered) => metered.remaining(),
        }
    }
}
