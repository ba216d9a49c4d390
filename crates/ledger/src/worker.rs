//! From NATS, Kafka or Kinesis into a store: what many gates deliver, booked once.
//!
//! What is read is acknowledged only after it is booked, so it may be read again, and is known then. What is no event is
//! kept apart and stands in nobody's way. Any number of workers may read the same feed; where one dies, the others
//! take over what it read.

mod counters;
mod desk;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kinesis")]
mod kinesis;
#[cfg(feature = "nats")]
mod nats;
mod parts;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tollgate_store::{FeedWorker, Store};

pub use counters::{Counters, Worked};
use desk::Desk;
use parts::{Ended, Part};

use crate::backoff::Backoff;
use crate::journal::mint;
use crate::sink::{Remote, SinkAddress, SinkError};

/// How a worker is to go about it; [`Default`] is how it does unless told otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Messages of NATS that are booked together, at most: 2,000. Kafka and Kinesis give what fits a few megabytes.
    pub batch: usize,
    /// How long a message waits for others to come: half a second.
    pub linger: Duration,
    /// After how long another worker takes what this one read, where it is dead: 30 seconds.
    pub lease: Duration,
    /// How long it waits after the first failure, which doubles with each: a second.
    pub shortest_pause: Duration,
    /// How long it waits at most: 30 seconds.
    pub longest_pause: Duration,
}

/// Books what comes of a feed.
#[derive(Debug)]
pub struct Worker {
    source: Source,
    desk: Desk,
    settings: Settings,
}

/// There is nothing to read at the address of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a worker reads from `nats://…`, `kafka://…` or `kinesis://…`; where the sink is `store`, none is needed"
)]
pub struct NothingToRead;

/// Where it is read from.
#[derive(Debug, Clone)]
enum Source {
    Nats(Remote),
    Kafka(Remote),
    Kinesis(Remote),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch: 2000,
            linger: Duration::from_millis(500),
            lease: Duration::from_secs(30),
            shortest_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
        }
    }
}

impl Worker {
    /// A worker; nothing happens before [`Worker::run`].
    ///
    /// # Errors
    /// [`NothingToRead`] for the address of a store.
    pub fn new(address: SinkAddress, store: Store, settings: Settings) -> Result<Self, NothingToRead> {
        let source = match address {
            SinkAddress::Store => return Err(NothingToRead),
            SinkAddress::Nats(remote) => Source::Nats(remote),
            SinkAddress::Kafka(remote) => Source::Kafka(remote),
            SinkAddress::Kinesis(remote) => Source::Kinesis(remote),
        };
        let desk =
            Desk { store, feed: source.remote().feed(), counters: Arc::default(), work: Arc::default() };
        Ok(Self { source, desk, settings })
    }

    /// What is counted, to be read at any time.
    pub fn counters(&self) -> Arc<Counters> {
        self.desk.counters.clone()
    }

    /// Reads and books until told to stop, whatever fails meanwhile; what is being booked then is finished.
    pub fn run<'a>(&'a self, stop: &'a CancellationToken) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            match &self.source {
                Source::Nats(_) => self.read_alone(stop).await,
                Source::Kafka(_) | Source::Kinesis(_) => self.read_shared(stop).await,
            }
        })
    }

    /// Where the feed itself sees to it that each message is one worker's.
    async fn read_alone(&self, stop: &CancellationToken) {
        let mut backoff = Backoff::new(self.settings.shortest_pause, self.settings.longest_pause);
        while !stop.is_cancelled() {
            let before = self.desk.counters.read().events;
            let read = self.desk.work.until(stop, self.source.read_all(&self.desk, &self.settings)).await;
            if let Some(Err(error)) = read {
                self.desk.counters.failed();
                tracing::warn!(feed = self.desk.feed, "reading fails: {error}");
                if self.desk.counters.read().events != before {
                    backoff.reset();
                }
                stop.run_until_cancelled(sleep(backoff.next())).await;
            }
        }
    }

    /// Where workers agree among themselves, in the store, who reads which part.
    async fn read_shared(&self, stop: &CancellationToken) {
        let worker = match mint() {
            Ok(worker) => worker.to_string(),
            Err(error) => {
                tracing::error!(feed = self.desk.feed, "a worker without a name reads nothing: {error}");
                return;
            }
        };
        let lease = SignedDuration::try_from(self.settings.lease).unwrap_or(SignedDuration::MAX);
        let by = FeedWorker { feed: self.desk.feed.clone(), worker, lease };
        parts::share(&self.source, &self.desk, &by, &self.settings, stop).await;
    }
}

impl Source {
    fn remote(&self) -> &Remote {
        match self {
            Self::Nats(remote) | Self::Kafka(remote) | Self::Kinesis(remote) => remote,
        }
    }

    /// Reads all of a feed that has no parts, until something fails.
    async fn read_all(&self, desk: &Desk, settings: &Settings) -> Result<(), SinkError> {
        match self {
            #[cfg(feature = "nats")]
            Self::Nats(remote) => nats::read(remote, desk, settings).await,
            _ => Err(SinkError::setup(format!("`{}` is read in parts by {settings:?}", desk.feed))),
        }
    }

    /// The parts of a feed.
    async fn parts(&self) -> Result<Vec<String>, SinkError> {
        match self {
            #[cfg(feature = "kafka")]
            Self::Kafka(remote) => kafka::parts(remote).await,
            #[cfg(feature = "kinesis")]
            Self::Kinesis(remote) => kinesis::parts(remote).await,
            _ => Err(SinkError::setup(format!("`{}` has no parts", self.remote()))),
        }
    }

    /// Reads a part, until it is another worker's, at its end, or something fails.
    async fn read(&self, part: &mut Part) -> Result<Ended, SinkError> {
        match self {
            #[cfg(feature = "kafka")]
            Self::Kafka(remote) => kafka::read(remote, part).await,
            #[cfg(feature = "kinesis")]
            Self::Kinesis(remote) => kinesis::read(remote, part).await,
            _ => Err(SinkError::setup(format!("`{}` has no part {}", self.remote(), part.name))),
        }
    }
}
