//! Why a batch was not delivered, and who can do something about it.

use std::fmt;

/// Why a batch was not delivered. Nothing of it is lost: it is tried again, whatever the error.
///
/// What it says has no secret of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkError {
    /// Whose fault it is.
    pub fault: Fault,
    message: String,
}

/// Whose fault it is that a batch was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The sink is away, full or slow. It passes by itself, or when somebody mends the sink.
    Sink,
    /// The sink is there and is not what it must be, or does not let us in: somebody must change it, or the configuration.
    Setup,
    /// The sink refuses this batch for what is in it. Others may go on.
    Batch,
}

impl SinkError {
    pub(crate) fn away(message: impl fmt::Display) -> Self {
        Self { fault: Fault::Sink, message: message.to_string() }
    }

    pub(crate) fn setup(message: impl fmt::Display) -> Self {
        Self { fault: Fault::Setup, message: message.to_string() }
    }

    pub(crate) fn batch(message: impl fmt::Display) -> Self {
        Self { fault: Fault::Batch, message: message.to_string() }
    }

    /// Whether it may pass without anybody doing something here.
    pub fn is_transient(&self) -> bool {
        self.fault == Fault::Sink
    }
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 3] = [Self::Sink, Self::Setup, Self::Batch];

    /// Its name in metrics and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sink => "sink",
            Self::Setup => "setup",
            Self::Batch => "batch",
        }
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SinkError {}
