//! Reading a partition of Kafka. How far is kept with what was read, in the store; the broker knows nothing of it.

use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{OffsetAt, PartitionClient};

use super::desk::Pile;
use super::parts::{Ended, Part};
use crate::sink::kafka::{Topic, answered, refused, within};
use crate::sink::{Remote, SinkError};

/// Bytes that are read at once, which are some thousand events.
const BYTES: i32 = 4 << 20;

/// The partitions of the topic.
pub(super) async fn parts(remote: &Remote) -> Result<Vec<String>, SinkError> {
    Ok(Topic::open(remote).await?.partitions.iter().map(i32::to_string).collect())
}

/// Reads and books until the partition is another worker's, or something fails.
pub(super) async fn read(remote: &Remote, part: &mut Part) -> Result<Ended, SinkError> {
    let number = part.name.parse().map_err(SinkError::setup)?;
    let mut topic = Topic::open(remote).await?;
    let partition = answered(remote, topic.partition(number)).await?;
    let linger = part.settings.linger;
    let longest = i32::try_from(linger.as_millis()).unwrap_or(i32::MAX);
    let mut offset = match part.position.as_ref().and_then(|position| position.parse().ok()) {
        Some(offset) => offset,
        None => answered(remote, partition.get_offset(OffsetAt::Earliest)).await?,
    };
    loop {
        let (records, end) = match within(remote, partition.fetch_records(offset, 1..BYTES, longest)).await? {
            Ok(fetched) => fetched,
            Err(error) if is_out_of_range(&error) => {
                offset = first_after(remote, &partition, part, offset).await?;
                continue;
            }
            Err(error) => return Err(refused(remote, &error)),
        };
        let Some(last) = records.last() else {
            part.behind(Some(0));
            // Not every broker waits as long as it was asked to.
            tokio::time::sleep(linger / 4).await;
            continue;
        };
        offset = last.offset + 1;
        let mut pile = Pile::default();
        for record in &records {
            let body = record.record.value.as_deref().unwrap_or_default();
            part.desk.sort(&mut pile, &part.name, record.offset, body);
        }
        if part.book(&pile, offset.to_string()).await? {
            return Ok(Ended::Lost);
        }
        part.behind(u64::try_from(end - offset).ok());
    }
}

/// Where to go on where what was to come next is not there: it was dropped before it was read.
async fn first_after(
    remote: &Remote,
    partition: &PartitionClient,
    part: &Part,
    offset: i64,
) -> Result<i64, SinkError> {
    let earliest = answered(remote, partition.get_offset(OffsetAt::Earliest)).await?;
    let dropped = u64::try_from(earliest - offset).unwrap_or_default();
    part.desk.counters.dropped(dropped);
    let feed = &part.desk.feed;
    tracing::error!(
        feed,
        partition = part.name,
        "the topic has no record {offset}, and begins at {earliest}"
    );
    Ok(earliest)
}

fn is_out_of_range(error: &Error) -> bool {
    matches!(error, Error::ServerError { protocol_error: ProtocolError::OffsetOutOfRange, .. })
}
