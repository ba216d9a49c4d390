//! The connection: one for the process, shared by all threads, which send their questions one behind the other.
//!
//! It is up or away. A question that fails or is late makes it away for everybody at once, so that a Redis that hangs
//! costs one wait and not one per call; [`keep`](super::Shared::keep) tries again every second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, ProtocolVersion, PushInfo, PushKind, RedisError,
    RedisResult,
};
use tokio::sync::{Notify, watch};

use super::{PREFIX, Shared};

/// An answer that takes longer is none.
pub const ANSWER: Duration = Duration::from_millis(200);

/// A connection that takes longer is none.
pub(super) const CONNECT: Duration = Duration::from_secs(1);

/// How often a node tells that it is there, and tries to connect where it is not connected.
pub const BEAT: Duration = Duration::from_secs(1);

/// After so many beats every node that is there has told so.
const BEATS_TO_HEAR_ALL: u32 = 3;

/// Redis does not answer, or not in time, or refuses what a gate needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the fleet's Redis is away")]
pub struct Away;

/// The connection, where there is one.
pub struct Link {
    client: Client,
    up: ArcSwapOption<MultiplexedConnection>,
    lost: Notify,
    /// Whether the present absence is in the log already.
    told: AtomicBool,
    news: watch::Sender<u64>,
}

impl Link {
    /// A link that is away until it is kept. `news` counts what others announce.
    pub fn new(client: Client, news: watch::Sender<u64>) -> RedisResult<Self> {
        // Announcements come in on the same connection, which the older protocol does not know.
        let info = client.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings))?;
        let (up, lost, told) = (ArcSwapOption::empty(), Notify::new(), AtomicBool::new(false));
        Ok(Self { client, up, lost, told, news })
    }

    /// Whether Redis answers.
    pub fn is_up(&self) -> bool {
        self.up.load().is_some()
    }

    /// Asks one question.
    ///
    /// # Errors
    /// [`Away`] at once where it is known to be, and otherwise within [`ANSWER`].
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Away> {
        self.with(async |mut connection| command.query_async(&mut connection).await).await
    }

    /// Asks in the way of `question`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn with<T>(
        &self,
        question: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, Away> {
        let connection = self.up.load_full().ok_or(Away)?;
        match tokio::time::timeout(ANSWER, question((*connection).clone())).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.lose(&connection, Some(&error))),
            Err(_) => Err(self.lose(&connection, None)),
        }
    }

    /// Declares the connection lost, unless another one took its place already.
    fn lose(&self, connection: &Arc<MultiplexedConnection>, error: Option<&RedisError>) -> Away {
        let now = self.up.compare_and_swap(connection, None);
        if now.as_ref().is_some_and(|now| Arc::ptr_eq(now, connection)) {
            self.tell(error);
            self.lost.notify_one();
        }
        Away
    }

    /// Says once that it is away.
    fn tell(&self, error: Option<&RedisError>) {
        if !self.told.swap(true, Relaxed) {
            let why = error.map_or_else(|| format!("no answer within {ANSWER:?}"), describe);
            tracing::warn!(why, "the fleet's Redis is away; this node goes on by itself");
        }
    }

    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let news = self.news.clone();
        let heard = move |push: PushInfo| {
            if push.kind == PushKind::Message {
                news.send_modify(|times| *times += 1);
            }
            Ok::<(), redis::aio::SendError>(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(None)
            .set_push_sender(heard);
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        connection.subscribe(format!("{PREFIX}changes")).await?;
        Ok(connection)
    }
}

impl Shared {
    /// Connects, tells each second that this node is there, and connects again: for ever.
    pub(super) async fn keep(self: Arc<Self>) {
        self.stop
            .run_until_cancelled(async {
                loop {
                    match tokio::time::timeout(CONNECT, self.link.connect()).await {
                        Ok(Ok(connection)) => self.beat_while_up(connection).await,
                        Ok(Err(error)) => self.link.tell(Some(&error)),
                        Err(_) => self.link.tell(None),
                    }
                    tokio::time::sleep(BEAT).await;
                }
            })
            .await;
    }

    /// Until the connection is lost. A Redis that answers and takes no beat, such as a replica, is away too.
    async fn beat_while_up(&self, connection: MultiplexedConnection) {
        self.link.up.store(Some(Arc::new(connection)));
        let mut beats = 0;
        while self.link.is_up() && self.beat(beats > BEATS_TO_HEAR_ALL).await.is_ok() {
            if beats == 0 {
                self.is_back();
            }
            beats += 1;
            let lost = tokio::time::timeout(BEAT, self.link.lost.notified());
            // Either way the link is looked at next.
            let _ = lost.await;
        }
        if beats > 0 {
            Self::count(&self.counts.lost);
        }
    }

    fn is_back(&self) {
        if self.link.told.swap(false, Relaxed) {
            tracing::info!(nodes = self.nodes(), "the fleet's Redis is back");
        }
        // Announcements may have been missed.
        self.news.send_modify(|times| *times += 1);
    }
}

/// What went wrong without anything that the server could have repeated of what it was sent.
pub(super) fn describe(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("it answers {code}"),
        // The network's word or that of TLS.
        None if error.is_io_error() => error.to_string(),
        None => error.category().to_owned(),
    }
}
