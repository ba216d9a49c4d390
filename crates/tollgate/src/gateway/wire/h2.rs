//! Counts what a caller may flood an HTTP/2 connection with and the h2 library answers without a cap.

use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(10);
const MAX_CONTROL: u32 = 100;
const PREFACE: usize = 24;
const HEADER: usize = 9;

/// Follows frame headers (RFC 9113 §4.1) and counts control frames per window.
#[derive(Debug)]
pub struct FrameCounter {
    /// Bytes to pass over before the next frame header.
    skip: usize,
    header: [u8; HEADER],
    filled: usize,
    window_start: Duration,
    control: u32,
}

impl Default for FrameCounter {
    fn default() -> Self {
        Self {
            skip: PREFACE,
            header: [0; HEADER],
            filled: 0,
            window_start: Duration::ZERO,
            control: 0,
        }
    }
}

impl FrameCounter {
    /// Follows the next bytes; false when the caller has sent too many SETTINGS, PING, PRIORITY or empty DATA frames
    /// within ten seconds. Resets and CONTINUATION have bounds of their own in the library.
    pub fn feed(&mut self, mut bytes: &[u8], now: Duration) -> bool {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let take = self.skip.min(bytes.len());
                self.skip -= take;
                bytes = &bytes[take..];
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

    fn frame(&mut self, now: Duration) -> bool {
        const DATA: u8 = 0;
        const PRIORITY: u8 = 2;
        const SETTINGS: u8 = 4;
        const PING: u8 = 6;
        const END_STREAM_OR_ACK: u8 = 1;
        let [a, b, c, kind, flags, ..] = self.header;
        self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let counted = match kind {
            DATA => self.skip == 0 && flags & END_STREAM_OR_ACK == 0,
            SETTINGS | PING => flags & END_STREAM_OR_ACK == 0,
            PRIORITY => true,
            _ => false,
        };
        if !counted {
            return true;
        }
        if now.saturating_sub(self.window_start) > WINDOW {
            self.window_start = now;
            self.control = 0;
        }
        self.control += 1;
        self.control <= MAX_CONTROL
    }
}
