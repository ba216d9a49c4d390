//! What all streams of a process have in common: the directory, its locks, its room, and what is wrong.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};
use tollgate_core::usage::StreamId;
use ulid::Ulid;

use super::config::{Config, SyncMode};
use super::disk::Disk;
use super::lot::Shared;
use super::segment::{self, Files, Segment};
use crate::chain::SealKey;

/// How a journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Calls are taken.
    Healthy,
    /// Something that calls wait for, a write or with [`SyncMode::Always`] a sync, has not come back for a second.
    Stalled,
    /// The disk refused something. Calls are refused, or soon will be; it is tried again each second.
    Failing,
    /// There is no room for another segment. Calls are refused, or soon will be; it is tried again each second.
    Full,
}

/// What is wrong with a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What could not be done, and what the system said.
    pub message: String,
    /// Whether it is room that is lacking.
    pub full: bool,
}

/// What all streams of a process have in common.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) config: Config,
    pub(crate) boot: Ulid,
    disk: Disk,
    /// Locks of this boot's and of adopted boots' directories, for as long as the process lives.
    locks: Mutex<Vec<(Ulid, File)>>,
    live: Mutex<Vec<Arc<Shared>>>,
    /// Streams of earlier boots that are recovered, and the newest event of each.
    recovered: Mutex<BTreeMap<StreamId, u64>>,
    /// Streams of this boot are numbered from 0.
    next_stream: AtomicU16,
    bytes: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
    work: Mutex<Work>,
    more_work: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct Work {
    wanted: bool,
    stopped: bool,
}

/// After this, a call to the disk that has not come back counts as stalled.
const STALL: Duration = Duration::from_secs(1);
const LOCK: &str = "lock";
/// A boot's directory until its lock is taken.
const UNLOCKED: &str = "new-";

impl Process {
    pub(crate) fn open(mut config: Config, disk: Disk) -> io::Result<Self> {
        config.segment_bytes = config.segment_bytes.max(Config::MIN_SEGMENT);
        directory(&config.directory)?;
        if let Some(parent) = config.directory.canonicalize()?.parent() {
            disk.sync_dir(parent)?;
        }
        let mut locks = Vec::new();
        let mut bytes = 0;
        for entry in std::fs::read_dir(&config.directory)? {
            let path = entry?.path();
            let Some(boot) = boot_of(&path) else {
                forget_unlocked(&path);
                continue;
            };
            if let Some(lock) = lock(&path)? {
                locks.push((boot, lock));
            }
            for stream in streams_in(&path, boot)? {
                bytes += segment::room(&segment::stream_directory(&config.directory, stream))?;
            }
        }
        // The order of boots is that of their ids, and recovery goes by it.
        locks.sort_by_key(|(boot, _)| *boot);
        let boot = mint()?;
        locks.push((boot, own(&config.directory, boot)?));
        disk.sync_dir(&config.directory)?;
        Ok(Self {
            config,
            boot,
            disk,
            locks: Mutex::new(locks),
            live: Mutex::default(),
            recovered: Mutex::default(),
            next_stream: AtomicU16::new(0),
            bytes: AtomicU64::new(bytes),
            trouble: Mutex::default(),
            work: Mutex::default(),
            more_work: Condvar::new(),
        })
    }

