//! Kafka: one record for each event, its key the stream, so that a stream stays in order in one partition.
//!
//! Acknowledged by all replicas in sync (`acks=all`, which is all that rskafka asks for). Whether a topic drops what is
//! old cannot be asked by this client; that is for its operator to know.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rskafka::BackoffConfig;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::record::Record;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Batch, CONTENT_TYPE, Packed, Remote, SinkError, tls};

#[derive(Debug)]
pub(super) struct KafkaSink {
    remote: Remote,
    /// Forgotten after each failure: whoever led a partition may be gone.
    topic: Mutex<Option<Topic>>,
}

/// A topic as far as it is known.
#[derive(Debug)]
pub(crate) struct Topic {
    client: Client,
    name: String,
    /// Its partitions.
    pub(crate) partitions: Vec<i32>,
    open: HashMap<i32, Arc<PartitionClient>>,
}

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(15);
/// Bytes of one request, before they are compressed: half of what a topic takes unless it is told otherwise.
const REQUEST: usize = 512 << 10;

impl KafkaSink {
    pub(super) fn new(remote: Remote) -> Self {
        Self { remote, topic: Mutex::default() }
    }

    pub(super) async fn prepare(&self) -> Result<Vec<String>, SinkError> {
        let mut topic = self.topic.lock().await;
        if topic.is_none() {
            *topic = Some(Topic::open(&self.remote).await?);
        }
        Ok(vec![format!(
            "whether `{}` drops old records cannot be asked: make sure that its topic has `retention.ms=-1` and \
             `retention.bytes=-1`, or more than workers may ever be behind",
            self.remote
        )])
    }

    pub(super) async fn deliver(&self, batch: &Batch) -> Result<(), SinkError> {
        let messages = batch.messages()?;
        let mut known = self.topic.lock().await;
        let mut topic = match known.take() {
            Some(topic) => topic,
            None => Topic::open(&self.remote).await?,
        };
        let key = batch.stream.to_string();
        let number = topic.partition_of(&key);
        let partition = answered(&self.remote, topic.partition(number)).await?;
        let mut requests = requests(&key, messages);
        // The last is the next one.
        requests.reverse();
        while let Some(mut records) = requests.pop() {
            match within(&self.remote, partition.produce(records.clone(), Compression::Zstd)).await? {
                Err(error) if is_too_large(&error) && records.len() > 1 => {
                    let rest = records.split_off(records.len() / 2);
                    requests.extend([rest, records]);
                }
                Err(error) => return Err(refused(&self.remote, &error)),
                Ok(_) => {}
            }
        }
        *known = Some(topic);
        Ok(())
    }
}

impl Topic {
    pub(crate) async fn open(remote: &Remote) -> Result<Self, SinkError> {
        let client = answered(remote, client(remote)?.build()).await?;
        let topics = answered(remote, client.list_topics()).await?;
        let found = topics.into_iter().find(|topic| topic.name == remote.name);
        let partitions: Vec<i32> =
            found.map_or_else(Vec::new, |topic| topic.partitions.into_iter().collect());
        if partitions.is_empty() {
            let name = &remote.name;
            return Err(SinkError::setup(format!(
                "`{remote}` has no such topic; make one that keeps everything: kafka-topics --create --topic {name} \
                 --partitions 12 --config retention.ms=-1 --config retention.bytes=-1"
            )));
        }
        Ok(Self { client, name: remote.name.clone(), partitions, open: HashMap::new() })
    }

    /// A client of one partition.
    pub(crate) async fn partition(&mut self, number: i32) -> Result<Arc<PartitionClient>, Error> {
        if let Some(open) = self.open.get(&number) {
            return Ok(open.clone());
        }
        let handling = UnknownTopicHandling::Error;
        let open = Arc::new(self.client.partition_client(&self.name, number, handling).await?);
        self.open.insert(number, open.clone());
        Ok(open)
    }

    /// The partition of a key: the same as long as there are as many.
    fn partition_of(&self, key: &str) -> i32 {
        let at = crc32c::crc32c(key.as_bytes()) as usize % self.partitions.len();
        self.partitions[at]
    }
}

/// An answer.
pub(crate) async fn answered<T>(
    remote: &Remote,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, SinkError> {
    within(remote, answer).await?.map_err(|error| refused(remote, &error))
}

/// Waits for an answer, but not for ever; what it says is for whoever asked.
pub(crate) async fn within<T>(
    remote: &Remote,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<Result<T, Error>, SinkError> {
    let silent = |_| SinkError::away(format!("`{remote}` does not answer"));
    timeout(ANSWER, answer).await.map_err(silent)
}

fn client(remote: &Remote) -> Result<ClientBuilder, SinkError> {
    // Who calls tries again, and says so.
    let backoff = BackoffConfig { deadline: Some(Duration::from_secs(5)), ..BackoffConfig::default() };
    let mut builder = ClientBuilder::new(remote.hosts.clone()).client_id("tollgate").backoff_config(backoff);
    if remote.wants_tls() {
        builder = builder.tls_config(Arc::new(tls::config()?));
    }
    if let Some(login) = &remote.login {
        let password = login.password.clone().unwrap_or_default();
        let credentials = Credentials::new(login.user.clone(), password);
        builder = builder.sasl_config(match remote.option("sasl") {
            Some("scram-sha-256") => SaslConfig::ScramSha256(credentials),
            Some("scram-sha-512") => SaslConfig::ScramSha512(credentials),
            _ => SaslConfig::Plain(credentials),
        });
    }
    Ok(builder)
}

/// The records of requests that are not too large.
fn requests(key: &str, messages: Vec<Packed>) -> Vec<Vec<Record>> {
    let now = chrono::DateTime::from_timestamp_millis(Timestamp::now().as_millisecond()).unwrap_or_default();
    let mut requests: Vec<Vec<Record>> = Vec::new();
    let mut room = 0;
    for message in messages {
        let headers = BTreeMap::from([("content-type".to_owned(), CONTENT_TYPE.as_bytes().to_vec())]);
        let record = Record {
            key: Some(key.as_bytes().to_vec()),
            value: Some(message.body.to_vec()),
            headers,
            timestamp: now,
        };
        let size = record.approximate_size();
        match requests.last_mut() {
            Some(last) if size <= room => last.push(record),
            _ => {
                room = REQUEST;
                requests.push(vec![record]);
            }
        }
        room = room.saturating_sub(size);
    }
    requests
}

fn is_too_large(error: &Error) -> bool {
    let Error::ServerError { protocol_error, .. } = error else { return false };
    matches!(protocol_error, ProtocolError::MessageTooLarge | ProtocolError::RecordListTooLarge)
}

pub(crate) fn refused(remote: &Remote, error: &Error) -> SinkError {
    let why = format!("`{remote}`: {error}");
    match error {
        Error::ServerError { protocol_error, .. } => match protocol_error {
            ProtocolError::MessageTooLarge
            | ProtocolError::RecordListTooLarge
            | ProtocolError::InvalidRecord => SinkError::batch(why),
            ProtocolError::TopicAuthorizationFailed
            | ProtocolError::ClusterAuthorizationFailed
            | ProtocolError::SaslAuthenticationFailed
            | ProtocolError::UnsupportedVersion => SinkError::setup(why),
            _ => SinkError::away(why),
        },
        _ => SinkError::away(why),
    }
}
