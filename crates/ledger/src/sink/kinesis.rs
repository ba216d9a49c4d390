//! Kinesis: one record for each event, its partition key the stream.

use std::error::Error as _;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::Credentials;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use tokio::sync::OnceCell;

use super::{Batch, Packed, Remote, SinkError};
use crate::backoff::Backoff;

#[derive(Debug)]
pub(super) struct KinesisSink {
    remote: Remote,
    client: OnceCell<Client>,
}

/// Records of one request, and their bytes: Kinesis takes 500 and 10 MiB.
const RECORDS: usize = 500;
const BYTES: usize = 4 << 20;
/// How often what a shard had no room for is sent again before somebody hears of it.
const ATTEMPTS: u32 = 8;
/// Below this, a stream should be made to keep longer.
const KEEP_HOURS: i32 = 7 * 24;

impl KinesisSink {
    pub(super) fn new(remote: Remote) -> Self {
        Self { remote, client: OnceCell::new() }
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(|| client(&self.remote)).await
    }

    pub(super) async fn prepare(&self) -> Result<Vec<String>, SinkError> {
        let described =
            self.client().await.describe_stream_summary().stream_name(&self.remote.name).send().await;
        let described = described.map_err(|error| refused(&self.remote, &error))?;
        let hours = described.stream_description_summary().map_or(0, |about| about.retention_period_hours());
        if hours >= KEEP_HOURS {
            return Ok(Vec::new());
        }
        Ok(vec![format!(
            "`{}` drops what workers have not read after {hours} hours; make it longer: aws kinesis \
             increase-stream-retention-period --stream-name {} --retention-period-hours 8760",
            self.remote, self.remote.name
        )])
    }

    pub(super) async fn deliver(&self, batch: &Batch) -> Result<(), SinkError> {
        let key = batch.stream.to_string();
        let mut request = Vec::new();
        let mut bytes = 0;
        for message in batch.messages()? {
            if request.len() == RECORDS || bytes + message.body.len() > BYTES {
                self.put(std::mem::take(&mut request)).await?;
                bytes = 0;
            }
            bytes += message.body.len();
            request.push(entry(&key, &message)?);
        }
        self.put(request).await
    }

    /// Puts records; those that a shard had no room for are sent again, the others are not.
    async fn put(&self, mut records: Vec<PutRecordsRequestEntry>) -> Result<(), SinkError> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        for attempt in 1.. {
            if records.is_empty() {
                break;
            }
            let put = self.client().await.put_records().stream_name(&self.remote.name);
            let put = put.set_records(Some(records.clone())).send().await;
            let put = put.map_err(|error| refused(&self.remote, &error))?;
            let mut why = None;
            let mut answers = put.records().iter();
            records.retain(|_| match answers.next() {
                Some(answer) => {
                    why = answer.error_code().or(why);
                    answer.error_code().is_some()
                }
                // Of what is not answered nobody knows.
                None => true,
            });
            if !records.is_empty() && attempt >= ATTEMPTS {
                let (left, why) = (records.len(), why.unwrap_or("no answer"));
                return Err(SinkError::away(format!(
                    "`{}` has no room for {left} records: {why}",
                    self.remote
                )));
            }
            if !records.is_empty() {
                tokio::time::sleep(backoff.next()).await;
            }
        }
        Ok(())
    }
}

/// A client of Kinesis with the address's region, endpoint and key, and the environment's where it has none.
pub(crate) async fn client(remote: &Remote) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(20))
        .build();
    // Who calls tries again, and says so.
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(2));
    if let Some(region) = remote.option("region") {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(endpoint) = remote.option("endpoint") {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(login) = &remote.login {
        let secret = login.password.clone().unwrap_or_default();
        loader = loader.credentials_provider(Credentials::new(&login.user, secret, None, None, "address"));
    }
    Client::new(&loader.load().await)
}

fn entry(key: &str, message: &Packed) -> Result<PutRecordsRequestEntry, SinkError> {
    let entry = PutRecordsRequestEntry::builder().partition_key(key);
    entry.data(Blob::new(message.body.to_vec())).build().map_err(SinkError::batch)
}

/// What an answer of Kinesis is to whoever delivers.
pub(crate) fn refused<E>(remote: &Remote, error: &SdkError<E>) -> SinkError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E>: ProvideErrorMetadata,
{
    let mut why = format!("`{remote}`: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        why.push_str(&format!(": {error}"));
        cause = error.source();
    }
    match error.code() {
        Some(
            "ResourceNotFoundException"
            | "AccessDeniedException"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "MissingAuthenticationTokenException"
            | "KMSAccessDeniedException"
            | "KMSDisabledException"
            | "KMSNotFoundException",
        ) => SinkError::setup(why),
        Some("ValidationException" | "InvalidArgumentException") => SinkError::batch(why),
        _ if matches!(error, SdkError::ConstructionFailure(_)) => SinkError::setup(why),
        _ => SinkError::away(why),
    }
}
