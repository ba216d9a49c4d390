//! HTTP/1.1 on raw sockets.

use std::collections::VecDeque;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Stream;
use crate::answer::{Answer, End, Fields, shown};

/// A connection of exact bytes.
pub struct Connection {
    read: ReadHalf<Box<dyn Stream>>,
    /// Bytes on their way out; a task of their own writes them, so that a gate that does not read stops nobody.
    write: Option<UnboundedSender<Vec<u8>>>,
    unread: Vec<u8>,
    /// Whether the answers to come have no body, in order.
    heads: VecDeque<bool>,
    framing: Framing,
    /// Whether the connection ended other than regularly.
    is_reset: bool,
    _leaves: DropGuard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    /// A chunk's size line comes next.
    Size,
    /// So many bytes of a chunk are left.
    Chunk(usize),
    UntilEnd,
}

impl Connection {
    /// Takes over a connected stream.
    pub fn new(stream: Box<dyn Stream>) -> Self {
        let (read, mut half) = tokio::io::split(stream);
        let (write, mut queue) = unbounded_channel::<Vec<u8>>();
        let left = CancellationToken::new();
        let leaves = left.clone().drop_guard();
        tokio::spawn(async move {
            while let Some(bytes) = queue.recv().await {
                tokio::select! {
                    biased;
                    written = half.write_all(&bytes) => if written.is_err() { return },
                    // Whoever drops the connection leaves, whatever the gate has not taken.
                    () = left.cancelled() => return,
                }
            }
            // Ended or dropped by the test; the gate may be gone already.
            let _ = half.shutdown().await;
        });
        Self {
            read,
            write: Some(write),
            unread: Vec::new(),
            heads: VecDeque::new(),
            framing: Framing::UntilEnd,
            is_reset: false,
            _leaves: leaves,
        }
    }

    pub fn bytes(&mut self, bytes: Vec<u8>) {
        if bytes.starts_with(b"HEAD ") {
            self.heads.push_back(true);
        } else if bytes.contains(&b'\n') {
            self.heads.push_back(false);
        }
        self.send(bytes);
    }

    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(String, Vec<u8>)],
        body: Option<Vec<u8>>,
    ) {
        let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
        for (name, value) in fields {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&body.unwrap_or_default());
        self.heads.push_back(method == "HEAD");
        self.send(bytes);
    }

    pub fn end(&mut self) {
        self.write = None;
    }

    fn send(&mut self, bytes: Vec<u8>) {
        if let Some(write) = &self.write {
            // The writer has ended where the gate has closed; the answer tells why.
            let _ = write.send(bytes);
        }
    }

    /// Reads once; false at the end.
    async fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.read.read(&mut buffer).await {
            Ok(0) => false,
            Err(_) => {
                self.is_reset = true;
                false
            }
            Ok(count) => {
                self.unread.extend_from_slice(&buffer[..count]);
                true
            }
        }
    }

    pub async fn head(&mut self) -> Result<Answer> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            ensure!(self.fill().await, "no answer, the connection ended after {}", shown(&self.unread));
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        let mut slots = [httparse::EMPTY_HEADER; 256];
        let mut parsed = httparse::Response::new(&mut slots);
        parsed.parse(&head).with_context(|| format!("the answer is {}", shown(&head)))?;
        let fields: Vec<(String, String)> = parsed
            .headers
            .iter()
            .map(|field| (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned()))
            .collect();
        let fields = Fields(fields);
        let status = parsed.code.context("an answer without status")?;
        let end = self.frame(status, &fields)?;
        Ok(Answer { status, fields, end, ..Answer::default() })
    }

    /// How the body ends; one that could be read in two ways is a failure (RFC 9112 §6.3).
    fn frame(&mut self, status: u16, fields: &Fields) -> Result<End> {
        if status == 101 || (100..200).contains(&status) {
            return Ok(End::Whole);
        }
        let to_head = self.heads.pop_front().unwrap_or(false);
        if to_head || status == 204 || status == 304 {
            return Ok(End::Whole);
        }
        let length: Vec<&str> = fields.all("content-length").collect();
        let coding: Vec<&str> = fields.all("transfer-encoding").collect();
        self.framing = match (length.as_slice(), coding.as_slice()) {
            ([], ["chunked"]) => Framing::Size,
            ([length], []) => Framing::Length(length.parse()?),
            ([], []) => Framing::UntilEnd,
            _ => bail!("the answer's framing is ambiguous: {length:?} {coding:?}"),
        };
        Ok(if self.framing == Framing::Length(0) { End::Whole } else { End::Going })
    }

    /// Adds what comes next to the body.
    pub async fn more(&mut self, answer: &mut Answer) {
        loop {
            if self.take(answer) {
                return;
            }
            if !self.fill().await {
                // Only a regular end of the connection ends such a body well.
                let whole = self.framing == Framing::UntilEnd && !self.is_reset;
                answer.end = if whole { End::Whole } else { End::Broken };
                return;
            }
        }
    }

    /// Takes from what was read; false where more must be read first.
    fn take(&mut self, answer: &mut Answer) -> bool {
        match self.framing {
            Framing::Length(left) => {
                let count = self.unread.len().min(left);
                answer.body.extend(self.unread.drain(..count));
                self.framing = Framing::Length(left - count);
                if left == count {
                    answer.end = End::Whole;
                }
                count > 0
            }
            Framing::UntilEnd => {
                let any = !self.unread.is_empty();
                answer.body.append(&mut self.unread);
                any
            }
            Framing::Size => {
                let Some(line) = self.unread.windows(2).position(|bytes| bytes == b"\r\n") else {
                    return false;
                };
                let digits = String::from_utf8_lossy(&self.unread[..line]).into_owned();
                let Ok(size) = usize::from_str_radix(&digits, 16) else {
                    answer.end = End::Broken;
                    return true;
                };
                if size == 0 && self.unread.len() < line + 4 {
                    return false;
                }
                self.unread.drain(..line + 2);
                if size == 0 {
                    self.unread.drain(..2);
                    answer.end = End::Whole;
                    return true;
                }
                self.framing = Framing::Chunk(size + 2);
                self.take(answer)
            }
            Framing::Chunk(left) => {
                // The CRLF behind the data is not a part of it.
                let count = self.unread.len().min(left);
                let data = count.min(left.saturating_sub(2));
                answer.body.extend(self.unread.drain(..data));
                self.unread.drain(..count - data);
                self.framing = if left == count { Framing::Size } else { Framing::Chunk(left - count) };
                count > 0
            }
        }
    }

    pub async fn raw(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.unread.len() < count {
            ensure!(self.fill().await, "the connection ended after {}", shown(&self.unread));
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// Everything up to the end.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.unread)
    }
}
