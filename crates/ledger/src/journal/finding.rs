//! What is wrong with a journal's files, as data.

use std::fmt;
use std::path::PathBuf;

use tollgate_core::usage::BadEncoding;

/// One thing that is wrong, and where. Each is an alarm: a crash alone leaves none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// What.
    pub damage: Damage,
}

/// What can be wrong with a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It does not begin as this stream's segment of that number.
    Head,
    /// Bytes are no record, and records follow: they were damaged after they had been written.
    Corrupt,
    /// A record is whole, and its event, intent or closing is none that is known here.
    Unreadable(BadEncoding),
    /// Events are missing.
    EventsMissing {
        /// The newest before the gap.
        after: u64,
        /// The first behind it.
        next: u64,
    },
    /// Calls are missing.
    CallsMissing {
        /// The newest before the gap.
        after: u64,
        /// The first behind it.
        next: u64,
    },
    /// An event does not have the hash that follows from the one before.
    Chain {
        /// Which.
        seq: u64,
    },
    /// The file system says no.
    Io(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at {}: {}", self.file.display(), self.offset, self.damage)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("does not begin as this segment of the journal"),
            Self::Corrupt => f.write_str("is damaged, and records follow"),
            Self::Unreadable(error) => write!(f, "cannot be read by this version: {error}"),
            Self::EventsMissing { after, next } => write!(f, "event {next} follows event {after}"),
            Self::CallsMissing { after, next } => write!(f, "call {next} follows call {after}"),
            Self::Chain { seq } => write!(f, "event {seq} does not follow from the one before"),
            Self::Io(error) => write!(f, "cannot be read: {error}"),
        }
    }
}
