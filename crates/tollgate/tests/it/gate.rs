//! The gate of one test: started in this process, reloaded and stopped as a transcript says.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate::config::source::Source;
use tollgate::config::{self, Compiled};
use tollgate::directory::timestamp;
use tollgate::explain;
use tollgate::server::{Server, Stopped};
use tollgate::state::clock::{Clock, Manual};
use tollgate::telemetry::{AccessLog, Telemetry};
use tollgate_ledger::Journal;
use tollgate_ledger::journal::{Read, Reader};
use tollgate_store::Scope;

use crate::client::within;
use crate::{credentials, keep};

/// Every test begins at this time, in seconds of the Unix epoch.
const START: u64 = 1_800_000_000;

/// What configurations of tests need not say.
const DEFAULTS: [(&str, &str); 3] = [("listen", "127.0.0.1:0"), ("workers", "1"), ("drain", "2s")];

/// A gate and what is around it.
pub struct Gate {
    server: Option<Server>,
    addresses: Vec<SocketAddr>,
    clock: Arc<Manual>,
    wall: Duration,
    log: Log,
    /// The journal outlives the gate, for whoever reads it to the end.
    _journal: Arc<Journal>,
    readers: Vec<Reader>,
    stopping: Option<JoinHandle<Stopped>>,
}