    /// A new stream of this boot, and its first segment. Where that cannot be made now, it is tried again each second: a
    /// gate that starts on a full disk has to stay, as recovery may be what makes room.
    pub(crate) fn begin_stream(&self) -> io::Result<(Arc<Shared>, Option<Segment>)> {
        let number = self
            .next_stream
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |number| number.checked_add(1))
            .map_err(|_| io::Error::other("a boot has at most 65,535 streams"))?;
        let stream = StreamId { boot: self.boot, number };
        let path = segment::stream_directory(&self.config.directory, stream);
        directory(&path)?;
        self.disk.sync_dir(&segment::boot_directory(&self.config.directory, self.boot))?;
        let first = self.make_segment(&path, stream, 1);
        let first = first.inspect_err(|error| self.trouble("a first segment could not be made", error)).ok();
        let shared = Arc::new(Shared::new(stream, path, first.clone()));
        self.live.lock().push(shared.clone());
        self.nudge();
        Ok((shared, first))
    }

    /// A segment with its room taken, where there is room.
    pub(crate) fn make_segment(&self, path: &Path, stream: StreamId, number: u32) -> io::Result<Segment> {
        let size = self.config.segment_bytes;
        if self.bytes().saturating_add(size as u64) > self.config.max_bytes {
            // What was released goes before its time rather than that a call is refused.
            if let Err(error) = super::prune::prune(self, None, size as u64) {
                tracing::error!("not all that was released from the journal can be deleted: {error}");
            }
        }
        if self.bytes().saturating_add(size as u64) > self.config.max_bytes {
            let full =
                format!("its {} bytes are used, and nothing of them was released", self.config.max_bytes);
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, full));
        }
        let files = Files { directory: path, stream, node: &self.config.node };
        let made = Segment::make(&self.disk, &files, number, size)?;
        self.bytes.fetch_add(size as u64, Ordering::Relaxed);
        Ok(made)
    }

    /// Gives back the unused room of a segment that is not written to again. Where that fails, it only takes room.
    pub(crate) fn shrink(&self, segment: &Segment, used: usize) {
        if used < segment.size && self.disk.resize(&segment.file, used as u64).is_ok() {
            self.freed((segment.size - used) as u64);
        }
    }

    /// Deletes a segment that holds nothing that is needed. Where that fails, it only takes room.
    pub(crate) fn discard(&self, directory: &Path, segment: &Segment) {
        if self.disk.remove(&segment::path(directory, segment.number)).is_ok() {
            self.freed(segment.size as u64);
        }
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    pub(crate) fn sync(&self) -> SyncMode {
        self.config.sync
    }

    pub(crate) fn segment_bytes(&self) -> usize {
        self.config.segment_bytes
    }

    pub(crate) fn seal_key(&self) -> &SealKey {
        &self.config.seal_key
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn taken(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn freed(&self, bytes: u64) {
        // What was there at the start is counted by the sizes of then: it may not go below nothing.
        self.bytes.update(Ordering::Relaxed, Ordering::Relaxed, |have| have.saturating_sub(bytes));
    }

    /// Earlier boots whose directories this process has.
    pub(crate) fn adopted(&self) -> Vec<Ulid> {
        self.locks.lock().iter().map(|(boot, _)| *boot).filter(|boot| *boot != self.boot).collect()
    }

    /// The streams of this boot, those that have ended among them.
    pub(crate) fn live(&self) -> Vec<Arc<Shared>> {
        self.live.lock().clone()
    }

    /// The stream of this boot with this id.
    pub(crate) fn live_stream(&self, stream: StreamId) -> Option<Arc<Shared>> {
        self.live.lock().iter().find(|shared| shared.id == stream).cloned()
    }

    /// Notes that a stream of an earlier boot can be read, and its newest event.
    pub(crate) fn recovered(&self, stream: StreamId, newest: u64) {
        self.recovered.lock().insert(stream, newest);
    }

    /// The newest event of a stream, whether it is on the disk yet or not; 0 where there is none.
    pub(crate) fn newest(&self, stream: StreamId) -> u64 {
        match self.live_stream(stream) {
            Some(shared) => shared.lot().written.seq,
            None => self.recovered.lock().get(&stream).copied().unwrap_or_default(),
        }
    }

    /// Notes that nothing of a stream is left.
    pub(crate) fn gone(&self, stream: StreamId) {
        self.recovered.lock().remove(&stream);
        self.live.lock().retain(|shared| shared.id != stream);
    }

    pub(crate) fn streams(&self) -> Vec<StreamId> {
        let mut all: Vec<StreamId> = self.recovered.lock().keys().copied().collect();
        all.extend(self.live.lock().iter().map(|shared| shared.id));
        all
    }

    pub(crate) fn directory_of(&self, stream: StreamId) -> PathBuf {
        segment::stream_directory(&self.config.directory, stream)
    }

    /// Notes what the disk refused.
    pub(crate) fn trouble(&self, what: &str, error: &io::Error) {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let message = format!("{what}: {error}");
        let before = self.trouble.lock().replace(Trouble { message: message.clone(), full });
        // The first one tells what those after it do, which come every second.
        if before.is_none() {
            tracing::error!("the journal is in trouble, and calls may be refused: {message}");
        }
    }

    /// Notes that a new segment could be made.
    pub(crate) fn no_trouble(&self) {
        if self.trouble.lock().take().is_some() {
            tracing::info!("the journal is well again");
        }
    }

    pub(crate) fn current_trouble(&self) -> Option<Trouble> {
        self.trouble.lock().clone()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.trouble.lock().as_ref().is_some_and(|trouble| trouble.full)
    }

    pub(crate) fn state(&self) -> State {
        let mut state = match &*self.trouble.lock() {
            Some(Trouble { full: true, .. }) => State::Full,
            Some(Trouble { full: false, .. }) => State::Failing,
            None => State::Healthy,
        };
        let now = Instant::now();
        for shared in self.live.lock().iter() {
            let lot = shared.lot();
            if lot.failing {
                state = state.max(State::Failing);
            }
            // Where calls do not wait for syncs, a slow one stalls nobody.
            let syncing = lot.syncing_since.filter(|_| self.sync() == SyncMode::Always);
            let mut waited_for = [lot.writing_since, syncing].into_iter().flatten();
            if waited_for.any(|since| now.saturating_duration_since(since) >= STALL) {
                state = state.max(State::Stalled);
            }
        }
        state
    }

    /// Has the thread take a turn now.
    pub(crate) fn nudge(&self) {
        let mut work = self.work.lock();
        if !work.wanted {
            work.wanted = true;
            self.more_work.notify_one();
        }
    }

    /// Has the thread take its last turn.
    pub(crate) fn stop(&self) {
        self.work.lock().stopped = true;
        self.more_work.notify_one();
    }

    /// Waits until there is work, or so long; answers whether there will be more.
    pub(crate) fn wait_for_work(&self, longest: Duration) -> bool {
        let mut work = self.work.lock();
        if !work.wanted && !work.stopped {
            self.more_work.wait_for(&mut work, longest);
        }
        work.wanted = false;
        !work.stopped
    }
}

impl Drop for Process {
    /// A boot that had no stream leaves nothing behind.
    fn drop(&mut self) {
        if self.next_stream.load(Ordering::Relaxed) == 0 {
            remove_boot(&segment::boot_directory(&self.config.directory, self.boot));
        }
    }
}

/// Deletes the directory of a boot that has no stream any more; one that has stays.
pub(crate) fn remove_boot(path: &Path) {
    if std::fs::read_dir(path)
        .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == LOCK)))
    {
        let _ = std::fs::remove_file(path.join(LOCK));
        let _ = std::fs::remove_dir(path);
    }
}

