//! A disk that fails when a test wants it to, and that remembers what was synced instead of waiting for it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Call, Disk};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done, and the system says so.
    Error(rustix::io::Errno),
    /// A write takes half of the bytes and says so; anything else works.
    Short,
    /// A write takes half of the bytes and fails; anything else fails at once.
    Torn,
    /// The process ends here: this and all that follows fail, a write after half of its bytes.
    Stop,
    /// The process has ended: nothing is done at all.
    Gone,
}

/// When what goes wrong, and what was asked so far.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Every call that was asked, in order.
    calls: Vec<Call>,
    fault: Option<(Fault, usize, usize)>,
    /// What is on the disk of each file, by its inode.
    synced: HashMap<u64, Vec<u8>>,
}

impl Faults {
    /// A disk whose calls from number `first` on, `many` of them, go wrong; counted from 0.
    pub(crate) fn new(fault: Fault, first: usize, many: usize) -> Arc<Self> {
        let state = State { fault: Some((fault, first, first.saturating_add(many))), ..State::default() };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// This disk.
    pub(crate) fn disk(self: &Arc<Self>) -> Disk {
        Disk::Faulty(self.clone())
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.lock().calls.clone()
    }

    /// From now on, this goes wrong, `many` times; with 0, nothing does.
    pub(crate) fn set(&self, fault: Fault, many: usize) {
        let mut state = self.state.lock();
        let now = state.calls.len();
        state.fault = Some((fault, now, now.saturating_add(many)));
    }

    /// Leaves in these directories what was on the disk, as if the power had gone.
    pub(crate) fn cut_power(&self, directory: &Path) -> io::Result<()> {
        let state = self.state.lock();
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                continue;
            }
            let file = File::options().write(true).open(&path)?;
            if let Some(bytes) = state.synced.get(&file.metadata()?.ino()) {
                file.set_len(bytes.len() as u64)?;
                file.write_all_at(bytes, 0)?;
            }
        }
        Ok(())
    }

    pub(super) fn ask(&self, call: Call) -> io::Result<()> {
        match self.fault(call) {
            None | Some(Fault::Short) => Ok(()),
            Some(fault) => Err(fault.error()),
        }
    }

    pub(super) fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        let half = &bytes[..bytes.len().div_ceil(2)];
        match self.fault(Call::Write) {
            None => file.write(bytes),
            Some(Fault::Short) => file.write(half),
            Some(fault @ (Fault::Error(_) | Fault::Gone)) => Err(fault.error()),
            Some(fault @ (Fault::Torn | Fault::Stop)) => {
                if self.is_first() {
                    file.write_all(half)?;
                }
                Err(fault.error())
            }
        }
    }

    pub(super) fn synced(&self, file: &File) -> io::Result<()> {
        let metadata = file.metadata()?;
        let mut bytes = vec![0; usize::try_from(metadata.len()).unwrap_or_default()];
        file.read_exact_at(&mut bytes, 0)?;
        self.state.lock().synced.insert(metadata.ino(), bytes);
        Ok(())
    }

    fn fault(&self, call: Call) -> Option<Fault> {
        let mut state = self.state.lock();
        let now = state.calls.len();
        state.calls.push(call);
        let (fault, first, end) = state.fault?;
        let end = if matches!(fault, Fault::Stop | Fault::Gone) { usize::MAX } else { end };
        (first..end).contains(&now).then_some(fault)
    }

    /// Whether the newest call is the first that goes wrong.
    fn is_first(&self) -> bool {
        let state = self.state.lock();
        state.fault.is_some_and(|(_, first, _)| state.calls.len() == first + 1)
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::Error(errno) => errno.into(),
            Self::Short | Self::Torn | Self::Stop | Self::Gone => rustix::io::Errno::IO.into(),
        }
    }
}