/// The access log as it was written.
#[derive(Clone)]
struct Log {
    written: Arc<Mutex<Vec<u8>>>,
    changed: Arc<watch::Sender<()>>,
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.lock().extend_from_slice(bytes);
        self.changed.send_replace(());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Gate {
    /// Starts a gate.
    pub async fn start(config: &str, folder: &Path) -> Result<Self> {
        let compiled = compile(config, folder)?;
        let log = Log { written: Arc::default(), changed: Arc::new(watch::Sender::new(())) };
        let wall = Duration::from_secs(START);
        let clock = Manual::at(wall);
        let telemetry =
            Telemetry { access_log: Some(AccessLog::start(log.clone())?), ..Telemetry::default() };
        let gate_clock = Clock::Manual(clock.clone());
        // The gate has runtimes of its own, which may not be started or ended within one of ours.
        let start = move || Server::start(compiled, gate_clock, telemetry);
        let server = tokio::task::spawn_blocking(start).await??;
        let journal = server.gate().ledger.journal.clone();
        let readers = journal.streams().into_iter().map(|stream| journal.reader(stream));
        Ok(Self {
            addresses: server.addresses(),
            server: Some(server),
            clock,
            wall,
            log,
            readers: readers.collect::<io::Result<_>>()?,
            _journal: journal,
            stopping: None,
        })
    }

    /// Where the nth listener listens.
    pub fn address(&self, listener: usize) -> Result<SocketAddr> {
        self.addresses.get(listener).copied().context("there is no such listener")
    }

    /// The time in seconds of the Unix epoch.
    pub fn now(&self) -> i64 {
        i64::try_from(self.wall.as_secs()).unwrap_or(i64::MAX)
    }

    /// Lets time pass.
    pub fn advance(&mut self, by: Duration) {
        self.wall += by;
        self.clock.advance(by);
    }

    /// Moves the wall clock alone, by milliseconds.
    pub fn jump(&mut self, by: i64) {
        let by_whole = Duration::from_millis(by.unsigned_abs());
        self.wall = if by < 0 { self.wall.saturating_sub(by_whole) } else { self.wall + by_whole };
        self.clock.set_wall(self.wall);
    }

    /// Loads another configuration; why it was refused, if it was.
    pub fn reload(&self, config: &str, folder: &Path) -> Result<()> {
        let server = self.server.as_ref().context("the gate was stopped")?;
        let compiled = compile(config, folder)?;
        server.reload(&compiled.process, compiled.snapshot)
    }

    /// Waits until it holds so many connections of callers; one counts for a moment after its caller saw it end.
    pub async fn held(&self, count: usize) -> Result<()> {
        let server = self.server.as_ref().context("the gate was stopped")?;
        let wait = async {
            while server.connections() != count {
                tokio::task::yield_now().await;
            }
        };
        within(&format!("{count} connections"), wait).await
    }

    /// What the gate remembers of the request with this id.
    pub fn decision(&self, id: &str) -> Result<Option<Value>> {
        let server = self.server.as_ref().context("the gate was stopped")?;
        let found = server.gate().decisions.find(id);
        Ok(found.map(serde_json::to_value).transpose()?)
    }

    /// What the gate says to a question about a consumer and a route.
    pub async fn explain(&self, consumer: &str, route: &str) -> Result<Value> {
        let server = self.server.as_ref().context("the gate was stopped")?;
        let explanation = explain::live::of_pair(server.gate(), Scope::All, consumer, route).await;
        Ok(match explanation {
            Ok(explanation) => serde_json::to_value(explanation)?,
            Err(failure) => serde_json::json!({ "error": failure.to_string() }),
        })
    }

    /// Changes the gate's store as another node would, and lets the gate look.
    pub async fn store(&self, command: &str, words: &[String]) -> Result<()> {
        let server = self.server.as_ref().context("the gate was stopped")?;
        let directory = server.gate().directory.clone();
        let store = directory.store().context("the gate has no store")?;
        if command == "away" {
            store.close().await;
            return Ok(());
        }
        let now = timestamp(server.gate().clock.now());
        let (consumer, options) = words.split_first().context("expected a consumer")?;
        keep::change(store, now, command, consumer, options).await?;
        directory.look().await;
        Ok(())
    }

    /// Begins to stop.
    pub fn stop(&mut self) -> Result<()> {
        let server = self.server.take().context("the gate was stopped")?;
        self.stopping = Some(tokio::task::spawn_blocking(move || server.stop()));
        Ok(())
    }

    /// Waits for the end of a stop that has begun.
    pub async fn stopped(&mut self) -> Result<Stopped> {
        let stopping = self.stopping.take().context("the gate was not told to stop")?;
        Ok(within("the gate's end", stopping).await??)
    }

    /// Whether a stop has begun whose end nobody has waited for.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// Whether it was told to stop at all.
    pub fn was_stopped(&self) -> bool {
        self.server.is_none()
    }

    /// All usage events of a gate that has stopped, their measures among their members.
    pub async fn events(&mut self) -> Result<Vec<Value>> {
        let mut events = Vec::new();
        for reader in &mut self.readers {
            let wait = async {
                while !reader.is_ended() {
                    match reader.next()? {
                        Some(Read::Event(linked)) => {
                            events.push(flat(serde_json::to_value(linked.event()?)?))
                        }
                        Some(Read::Seal(_)) => {}
                        Some(Read::Damaged(finding)) => bail!("the journal is damaged: {finding}"),
                        None => tokio::task::yield_now().await,
                    }
                }
                Ok(())
            };
            within("the end of the journal", wait).await??;
        }
        Ok(events)
    }

    /// All access records so far.
    pub fn records(&self) -> Result<Vec<Value>> {
        let written = self.log.written.lock();
        let whole = written.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = written[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| Ok(serde_json::from_slice(line)?)).collect()
    }

    /// Waits for the access record that `find` takes.
    pub async fn record(&self, find: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut changed = self.log.changed.subscribe();
        let wait = async {
            loop {
                if let Some(record) = self.records()?.into_iter().find(&find) {
                    return Ok(record);
                }
                changed.changed().await?;
            }
        };
        within("an access record", wait).await?
    }
}

fn flat(mut event: Value) -> Value {
    if let (Some(Value::Object(measures)), Some(members)) =
        (event.get("measures").cloned(), event.as_object_mut())
    {
        members.extend(measures);
    }
    event
}

fn compile(config: &str, folder: &Path) -> Result<Compiled> {
    let mut text = String::new();
    for (key, value) in DEFAULTS {
        if !config.lines().any(|line| line.starts_with(&format!("{key}:"))) {
            text.push_str(&format!("{key}: {value}\n"));
        }
    }
    text.push_str(config);
    let source = Source::new("tollgate.yaml", text, folder);
    match config::compile(&source, &credentials::environment) {
        Ok(compiled) => Ok(compiled),
        Err(problems) => bail!("the configuration was refused:\n{}", problems.render(false)),
    }
}
