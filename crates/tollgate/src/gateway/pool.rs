//! Idle connections to targets, kept per core and used last in, first out.

use std::task::{Context, Waker};
use std::time::Duration;

use foldhash::HashMap;
use tokio::time::Instant;

use super::exchange::Exchange;

/// Idle connections of one core to one target.
const PER_TARGET: usize = 1024;

/// Idle connections of one core.
#[derive(Debug, Default)]
pub struct Pool {
    idle: HashMap<u64, Vec<(Instant, Box<Exchange>)>>,
}

impl Pool {
    /// A connection to the target, unused for at most `max_idle`. Its target may have closed it meanwhile: sending finds
    /// that out before anything is written.
    pub fn take(&mut self, target: u64, max_idle: Duration, now: Instant) -> Option<Box<Exchange>> {
        let (since, exchange) = self.idle.get_mut(&target)?.pop()?;
        // The last one in is the youngest; where it is too old, all are, and the sweep closes them.
        (now.saturating_duration_since(since) < max_idle).then_some(exchange)
    }

    /// Keeps a connection for the next request.
    pub fn put(&mut self, exchange: Box<Exchange>) {
        let list = self.idle.entry(exchange.target).or_default();
        if list.len() < PER_TARGET {
            list.push((Instant::now(), exchange));
        }
    }

    /// Closes what has been unused for longer than `max_idle` or was closed by its target.
    pub fn sweep(&mut self, max_idle: Duration) {
        for list in self.idle.values_mut() {
            list.retain_mut(|(since, exchange)| {
                since.elapsed() < max_idle && !exchange.is_closed(&mut Context::from_waker(Waker::noop()))
            });
        }
        self.idle.retain(|_, list| !list.is_empty());
    }
}
