//! Reading from NATS JetStream: workers share one consumer, which remembers what was acknowledged.

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt as _;

use super::Settings;
use super::desk::{Desk, Pile};
use crate::sink::{Remote, SinkError, nats};

/// Messages that all workers together may have at once.
const ACK_PENDING: i64 = 50_000;
/// NATS has no parts; what is told of it is told under this name.
const PART: &str = "all";

/// Reads and books until something fails.
pub(super) async fn read(remote: &Remote, desk: &Desk, settings: &Settings) -> Result<(), SinkError> {
    let away = |error: &dyn std::fmt::Display| SinkError::away(format!("`{remote}`: {error}"));
    let context = nats::connect(remote).await?;
    nats::stream(remote, &context).await?;
    let name = nats::consumer(remote);
    let config = pull::Config {
        durable_name: Some(name.to_owned()),
        description: Some("Workers of Tollgate".to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: settings.lease,
        max_ack_pending: ACK_PENDING,
        ..pull::Config::default()
    };
    let stream = context.get_stream_no_info(&remote.name).await.map_err(|error| away(&error))?;
    let consumer: PullConsumer =
        stream.get_or_create_consumer(name, config).await.map_err(|error| away(&error))?;
    loop {
        let batch = consumer.batch().max_messages(settings.batch).expires(settings.linger).messages();
        let mut batch = batch.await.map_err(|error| away(&error))?;
        let mut messages = Vec::new();
        while let Some(message) = batch.next().await {
            messages.push(message.map_err(|error| away(&error))?);
        }
        if messages.is_empty() {
            desk.counters.behind(PART, Some(0));
            continue;
        }
        let _booking = desk.work.begin();
        book(desk, &messages).await.map_err(SinkError::away)?;
        for message in &messages {
            message.ack().await.map_err(|error| away(&error))?;
        }
    }
}

/// Books messages. They are acknowledged only after it; where it fails, another worker may try at once.
async fn book(desk: &Desk, messages: &[Message]) -> Result<(), tollgate_store::Error> {
    let mut pile = Pile::default();
    for message in messages {
        let info = message.info();
        let position = info.as_ref().map(|info| info.stream_sequence).unwrap_or_default();
        desk.sort(&mut pile, PART, position, &message.payload);
        if let Ok(info) = info {
            desk.counters.behind(PART, Some(info.pending));
        }
    }
    let booked = desk.book(&pile, None).await;
    if booked.is_err() {
        for message in messages {
            let _ = message.ack_with(AckKind::Nak(None)).await;
        }
    }
    booked
}
