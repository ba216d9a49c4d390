//! NATS JetStream: one message for each event, under one subject, with the event's id as `Nats-Msg-Id`.

use std::time::Duration;

use async_nats::jetstream::context::{
    CreateStreamErrorKind, GetStreamErrorKind, PublishError, PublishErrorKind,
};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context, message::PublishMessage};
use async_nats::{ConnectErrorKind, ConnectOptions, ServerAddr};
use tokio::sync::Mutex;

use super::{Batch, CONTENT_TYPE, Remote, SinkError, tls};

#[derive(Debug)]
pub(super) struct NatsSink {
    remote: Remote,
    /// The connection, once the stream behind it was looked at. It mends itself; it is forgotten only where the stream is
    /// gone.
    connected: Mutex<Option<Context>>,
}

const DEFAULT_SUBJECT: &str = "tollgate.usage";
const DEFAULT_CONSUMER: &str = "tollgate-workers";
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// Messages on their way at once.
const IN_FLIGHT: usize = 2048;
/// For how long a stream that we make knows an id again. What comes later is found by whoever books it.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(10);

impl NatsSink {
    pub(super) fn new(remote: Remote) -> Self {
        Self { remote, connected: Mutex::default() }
    }

    pub(super) async fn prepare(&self) -> Result<Vec<String>, SinkError> {
        self.context().await.map(|_| Vec::new())
    }

    pub(super) async fn deliver(&self, batch: &Batch) -> Result<(), SinkError> {
        let messages = batch.messages()?;
        let context = self.context().await?;
        let subject = subject(&self.remote);
        let mut acknowledgements = Vec::with_capacity(messages.len());
        for message in messages {
            let publish = PublishMessage::build()
                .payload(message.body)
                .message_id(message.id)
                .expected_stream(&self.remote.name)
                .header("content-type", CONTENT_TYPE);
            let sent = context.send_publish(subject.to_owned(), publish).await;
            acknowledgements.push(self.judged(sent).await?);
        }
        for acknowledgement in acknowledgements {
            self.judged(acknowledgement.await).await?;
        }
        Ok(())
    }

    async fn context(&self) -> Result<Context, SinkError> {
        let mut connected = self.connected.lock().await;
        if let Some(context) = &*connected {
            return match context.client().connection_state() {
                async_nats::connection::State::Connected => Ok(context.clone()),
                // What is published now would wait in memory, and be sent when nobody waits for it any more.
                async_nats::connection::State::Pending | async_nats::connection::State::Disconnected => {
                    Err(SinkError::away(format!("`{}` is not connected", self.remote)))
                }
            };
        }
        let context = connect(&self.remote).await?;
        stream(&self.remote, &context).await?;
        Ok(connected.insert(context).clone())
    }

    async fn judged<T>(&self, result: Result<T, PublishError>) -> Result<T, SinkError> {
        let Err(error) = result else { return result.map_err(SinkError::away) };
        let why = format!("`{}`: {error}", self.remote);
        match error.kind() {
            PublishErrorKind::StreamNotFound => {
                *self.connected.lock().await = None;
                Err(SinkError::away(why))
            }
            PublishErrorKind::MaxPayloadExceeded => Err(SinkError::batch(why)),
            PublishErrorKind::WrongLastMessageId
            | PublishErrorKind::WrongLastSequence
            | PublishErrorKind::TimedOut
            | PublishErrorKind::BrokenPipe
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::Other => Err(SinkError::away(why)),
        }
    }
}

/// The subject that events are published under.
fn subject(remote: &Remote) -> &str {
    remote.option("subject").unwrap_or(DEFAULT_SUBJECT)
}