/// The streams that have a directory in this boot's.
pub(crate) fn streams_in(path: &Path, boot: Ulid) -> io::Result<Vec<StreamId>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        found.extend(number.map(|number| StreamId { boot, number }));
    }
    found.sort_unstable();
    Ok(found)
}

fn directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Which boot's directory this is.
pub(super) fn boot_of(path: &Path) -> Option<Ulid> {
    let name = path.file_name()?.to_str()?;
    Ulid::from_string(name).ok().filter(|boot| boot.to_string() == name)
}

/// The directory of this boot, which has its name only once it is locked: nobody adopts it in between.
fn own(root: &Path, boot: Ulid) -> io::Result<File> {
    let unlocked = root.join(format!("{UNLOCKED}{boot}"));
    directory(&unlocked)?;
    let lock =
        lock(&unlocked)?.ok_or_else(|| io::Error::other("another process has this boot's directory"))?;
    std::fs::rename(&unlocked, segment::boot_directory(root, boot))?;
    Ok(lock)
}

/// The directory's lock, where no other process has it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Deletes what a crash left between making a boot's directory and naming it, where it can be told.
fn forget_unlocked(path: &Path) {
    let named =
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(UNLOCKED));
    if named && path.join(LOCK).exists() && lock(path).is_ok_and(|lock| lock.is_some()) {
        remove_boot(path);
    }
}

/// An id for this boot: the time, so that boots sort, and random bits of the operating system.
pub(crate) fn mint() -> io::Result<Ulid> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| io::Error::other("there are no random bytes to be had"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Ulid::from_parts(u64::try_from(now.as_millis()).unwrap_or_default(), u128::from_be_bytes(random)))
}
