//! How long to wait before what failed is tried again.

use std::time::Duration;

/// Times that double from one to the next, up to a longest one; each a random part shorter, so that those who failed
/// together do not come back together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    shortest: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, next: shortest }
    }

    /// The next time: from a half of it to all of it.
    pub(crate) fn next(&mut self) -> Duration {
        let time = self.next;
        self.next = (time * 2).min(self.longest);
        let mut random = [0; 2];
        // Without random bytes they come back together, which is no reason to fail.
        let _ = aws_lc_rs::rand::fill(&mut random);
        time / 2 + (time / 2).mul_f64(f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX))
    }

    /// Begins again with the shortest.
    pub(crate) fn reset(&mut self) {
        self.next = self.shortest;
    }
}

#[cfg(test)]
mod tests;
