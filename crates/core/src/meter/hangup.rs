//! What is billed of a call whose caller left before the answer was whole.

use super::Reading;

/// What is billed of a call whose caller left. The request itself counts in each case, as do its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnHangup {
    /// What passed to the caller: the tokens of the answer until then, and the prompt's once any of the answer came. A
    /// caller who left before that had nothing of the model's work.
    #[default]
    Delivered,
    /// What the model made, read to its end although nobody takes it; the prompt's tokens in any case.
    Generated,
    /// No tokens, no rows, no compute units.
    None,
}

impl OnHangup {
    /// Whether the rest of the answer is to be read, and fed to the meter, after the caller has left.
    pub fn reads_on(self) -> bool {
        match self {
            Self::Generated => true,
            Self::Delivered | Self::None => false,
        }
    }

    /// Whether rows and compute units of a call whose caller left are billed. `began` is whether any of the answer came.
    pub fn bills_work(self, began: bool) -> bool {
        match self {
            Self::Generated => true,
            Self::Delivered => began,
            Self::None => false,
        }
    }

    /// What is billed of what was read: of what passed to the caller (`delivered`), or of all that came from the model
    /// (`generated`).
    #[must_use]
    pub fn billed(self, reading: Reading) -> Reading {
        if self.bills_work(reading.began) {
            return reading;
        }
        Reading { tokens_in: Some(0), tokens_out: Some(0), began: reading.began, ..Reading::default() }
    }
}

#[cfg(test)]
mod tests;
