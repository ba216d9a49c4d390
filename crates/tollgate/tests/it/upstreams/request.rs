//! Reads requests as they arrive at a model server.

use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt, ReadHalf};
use tokio::sync::watch;

use super::{Command, Seen, Upstream};
use crate::answer::Fields;
use crate::client::Stream;

/// Health checks name themselves.
const PROBE: &str = "tollgate-health";

enum Framing {
    Length(usize),
    Chunked,
    /// Another protocol from here on.
    Tunnel,
}

/// The reading side of one connection.
struct Reader {
    upstream: Arc<Upstream>,
    connection: usize,
    read: ReadHalf<Box<dyn Stream>>,
    unread: Vec<u8>,
}

/// Reads requests until the gate closes or the connection's writer ends.
pub async fn serve(
    upstream: Arc<Upstream>,
    connection: usize,
    read: ReadHalf<Box<dyn Stream>>,
    mut stopped: watch::Receiver<()>,
) {
    let mut reader = Reader { upstream: upstream.clone(), connection, read, unread: Vec::new() };
    tokio::select! {
        _ = async { while reader.request().await.is_some() {} } => {}
        // Only the drop of the sender counts; nothing is ever sent.
        _ = stopped.changed() => {}
    }
    drop(reader);
    upstream.change(|state| {
        let connection = &mut state.connections[connection];
        connection.gone = true;
        // The writer ends too: nobody reads any more.
        let _ = connection.commands.send(Command::Close);
    });
}

impl Reader {
    /// Reads one request and, as an echo, answers it; nothing at the end of the connection.
    async fn request(&mut self) -> Option<()> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill().await?;
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        let seen = parse(&head, self.connection)?;
        if seen.fields.get("user-agent") == Some(PROBE) {
            let health = self.upstream.change(|state| {
                state.probes += 1;
                state.health
            });
            self.send(format!("HTTP/1.1 {health} Health\r\nContent-Length: 0\r\n\r\n").into_bytes());
            return Some(());
        }
        let framing = match (seen.fields.get("upgrade"), seen.fields.get("content-length")) {
            (Some(_), _) => Framing::Tunnel,
            (None, Some(length)) => Framing::Length(length.parse().ok()?),
            (None, None) if seen.fields.get("transfer-encoding").is_some() => Framing::Chunked,
            (None, None) => Framing::Length(0),
        };
        let connection = self.connection;
        let index = self.upstream.change(|state| {
            state.connections[connection].used = true;
            state.seen.push(seen);
            state.seen.len() - 1
        });
        if self.upstream.stuck {
            let mut changes = self.upstream.changed.subscribe();
            while !self.upstream.state.lock().reads {
                changes.changed().await.ok()?;
            }
        }
        self.body(index, framing).await?;
        self.upstream.change(|state| state.seen[index].whole = true);
        if self.upstream.echo {
            let answer = self.upstream.change(|state| echo(&state.seen[index]));
            self.send(answer);
        }
        Some(())
    }

    async fn body(&mut self, index: usize, framing: Framing) -> Option<()> {
        match framing {
            Framing::Length(length) => self.bytes(index, length).await,
            Framing::Tunnel => loop {
                let count = self.unread.len();
                self.bytes(index, count).await?;
                self.fill().await?;
            },
            Framing::Chunked => loop {
                let line = loop {
                    if let Some(at) = self.unread.windows(2).position(|bytes| bytes == b"\r\n") {
                        break at;
                    }
                    self.fill().await?;
                };
                let size = usize::from_str_radix(std::str::from_utf8(&self.unread[..line]).ok()?, 16).ok()?;
                self.unread.drain(..line + 2);
                self.bytes(index, size).await?;
                while self.unread.len() < 2 {
                    self.fill().await?;
                }
                self.unread.drain(..2);
                if size == 0 {
                    return Some(());
                }
            },
        }
    }

    /// Moves body bytes to the request as they come, so that tests see a body while it goes on.
    async fn bytes(&mut self, index: usize, mut left: usize) -> Option<()> {
        while left > 0 {
            if self.unread.is_empty() {
                self.fill().await?;
            }
            let part: Vec<u8> = self.unread.drain(..left.min(self.unread.len())).collect();
            left -= part.len();
            self.upstream.change(|state| state.seen[index].body.extend_from_slice(&part));
        }
        Some(())
    }

    async fn fill(&mut self) -> Option<()> {
        let mut buffer = [0; 64 * 1024];
        match self.read.read(&mut buffer).await {
            Ok(0) | Err(_) => None,
            Ok(count) => {
                self.unread.extend_from_slice(&buffer[..count]);
                Some(())
            }
        }
    }

    fn send(&self, bytes: Vec<u8>) {
        let _ = self.upstream.state.lock().connections[self.connection].commands.send(Command::Send(bytes));
    }
}

fn parse(head: &[u8], connection: usize) -> Option<Seen> {
    let mut slots = [httparse::EMPTY_HEADER; 256];
    let mut parsed = httparse::Request::new(&mut slots);
    parsed.parse(head).ok()?;
    let fields = parsed.headers.iter();
    let fields = fields
        .map(|field| (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned()))
        .collect();
    Some(Seen {
        method: parsed.method?.to_owned(),
        target: parsed.path?.to_owned(),
        fields: Fields(fields),
        head: head.to_vec(),
        body: Vec::new(),
        whole: false,
        looked_at: false,
        connection,
    })
}

/// What an echo answers: the request in JSON, or the status that the path `/status/NNN` asks for.
fn echo(seen: &Seen) -> Vec<u8> {
    let path = seen.target.split('?').next().unwrap_or_default();
    let status =
        path.rsplit_once("/status/").and_then(|(_, status)| status.parse::<u16>().ok()).unwrap_or(200);
    if status == 204 || status == 304 {
        return format!("HTTP/1.1 {status} Empty\r\nETag: \"echo\"\r\n\r\n").into_bytes();
    }
    let text = String::from_utf8_lossy(&seen.body[..seen.body.len().min(1024)]).into_owned();
    let body = json!({ "method": seen.method, "target": seen.target, "size": seen.body.len(), "body": text });
    let body = body.to_string();
    let length = body.len();
    let mut answer = format!(
        "HTTP/1.1 {status} Echo\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    if seen.method != "HEAD" {
        answer.push_str(&body);
    }
    answer.into_bytes()
}
