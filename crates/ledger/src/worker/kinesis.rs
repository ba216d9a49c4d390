//! Reading a shard of Kinesis. How far is kept with what was read, in the store.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::types::ShardIteratorType;

use super::desk::Pile;
use super::parts::{Ended, Part};
use crate::sink::kinesis::{client, refused};
use crate::sink::{Remote, SinkError};

/// Records that are read at once; Kinesis gives 10,000 and 10 MiB at most.
const RECORDS: i32 = 5000;
/// A shard is read five times a second at most, by all who read it.
const BETWEEN: Duration = Duration::from_millis(220);
/// The position of a shard that was split or merged and has been read to its end.
const END: &str = "end";

/// The shards of the stream, those that are closed among them.
pub(super) async fn parts(remote: &Remote) -> Result<Vec<String>, SinkError> {
    let client = client(remote).await;
    let (mut shards, mut next) = (Vec::new(), None);
    loop {
        let list = client.list_shards();
        let list = match next.take() {
            Some(token) => list.next_token(token),
            None => list.stream_name(&remote.name),
        };
        let page = list.send().await.map_err(|error| refused(remote, &error))?;
        shards.extend(page.shards().iter().map(|shard| shard.shard_id().to_owned()));
        match page.next_token() {
            Some(token) => next = Some(token.to_owned()),
            None => return Ok(shards),
        }
    }
}

/// Reads and books until the shard is another worker's or at its end, or something fails.
pub(super) async fn read(remote: &Remote, part: &mut Part) -> Result<Ended, SinkError> {
    if part.position.as_deref() == Some(END) {
        return Ok(Ended::Finished);
    }
    let client = client(remote).await;
    let mut iterator = iterator(&client, remote, part).await?;
    while let Some(at) = iterator {
        let read = match client.get_records().shard_iterator(at).limit(RECORDS).send().await {
            Ok(read) => read,
            Err(error) if error.code() == Some("ExpiredIteratorException") => {
                iterator = self::iterator(&client, remote, part).await?;
                continue;
            }
            Err(error) => return Err(refused(remote, &error)),
        };
        let mut pile = Pile::default();
        for record in read.records() {
            part.desk.sort(&mut pile, &part.name, record.sequence_number(), record.data().as_ref());
        }
        if let Some(last) = read.records().last()
            && part.book(&pile, last.sequence_number().to_owned()).await?
        {
            return Ok(Ended::Lost);
        }
        part.behind(None);
        iterator = read.next_shard_iterator().map(str::to_owned);
        tokio::time::sleep(BETWEEN).await;
    }
    let lost = part.book(&Pile::default(), END.to_owned()).await?;
    Ok(if lost { Ended::Lost } else { Ended::Finished })
}

async fn iterator(client: &Client, remote: &Remote, part: &Part) -> Result<Option<String>, SinkError> {
    let iterator = client.get_shard_iterator().stream_name(&remote.name).shard_id(&part.name);
    let iterator = match &part.position {
        Some(position) => iterator
            .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
            .starting_sequence_number(position),
        None => iterator.shard_iterator_type(ShardIteratorType::TrimHorizon),
    };
    let got = iterator.send().await.map_err(|error| refused(remote, &error))?;
    Ok(got.shard_iterator().map(str::to_owned))
}
