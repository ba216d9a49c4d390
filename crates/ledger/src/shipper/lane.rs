//! One stream on its way to the sink.

use std::io;
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tollgate_core::usage::StreamId;

use crate::Journal;
use crate::backoff::Backoff;
use crate::journal::{Finding, Read, Reader};
use crate::sink::Batch;

/// One stream on its way.
#[derive(Debug)]
pub(super) struct Lane {
    stream: StreamId,
    /// Absent at first, and after somebody stopped waiting while it was read.
    reader: Option<Reader>,
    /// What was read and is not acknowledged.
    pub(super) pending: Option<Batch>,
    /// The newest event that is acknowledged, as far as known.
    pub(super) acknowledged: u64,
    /// Since when the stream cannot be read, in microseconds since the epoch.
    pub(super) unread: Option<u64>,
    /// The sink refuses what is pending for what is in it, and hears of it again then.
    pub(super) blocked: Option<Instant>,
    pub(super) backoff: Backoff,
}

/// What is read at once.
struct Filled {
    batch: Batch,
    findings: Vec<Finding>,
}

impl Lane {
    pub(super) fn new(stream: StreamId, backoff: Backoff) -> Self {
        Self { stream, reader: None, pending: None, acknowledged: 0, unread: None, blocked: None, backoff }
    }

    /// Reads what is pending next, where nothing is, and gives what is wrong with the journal.
    pub(super) async fn fill(
        &mut self,
        files: &TaskTracker,
        journal: &Arc<Journal>,
        most: usize,
    ) -> io::Result<Vec<Finding>> {
        // Seals alone do not keep the events behind them from being known.
        let has_events = self.pending.as_ref().is_some_and(|batch| !batch.events.is_empty());
        if has_events || self.reader.as_ref().is_some_and(Reader::is_ended) {
            return Ok(Vec::new());
        }
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.open(files, journal).await?,
        };
        let reading = files.spawn_blocking(move || {
            let mut reader = reader;
            let filled = read(&mut reader, most);
            (reader, filled)
        });
        let (reader, filled) = reading.await.map_err(io::Error::other)?;
        // After an error the next one begins behind what is acknowledged: nothing that was read is left out.
        let filled = filled?;
        self.reader = Some(reader);
        let mut batch = filled.batch;
        batch.seals.extend(self.pending.take().into_iter().flat_map(|pending| pending.seals));
        self.pending = Some(batch).filter(|batch| !batch.is_empty());
        Ok(filled.findings)
    }

    /// Whether all of the stream is delivered, and nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.pending.is_none() && self.reader.as_ref().is_some_and(Reader::is_ended)
    }

    async fn open(&mut self, files: &TaskTracker, journal: &Arc<Journal>) -> io::Result<Reader> {
        let (journal, stream) = (journal.clone(), self.stream);
        let reader =
            files.spawn_blocking(move || journal.reader(stream)).await.map_err(io::Error::other)??;
        self.acknowledged = self.acknowledged.max(reader.head().seq);
        Ok(reader)
    }
}

fn read(reader: &mut Reader, most: usize) -> io::Result<Filled> {
    let batch = Batch { stream: reader.stream(), events: Vec::new(), seals: Vec::new() };
    let mut filled = Filled { batch, findings: Vec::new() };
    while filled.batch.events.len() < most {
        let next = match reader.next() {
            // What was read before it goes on its way; the next time it is at the front.
            Err(_) if !filled.batch.is_empty() || !filled.findings.is_empty() => break,
            next => next?,
        };
        match next {
            Some(Read::Event(linked)) => filled.batch.events.push(*linked),
            Some(Read::Seal(seal)) => filled.batch.seals.push(seal),
            Some(Read::Damaged(finding)) => filled.findings.push(finding),
            None => break,
        }
    }
    Ok(filled)
}