/// Connects, once; what is connected reconnects by itself.
pub(crate) async fn connect(remote: &Remote) -> Result<Context, SinkError> {
    let mut options = ConnectOptions::new()
        .name("tollgate")
        .connection_timeout(ANSWER)
        .request_timeout(Some(ANSWER))
        .require_tls(remote.wants_tls())
        .tls_client_config(tls::config()?)
        // Steps of up to four seconds, for as long as it takes.
        .reconnect_delay_callback(|attempts| Duration::from_millis(100 << attempts.min(5)).min(ANSWER))
        .max_reconnects(None);
    if let Some(login) = &remote.login {
        options = match &login.password {
            Some(password) => options.user_and_password(login.user.clone(), password.clone()),
            None => options.token(login.user.clone()),
        };
    }
    if let Some(path) = remote.option("credentials") {
        let text = tokio::fs::read_to_string(path).await;
        let text = text.map_err(|error| SinkError::setup(format!("`{path}`: {error}")))?;
        // What the parser says could show a part of the file.
        options = options
            .credentials(&text)
            .map_err(|_| SinkError::setup(format!("`{path}` is no file of credentials of NATS")))?;
    }
    let servers: Result<Vec<ServerAddr>, _> =
        remote.hosts.iter().map(|host| format!("nats://{host}").parse()).collect();
    let servers = servers.map_err(|error| SinkError::setup(format!("`{remote}`: {error}")))?;
    let client = options.connect(servers).await.map_err(|error| {
        let why = format!("`{remote}` cannot be connected to: {error}");
        match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                SinkError::setup(why)
            }
            _ => SinkError::away(why),
        }
    })?;
    let context = jetstream::context::ContextBuilder::new()
        .timeout(ANSWER)
        .ack_timeout(ANSWER)
        .max_ack_inflight(IN_FLIGHT)
        .backpressure_on_inflight(true);
    Ok(context.build(client))
}

/// What workers of this address read together, by whichever name it has.
pub(crate) fn consumer(remote: &Remote) -> &str {
    remote.option("consumer").unwrap_or(DEFAULT_CONSUMER)
}

/// The stream, made where there is none; refused where it may drop what nobody has read.
pub(crate) async fn stream(remote: &Remote, context: &Context) -> Result<(), SinkError> {
    let name = &remote.name;
    let found = match context.get_stream(name).await {
        Ok(stream) => stream.cached_info().clone(),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(said) if said.code() == 404 => make(remote, context).await?,
            GetStreamErrorKind::JetStream(said) if said.code() < 500 => {
                return Err(SinkError::setup(format!("`{remote}`: {error}")));
            }
            _ => return Err(SinkError::away(format!("`{remote}`: {error}"))),
        },
    };
    let wrong = |why: String| SinkError::setup(format!("the stream of `{remote}` {why}"));
    check(&found, subject(remote)).map_err(wrong)
}

async fn make(remote: &Remote, context: &Context) -> Result<Info, SinkError> {
    let retention = match remote.option("retention") {
        Some("workqueue") => RetentionPolicy::WorkQueue,
        _ => RetentionPolicy::Limits,
    };
    let config = Config {
        name: remote.name.clone(),
        subjects: vec![subject(remote).to_owned()],
        description: Some("Usage events of Tollgate".to_owned()),
        discard: DiscardPolicy::New,
        retention,
        storage: StorageType::File,
        max_bytes: remote.number("max_bytes").unwrap_or(-1),
        num_replicas: remote.number("replicas").and_then(|n| usize::try_from(n).ok()).unwrap_or(1),
        duplicate_window: DUPLICATE_WINDOW,
        ..Config::default()
    };
    let made = context.create_stream(config).await.map_err(|error| {
        let why = format!("the stream of `{remote}` cannot be made: {error}");
        match error.kind() {
            CreateStreamErrorKind::JetStream(said) if said.code() < 500 => SinkError::setup(why),
            _ => SinkError::away(why),
        }
    })?;
    Ok(made.cached_info().clone())
}

/// Whether a stream keeps what is published under the subject until it is read; else why not.
fn check(info: &Info, subject: &str) -> Result<(), String> {
    let config = &info.config;
    let bounded = config.max_bytes > 0 || config.max_messages > 0 || config.max_messages_per_subject > 0;
    if !config.subjects.iter().any(|pattern| covers(pattern, subject)) {
        return Err(format!("does not take the subject `{subject}`"));
    }
    if !config.max_age.is_zero() {
        return Err("drops messages of a certain age; set its `max_age` to 0".to_owned());
    }
    if bounded && config.discard == DiscardPolicy::Old {
        return Err("drops the oldest messages when it is full; set its `discard` to `new`".to_owned());
    }
    if config.max_messages_per_subject > 0 && !config.discard_new_per_subject {
        return Err("drops messages of a subject that has many; set `max_msgs_per_subject` to -1".to_owned());
    }
    if config.retention == RetentionPolicy::Interest {
        return Err("drops what comes while nobody reads; set its `retention` to `limits`".to_owned());
    }
    if config.storage == StorageType::Memory && config.num_replicas < 2 {
        return Err("is in the memory of one server; set its `storage` to `file`".to_owned());
    }
    Ok(())
}

/// Whether a pattern of subjects takes a subject.
fn covers(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in pattern.split('.') {
        match tokens.next() {
            Some(_) if wanted == ">" => return true,
            Some(token) if wanted == "*" || wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests;
