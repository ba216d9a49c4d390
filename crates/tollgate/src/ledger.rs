//! The record of what was used: this process's journal, and how it gets to where it is kept.

mod shipping;

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tollgate_ledger::chain::SealKey;
use tollgate_ledger::journal::{Config, Damage, Finding, State, SyncMode};
use tollgate_ledger::shipper::{self, Counters, Unshipped};
use tollgate_ledger::{Journal, Shipper, Sink};
use tollgate_store::Store;

pub use self::shipping::Shipping;
use crate::config::process::{self, Process};
use crate::data_dir::DataDir;

/// Bytes of a key that this process makes for its seals.
const SEAL_KEY: usize = 32;

/// The journal, and who writes it.
#[derive(Debug)]
pub struct Ledger {
    /// Where each thread has a stream.
    pub journal: Arc<Journal>,
    /// What this machine calls itself.
    pub node: Box<str>,
    /// The key of this process's seals.
    pub seal_key: SealKey,
    settings: process::Ledger,
    counters: OnceLock<Arc<Counters>>,
}

/// What came of emptying a journal.
#[derive(Debug)]
pub struct Emptied {
    /// Events that were delivered.
    pub events: u64,
    /// What was left when there was no more time, if anything.
    pub left: Option<Unshipped>,
    /// What could not be read, each with why.
    pub unread: Vec<String>,
}

impl Ledger {
    /// Opens the journal of this data directory.
    ///
    /// # Errors
    /// Where it cannot be made or locked, or the key of its seals cannot be read.
    pub fn open(process: &Process, data_dir: &DataDir) -> anyhow::Result<Arc<Self>> {
        let node = node();
        let seal_key = match fleet_key(process) {
            Some(key) => key,
            None => SealKey::new(&own_seal_key(&data_dir.seal_key())?),
        };
        let config = Config {
            sync: if process.ledger.sync_always { SyncMode::Always } else { SyncMode::Process },
            max_bytes: process.ledger.max_bytes,
            ..Config::new(data_dir.journal(), &*node, seal_key.clone())
        };
        let journal = Journal::open(config).context("the journal cannot be opened")?;
        let settings = process.ledger.clone();
        Ok(Arc::new(Self { journal: Arc::new(journal), node, seal_key, settings, counters: OnceLock::new() }))
    }

    /// Finishes what earlier processes left; it takes as long as reading that. Gives what could not be read, and stays
    /// where it is for the next start.
    pub fn recover(&self) -> Vec<String> {
        match self.journal.recover() {
            Ok(recovered) => {
                for finding in &recovered.findings {
                    tracing::error!("the journal is damaged: {finding}");
                }
                if recovered.interrupted > 0 {
                    let interrupted = recovered.interrupted;
                    tracing::warn!("{interrupted} calls were under way when an earlier process ended");
                }
                let unread = |finding: &&Finding| matches!(finding.damage, Damage::Io(_));
                recovered.findings.iter().filter(unread).map(ToString::to_string).collect()
            }
            Err(error) => {
                tracing::error!("what earlier processes left in the journal cannot be read: {error}");
                vec![error.to_string()]
            }
        }
    }

    /// Delivers what the journal has, once earlier processes are finished; `again` what was delivered before, too.
    pub async fn empty(self: &Arc<Self>, store: &Store, again: bool, within: Duration) -> Emptied {
        let mut unread = self.recover();
        // Behind recovery, which numbers events by how far they were delivered.
        if again && let Err(error) = self.journal.forget() {
            unread.push(error.to_string());
        }
        let sink = Sink::new(self.settings.sink.clone(), store);
        let mut shipper = Shipper::new(self.journal.clone(), sink, shipper::Settings::default());
        let counters = shipper.counters();
        let left = shipper.ship_all(tokio::time::Instant::now() + within).await.err();
        Emptied { events: counters.read(Timestamp::now()).events, left, unread }
    }

    /// How many events wait in the journal, where nothing ships them.
    pub fn waiting(&self) -> u64 {
        let waiting = |stream| {
            let released = self.journal.reader(stream).map_or(0, |reader| reader.head().seq);
            self.journal.newest(stream).saturating_sub(released)
        };
        self.journal.streams().into_iter().map(waiting).sum()
    }

    /// What the way to the sink counts, once there is one.
    pub fn counters(&self) -> Option<&Counters> {
        self.counters.get().map(Arc::as_ref)
    }

    /// Whether calls can be taken down.
    pub fn is_healthy(&self) -> bool {
        self.journal.state() == State::Healthy
    }
}

/// The key of the seals that gates of this file make: the fleet's, or that of the data directory, if it has one yet.
///
/// # Errors
/// Where the file of the key cannot be read or holds none.
pub fn seal_key_of(process: &Process) -> anyhow::Result<Option<SealKey>> {
    match fleet_key(process) {
        Some(key) => Ok(Some(key)),
        None => seal_key_in(&DataDir::seal_key_below(&process.data_dir)),
    }
}

/// The key of seals in a file, if there is one.
///
/// # Errors
/// Where it cannot be read or holds none.
pub fn seal_key_in(path: &Path) -> anyhow::Result<Option<SealKey>> {
    let what = || format!("the key of the ledger's seals, `{}`", path.display());
    match fs::read_to_string(path) {
        Ok(text) => parse_key(&text)
            .map(|key| Some(SealKey::new(&key)))
            .with_context(|| format!("{} holds no key", what())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(what),
    }
}

fn fleet_key(process: &Process) -> Option<SealKey> {
    let key = process.shared.as_ref().and_then(|shared| shared.key.as_ref());
    key.map(|key| SealKey::new(key.expose()))
}

fn parse_key(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.trim()).ok().filter(|key| key.len() == SEAL_KEY)
}

/// What this machine calls itself.
fn node() -> Box<str> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "node".into(),
        name => name.into(),
    }
}

/// The key of seals where no fleet has one: made once, for the eyes of its owner.
///
/// It gets its name when it is whole and on the disk, so that a first start that is killed leaves none, and no half of
/// one. No other process makes one meanwhile, as `data_dir` is locked.
fn own_seal_key(path: &Path) -> anyhow::Result<Vec<u8>> {
    let what = || format!("the key of the ledger's seals, `{}`", path.display());
    match fs::read_to_string(path) {
        Ok(text) => parse_key(&text).with_context(|| format!("{} holds no key", what())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut key = [0; SEAL_KEY];
            aws_lc_rs::rand::fill(&mut key).ok().context("the operating system gave no random bytes")?;
            write_whole(path, hex::encode(key).as_bytes()).with_context(what)?;
            Ok(key.to_vec())
        }
        Err(error) => Err(error).with_context(what),
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    fs::File::open(path.parent().unwrap_or(path))?.sync_all()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
