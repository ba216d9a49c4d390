//! One JSON line per request, written by a thread of its own.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use serde::Serialize;

use super::line;

/// Lines that may wait for the writer; more are counted and dropped, so that a slow disk cannot stop the gate.
const QUEUE: usize = 65_536;

/// What is said about one request. Secrets, queries and header values are not among it.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    /// When the request began, RFC 3339 with milliseconds.
    pub time: String,
    /// The gate's id of the request.
    pub request_id: &'a str,
    /// The caller's own id of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_request_id: Option<&'a str>,
    /// The caller's address.
    pub client: core::net::IpAddr,
    /// Request method; absent where the head was refused as bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'a str>,
    /// Canonical path; absent where the target was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
    /// The route's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    /// Who called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<&'a str>,
    /// With which credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<&'a str>,
    /// The status that the caller got; absent for one who left before there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `served`, `cancelled`, `upstream_error` or `denied`.
    pub outcome: &'static str,
    /// Why the request was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denial: Option<&'static str>,
    /// Why it would have been refused, where the route's mode let it through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<&'static str>,
    /// From the head's end to the answer's end.
    pub duration_ms: f64,
    /// Until the model's answer began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_ms: Option<f64>,
    /// Body bytes that went to the model.
    pub request_bytes: u64,
    /// Body bytes that went to the caller.
    pub response_bytes: u64,
}

/// The access log of the process.
#[derive(Debug)]
pub struct AccessLog {
    lines: Mutex<Option<SyncSender<Vec<u8>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    dropped: AtomicU64,
}

impl AccessLog {
    /// Starts the writer.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub fn start(out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (lines, queue) = sync_channel(QUEUE);
        let writer =
            std::thread::Builder::new().name("access-log".into()).spawn(move || drain(&queue, out))?;
        Ok(Self {
            lines: Mutex::new(Some(lines)),
            writer: Mutex::new(Some(writer)),
            dropped: AtomicU64::new(0),
        })
    }

    /// Queues one line.
    pub fn write(&self, record: &Record<'_>) {
        let Ok(mut line) = serde_json::to_vec(record) else {
            return;
        };
        line.push(b'\n');
        if line.len() > line::MAX {
            line = line::json(&line);
        }
        let lines = self.lines.lock();
        if let Some(Err(TrySendError::Full(_))) = lines.as_ref().map(|lines| lines.try_send(line)) {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Lines that found the queue full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Writes what is queued and ends the writer.
    pub fn close(&self) {
        drop(self.lines.lock().take());
        if let Some(writer) = self.writer.lock().take() {
            // A writer that panicked has nothing more to write.
            let _ = writer.join();
        }
    }
}

fn drain(queue: &Receiver<Vec<u8>>, mut out: impl Write) {
    while let Ok(line) = queue.recv() {
        let mut batch = line;
        while batch.len() < 64 * 1024 {
            let Ok(more) = queue.try_recv() else { break };
            batch.extend_from_slice(&more);
        }
        // A closed pipe or full disk must not end the gate; the next batch tries again.
        let _ = out.write_all(&batch).and_then(|()| out.flush());
    }
}
