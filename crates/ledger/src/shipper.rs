//! From the journal to the sink: every closed event, in the order of its stream, until the sink has it.
//!
//! Nothing is ever dropped: what fails is tried again, and what a killed process had delivered without noting it is
//! delivered once more. How far each stream has got is noted beside its segments after each batch; segments are deleted
//! a while after all of their events were acknowledged.

mod counters;
mod lane;

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tollgate_core::usage::StreamId;

pub use counters::{Counters, Shipped};
use lane::Lane;

use crate::Journal;
use crate::backoff::Backoff;
use crate::chain::{Head, Linked};
use crate::sink::{Batch, Fault, Sink, SinkError};

/// How the shipper is to go about it; [`Default`] is how it does unless told otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Events of a batch, at most: as many as the sink takes well, if that is fewer; 4,000.
    pub batch: usize,
    /// How long an event waits for others to come: a second.
    pub linger: Duration,
    /// How long it waits after the first failure, which doubles with each: a second.
    pub shortest_pause: Duration,
    /// How long it waits at most: 30 seconds.
    pub longest_pause: Duration,
    /// How long a delivery may take: a minute.
    pub patience: Duration,
}

/// Takes closed events from a journal to a sink. There is one for each journal.
#[derive(Debug)]
pub struct Shipper {
    journal: Arc<Journal>,
    sink: Sink,
    settings: Settings,
    lanes: BTreeMap<StreamId, Lane>,
    /// What reads and writes the journal's files.
    files: TaskTracker,
    backoff: Backoff,
    pruned: Option<Instant>,
    /// What deletes old segments.
    pruning: TaskTracker,
    /// What the sink said last, where it refused something.
    refusal: Option<SinkError>,
    counters: Arc<Counters>,
}

/// What was left in the journal when there was no more time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unshipped {
    /// How many events: they stay in the journal, and whoever adopts it delivers them.
    pub events: u64,
    /// What the sink said last, where it said something.
    pub why: Option<SinkError>,
}

/// How a turn went.
enum Turn {
    /// There is more to deliver.
    More,
    /// All that could be read is delivered.
    Dry,
    /// The sink takes nothing now.
    Failed,
}

/// How often segments are looked through that may be deleted.
const PRUNE: Duration = Duration::from_secs(60);
/// Batches of other streams that are read ahead.
const PENDING: usize = 10;
/// How often what waits is counted while the sink takes its time,
const LOOK: Duration = Duration::from_secs(1);
/// and after which time it counts as away.
const SLOW: Duration = Duration::from_secs(5);
/// How long to wait for events that are in the journal and not on the disk yet.
const SYNCED: Duration = Duration::from_millis(50);

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch: 4000,
            linger: Duration::from_secs(1),
            shortest_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            patience: Duration::from_secs(60),
        }
    }
}

impl Shipper {
    /// A shipper; nothing happens before [`Shipper::run`].
    pub fn new(journal: Arc<Journal>, sink: Sink, settings: Settings) -> Self {
        let backoff = Backoff::new(settings.shortest_pause, settings.longest_pause);
        let settings = Settings { batch: settings.batch.min(sink.most()), ..settings };
        Self {
            journal,
            sink,
            settings,
            lanes: BTreeMap::new(),
            files: TaskTracker::new(),
            backoff,
            pruned: None,
            pruning: TaskTracker::new(),
            refusal: None,
            counters: Arc::default(),
        }
    }

    /// What is counted, to be read at any time.
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// Delivers until told to stop. It may be run again, and [`Shipper::ship_all`] may follow.
    pub async fn run(&mut self, stop: &CancellationToken) {
        while let Some(turn) = stop.run_until_cancelled(self.turn()).await {
            let pause = match turn {
                Turn::More => continue,
                Turn::Dry => self.settings.linger,
                Turn::Failed => self.backoff.next(),
            };
            stop.run_until_cancelled(sleep(pause)).await;
        }
        self.leave_files().await;
    }

