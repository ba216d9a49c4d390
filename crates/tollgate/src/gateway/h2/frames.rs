//! Counts what a caller may flood an HTTP/2 connection with and the h2 library answers without a cap.

use std::io;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(10);
const MAX_CONTROL: u64 = 100;
/// Bytes that we wrote for each frame by which a caller may have asked for more of them: the smallest frame with data.
const BYTES_PER_UPDATE: u64 = 5;
const PREFACE: usize = 24;
const HEADER: usize = 9;

/// Follows frame headers (RFC 9113 §4.1) and counts control frames per window.
#[derive(Debug)]
pub struct FrameCounter {
    /// Bytes to pass over before the next frame header.
    skip: usize,
    header: [u8; HEADER],
    filled: usize,
    has_begun: bool,
    window_start: Option<Instant>,
    control: u64,
    updates: u64,
    /// Bytes written within the window.
    written: u64,
}

impl Default for FrameCounter {
    fn default() -> Self {
        Self {
            skip: PREFACE,
            header: [0; HEADER],
            filled: 0,
            has_begun: false,
            window_start: None,
            control: 0,
            updates: 0,
            written: 0,
        }
    }
}

impl FrameCounter {
    /// Whether the preface has come whole.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Notes what was written: a caller answers data with updates of its window.
    pub fn wrote(&mut self, outcome: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(count)) = outcome {
            self.written = self.written.saturating_add(*count as u64);
        }
    }

    /// Follows the next bytes; false when the caller has sent too many SETTINGS, PING, PRIORITY, unknown or empty DATA
    /// frames within ten seconds, or more updates of windows than our data can have caused. Resets and CONTINUATION
    /// have bounds of their own in the library.
    pub fn feed(&mut self, mut bytes: &[u8], now: Instant) -> bool {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let take = self.skip.min(bytes.len());
                self.skip -= take;
                bytes = &bytes[take..];
                self.has_begun |= self.skip == 0;
                continue;
            }
            let take = (HEADER - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + take].copy_from_slice(&bytes[..take]);
            self.filled += take;
            bytes = &bytes[take..];
            if self.filled == HEADER {
                self.filled = 0;
                if !self.frame(now) {
                    return false;
                }
            }
        }
        true
    }

    fn frame(&mut self, now: Instant) -> bool {
        const DATA: u8 = 0;
        const HEADERS: u8 = 1;
        const RST_STREAM: u8 = 3;
        const SETTINGS: u8 = 4;
        const PING: u8 = 6;
        const WINDOW_UPDATE: u8 = 8;
        const CONTINUATION: u8 = 9;
        const END_STREAM_OR_ACK: u8 = 1;
        let [a, b, c, kind, flags, ..] = self.header;
        self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let start = *self.window_start.get_or_insert(now);
        if now.saturating_duration_since(start) > WINDOW {
            self.window_start = Some(now);
            (self.control, self.updates, self.written) = (0, 0, 0);
        }
        match kind {
            HEADERS | RST_STREAM | CONTINUATION => {}
            WINDOW_UPDATE => self.updates += 1,
            DATA if self.skip > 0 || flags & END_STREAM_OR_ACK != 0 => {}
            SETTINGS | PING if flags & END_STREAM_OR_ACK != 0 => {}
            // PRIORITY and whatever nobody knows among them.
            _ => self.control += 1,
        }
        self.control <= MAX_CONTROL && self.updates <= MAX_CONTROL + self.written / BYTES_PER_UPDATE
    }
}
