//! How a journal is to be kept.

use std::path::PathBuf;
use std::time::Duration;

use super::record::MAX_RECORD;
use crate::chain::SealKey;

/// How a journal is to be kept.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where; made where there is none.
    pub directory: PathBuf,
    /// The node's name, for the heads of segments.
    pub node: String,
    /// What an acknowledged record survives.
    pub sync: SyncMode,
    /// Bytes of a segment: 16 MiB unless set, at least [`Config::MIN_SEGMENT`]. A stream has two at least, and each of its
    /// open calls takes about 1 KB of one.
    pub segment_bytes: usize,
    /// Bytes of all files together: 4 GiB unless set. Where they are reached, what was released goes before its time; where
    /// nothing was, calls are refused.
    pub max_bytes: u64,
    /// How long what was released stays: a day unless set.
    pub keep: Duration,
    /// The key of seals.
    pub seal_key: SealKey,
}

/// What an acknowledged record survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncMode {
    /// The end of the process: it is with the operating system, which has it on the disk within a second or two.
    #[default]
    Process,
    /// The end of the machine: it is on the disk.
    Always,
}

impl Config {
    /// The smallest segment that makes sense.
    pub const MIN_SEGMENT: usize = 8 * MAX_RECORD;

    /// A journal with everything as it is unless set.
    pub fn new(directory: impl Into<PathBuf>, node: impl Into<String>, seal_key: SealKey) -> Self {
        Self {
            directory: directory.into(),
            node: node.into(),
            sync: SyncMode::default(),
            segment_bytes: 16 << 20,
            max_bytes: 4 << 30,
            keep: Duration::from_hours(24),
            seal_key,
        }
    }
}