    /// Delivers everything that the journal has, the seals at the ends of its streams too, until `deadline`. Whoever calls
    /// has ended the streams of this process first: calls that are open have no event yet.
    ///
    /// # Errors
    /// [`Unshipped`], where there was not enough time.
    pub async fn ship_all(&mut self, deadline: Instant) -> Result<(), Unshipped> {
        loop {
            let pause = match timeout_at(deadline, self.turn()).await {
                Ok(Turn::More) => Duration::ZERO,
                Ok(Turn::Dry) if self.is_over() => return Ok(()),
                Ok(Turn::Dry) => SYNCED,
                Ok(Turn::Failed) => self.backoff.next(),
                Err(_) => Duration::MAX,
            };
            if pause >= deadline.saturating_duration_since(Instant::now()) {
                self.leave_files().await;
                self.measure();
                let unshipped = Unshipped { events: self.counters.lag_events(), why: self.refusal.clone() };
                if unshipped.events > 0 {
                    return Err(unshipped);
                }
                if !self.is_over() {
                    tracing::warn!("seals of usage events wait in the journal for the next start");
                }
                return Ok(());
            }
            sleep(pause).await;
        }
    }

    /// Whether all of all streams is delivered, and nothing more will come.
    fn is_over(&self) -> bool {
        self.counters.lag_events() == 0 && self.lanes.values().all(Lane::is_over)
    }

    /// Waits for what is done with files and nobody waited for.
    async fn leave_files(&self) {
        self.files.close();
        self.files.wait().await;
        self.files.reopen();
    }

    /// One batch of each stream.
    async fn turn(&mut self) -> Turn {
        self.discover();
        // All of them before any is delivered, so that it is known of each since when it waits.
        let streams: Vec<StreamId> = self.lanes.keys().copied().collect();
        let mut pending = 0;
        for stream in &streams {
            // Though only so many that all of them fit into memory, where nobody takes them.
            if pending < PENDING * self.settings.batch {
                self.fill(*stream).await;
            }
            // One that is refused keeps nobody else.
            let lane = self.lanes.get(stream).filter(|lane| lane.blocked.is_none());
            pending += lane.and_then(|lane| lane.pending.as_ref()).map_or(0, |batch| batch.events.len());
        }
        let mut turn = Turn::Dry;
        for stream in streams {
            match self.advance(stream).await {
                Turn::Dry => {}
                Turn::More => turn = Turn::More,
                Turn::Failed => {
                    turn = Turn::Failed;
                    break;
                }
            }
        }
        if !matches!(turn, Turn::Failed) {
            self.backoff.reset();
        }
        self.measure();
        self.prune();
        turn
    }

    /// Takes up streams that are new, and lets go of those that are gone.
    fn discover(&mut self) {
        let streams = self.journal.streams();
        self.lanes.retain(|stream, _| streams.contains(stream));
        for stream in streams {
            let backoff = Backoff::new(self.settings.shortest_pause, self.settings.longest_pause);
            self.lanes.entry(stream).or_insert_with(|| Lane::new(stream, backoff));
        }
    }

    /// Reads what is to be delivered next of a stream.
    async fn fill(&mut self, stream: StreamId) {
        let Some(lane) = self.lanes.get_mut(&stream) else { return };
        match lane.fill(&self.files, &self.journal, self.settings.batch).await {
            Ok(findings) => {
                lane.unread = None;
                for finding in findings {
                    self.counters.found();
                    tracing::error!(%stream, "the journal is damaged: {finding}");
                }
            }
            // Its segments were deleted meanwhile, as all of it was acknowledged.
            Err(_) if !self.journal.streams().contains(&stream) => {}
            Err(error) => {
                let is_new = lane.unread.is_none();
                let now = || u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX);
                lane.unread.get_or_insert_with(now);
                // Of what is acknowledged segments may just have been deleted; what is left is listed anew then.
                if !is_new || error.kind() != io::ErrorKind::NotFound {
                    tracing::error!(%stream, "the journal cannot be read, which is tried again: {error}");
                }
            }
        }
    }

    async fn advance(&mut self, stream: StreamId) -> Turn {
        let Some(lane) = self.lanes.get(&stream) else { return Turn::Dry };
        if lane.blocked.is_some_and(|until| until > Instant::now()) {
            return Turn::Dry;
        }
        let Some(batch) = &lane.pending else { return Turn::Dry };
        match self.deliver(batch).await {
            Ok(alarms) => {
                self.counters.alarmed(alarms);
                self.acknowledged(stream).await
            }
            Err(error) => self.failed(stream, error),
        }
    }

    /// Delivers a batch. While the sink takes its time, what waits behind it is counted.
    async fn deliver(&self, batch: &Batch) -> Result<u64, SinkError> {
        let mut delivered = pin!(timeout(self.settings.patience, self.sink.deliver(batch)));
        for looks in 1.. {
            match timeout(LOOK, &mut delivered).await {
                Ok(Ok(delivered)) => return delivered,
                Ok(Err(_)) => break,
                Err(_) => self.measure(),
            }
            if looks * LOOK >= SLOW {
                self.counters.away(true);
            }
        }
        Err(SinkError::away(format!("`{}` does not answer", self.sink.address())))
    }

    /// Notes what the sink has acknowledged.
    async fn acknowledged(&mut self, stream: StreamId) -> Turn {
        let Some(lane) = self.lanes.get_mut(&stream) else { return Turn::Dry };
        let Some(batch) = lane.pending.take() else { return Turn::Dry };
        self.refusal = None;
        self.counters.away(false);
        lane.blocked = None;
        lane.backoff.reset();
        self.counters.delivered(batch.events.len() as u64, bytes(&batch));
        let head = batch.events.last().map(Linked::head).unwrap_or_default();
        lane.acknowledged = lane.acknowledged.max(head.seq);
        let sealed = batch.seals.iter().map(|seal| seal.head.seq).max().unwrap_or_default();
        if let Err(error) = release(&self.files, &self.journal, stream, head, sealed).await {
            // The events are delivered again after a restart, and known then.
            tracing::error!(%stream, "how far the stream was delivered cannot be noted: {error}");
        }
        if batch.events.len() >= self.settings.batch { Turn::More } else { Turn::Dry }
    }

    fn failed(&mut self, stream: StreamId, error: SinkError) -> Turn {
        self.counters.failed(error.fault);
        let fault = error.fault;
        match fault {
            Fault::Sink => tracing::warn!(sink = %self.sink.address(), "events wait in the journal: {error}"),
            Fault::Setup => {
                tracing::error!(sink = %self.sink.address(), "events wait in the journal: {error}")
            }
            Fault::Batch => {
                // The other streams go on.
                tracing::error!(%stream, sink = %self.sink.address(), "the sink refuses a batch: {error}");
                if let Some(lane) = self.lanes.get_mut(&stream) {
                    lane.blocked = Some(Instant::now() + lane.backoff.next());
                }
            }
        }
        self.refusal = Some(error);
        self.counters.away(fault != Fault::Batch);
        if fault == Fault::Batch { Turn::Dry } else { Turn::Failed }
    }

    fn measure(&self) {
        let (mut events, mut oldest) = (0, None);
        for (stream, lane) in &self.lanes {
            events += self.journal.newest(*stream).saturating_sub(lane.acknowledged);
            let first = lane.pending.as_ref().and_then(|batch| batch.events.first());
            let first = first.map(Linked::time_micros).or(lane.unread);
            oldest = [oldest, first].into_iter().flatten().min();
        }
        self.counters.lag(events, oldest);
    }

    /// Deletes old segments, beside all else: there may be many to look through, and nobody waits for it.
    fn prune(&mut self) {
        if self.pruned.is_some_and(|at| at.elapsed() < PRUNE) || !self.pruning.is_empty() {
            return;
        }
        self.pruned = Some(Instant::now());
        let journal = self.journal.clone();
        self.pruning.spawn_blocking(move || {
            if let Err(error) = journal.prune(since_epoch()) {
                tracing::error!("old segments of the journal cannot be deleted: {error}");
            }
        });
    }
}

async fn release(
    files: &TaskTracker,
    journal: &Arc<Journal>,
    stream: StreamId,
    head: Head,
    sealed: u64,
) -> io::Result<()> {
    let journal = journal.clone();
    let released = files.spawn_blocking(move || journal.release(stream, head, sealed, since_epoch()));
    released.await.map_err(io::Error::other)?
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Bytes of the events' canonical form.
fn bytes(batch: &Batch) -> u64 {
    batch.events.iter().map(|linked| linked.canonical().len() as u64).sum()
}
