//! What a connection is waiting for, and how long it may.
//!
//! One record per connection, shared by its socket, its requests and its driver. All of them run on one thread; the
//! atomics are there because hyper wants sockets that could be sent elsewhere.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tollgate_core::Denial;

use super::io::Io;
use super::scan::Seen;
use crate::config::process::Bounds;

/// How long a slow body is watched before its rate counts.
const BODY_GRACE: Duration = Duration::from_secs(5);
/// How often the rate of a slow body is looked at.
const BODY_TICK: Duration = Duration::from_secs(1);
/// "Not since any time".
const NEVER: u64 = 0;

/// What one connection is waiting for. Times are microseconds since the connection's start, plus one.
#[derive(Debug)]
pub struct Pace {
    start: Instant,
    /// Requests read whole but not begun.
    unserved: AtomicU32,
    /// Requests begun whose answer has not ended.
    open: AtomicU32,
    /// When something last happened.
    touched: AtomicU64,
    /// Since when a head is incomplete; the first one counts from the start.
    head_since: AtomicU64,
    /// Since when the caller owes body bytes and sends none.
    starved_since: AtomicU64,
    /// How long the caller has let us wait for the current body, and how much of it came.
    starved_total: AtomicU64,
    body_bytes: AtomicU64,
    body_open: AtomicBool,
    /// Since when the caller reads nothing.
    blocked_since: AtomicU64,
    slow: AtomicBool,
    tunnel: AtomicBool,
    rearm: AtomicBool,
    refusal: Mutex<Option<Denial>>,
    returned: Mutex<Option<Io>>,
}

/// What the driver does when its timer fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Look again then.
    At(Instant),
    /// The head came too slowly: answer 408 and close.
    HeadTimeout,
    /// The body comes too slowly: its reader now gets an error.
    BodyTimeout,
    /// Nothing to say any more: close.
    Close,
}

impl Pace {
    /// A connection that was just accepted.
    pub fn new() -> Arc<Self> {
        let zero = || AtomicU64::new(NEVER);
        Arc::new(Self {
            start: Instant::now(),
            unserved: AtomicU32::new(0),
            open: AtomicU32::new(0),
            touched: AtomicU64::new(1),
            head_since: AtomicU64::new(1),
            starved_since: zero(),
            starved_total: zero(),
            body_bytes: zero(),
            body_open: AtomicBool::new(false),
            blocked_since: zero(),
            slow: AtomicBool::new(false),
            tunnel: AtomicBool::new(false),
            rearm: AtomicBool::new(false),
            refusal: Mutex::new(None),
            returned: Mutex::new(None),
        })
    }

    /// Time since the connection's start.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn stamp(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX - 1) + 1
    }

    /// Notes that the connection lives.
    pub fn touched(&self) {
        self.touched.store(self.stamp(), Relaxed);
        self.head_since.store(NEVER, Relaxed);
    }

    /// Notes what a read held.
    pub fn read(&self, seen: Seen, in_head: bool, in_body: bool) {
        if seen.heads > 0 || !in_head {
            self.head_since.store(NEVER, Relaxed);
        }
        if in_head && self.head_since.load(Relaxed) == NEVER {
            self.head_since.store(self.stamp(), Relaxed);
            self.rearm.store(true, Relaxed);
        }
        if self.body_open.load(Relaxed) || in_body {
            self.read_body(seen, in_body);
        }
        let heads = u32::try_from(seen.heads).unwrap_or(u32::MAX);
        self.unserved.fetch_add(heads, Relaxed);
    }

    /// How many whole requests wait to begin.
    pub fn unserved(&self) -> usize {
        usize::try_from(self.unserved.load(Relaxed)).unwrap_or(usize::MAX)
    }

    fn read_body(&self, seen: Seen, in_body: bool) {
        let since = self.starved_since.swap(NEVER, Relaxed);
        if seen.heads > 0 {
            self.starved_total.store(0, Relaxed);
            self.body_bytes.store(0, Relaxed);
        } else if since != NEVER {
            self.starved_total.fetch_add(self.stamp().saturating_sub(since), Relaxed);
        }
        self.body_bytes.fetch_add(seen.body as u64, Relaxed);
        self.body_open.store(in_body, Relaxed);
    }

    /// Notes that the socket had nothing to read.
    pub fn starved(&self) {
        if self.body_open.load(Relaxed) && self.starved_since.load(Relaxed) == NEVER {
            self.starved_since.store(self.stamp(), Relaxed);
            self.rearm.store(true, Relaxed);
        }
    }

    /// Notes whether the socket took what was written.
    pub fn wrote(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if outcome.is_ready() {
            if self.blocked_since.load(Relaxed) != NEVER {
                self.blocked_since.store(NEVER, Relaxed);
            }
        } else if self.blocked_since.load(Relaxed) == NEVER {
            self.blocked_since.store(self.stamp(), Relaxed);
            self.rearm.store(true, Relaxed);
        }
        outcome
    }

    /// Notes that a request begins.
    pub fn begin(self: &Arc<Self>) -> Open {
        let _ = self.unserved.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1));
        self.open.fetch_add(1, Relaxed);
        Open(self.clone())
    }

    /// Whether a request waits for its answer or for the end of it.
    pub fn is_busy(&self) -> bool {
        self.open.load(Relaxed) > 0 || self.unserved.load(Relaxed) > 0
    }

    /// Whether the current body was found too slow.
    pub fn is_slow(&self) -> bool {
        self.slow.load(Relaxed)
    }

    /// Marks the connection as carrying another protocol.
    pub fn set_tunnel(&self) {
        self.tunnel.store(true, Relaxed);
    }

    /// Whether the connection carries another protocol.
    pub fn is_tunnel(&self) -> bool {
        self.tunnel.load(Relaxed)
    }

    /// Keeps a refusal for the driver to answer.
    pub fn refuse(&self, denial: Denial) {
        self.refusal.lock().get_or_insert(denial);
    }

    /// The refusal to answer, once.
    pub fn take_refusal(&self) -> Option<Denial> {
        self.refusal.lock().take()
    }

    /// Hands the socket to the driver when hyper is done with it.
    pub fn give_back(&self, io: Io) {
        *self.returned.lock() = Some(io);
    }

    /// The socket that hyper is done with.
    pub fn take_io(&self) -> Option<Io> {
        self.returned.lock().take()
    }

    /// Whether the timer must be set anew because something began that may not take long.
    pub fn take_rearm(&self) -> bool {
        self.rearm.load(Relaxed) && self.rearm.swap(false, Relaxed)
    }

    /// Judges all waits.
    pub fn due(&self, bounds: &Bounds) -> Due {
        let now = self.stamp();
        let mut next = u64::MAX;
        let mut passed = |since: u64, limit: Duration| {
            let end = since.saturating_add(u64::try_from(limit.as_micros()).unwrap_or(u64::MAX));
            next = next.min(end);
            now >= end
        };
        let blocked = self.blocked_since.load(Relaxed);
        if blocked != NEVER && passed(blocked, bounds.write_stall) {
            return Due::Close;
        }
        let idle = !self.is_busy();
        let head = self.head_since.load(Relaxed);
        if head != NEVER && passed(head, bounds.head_timeout) {
            return if idle {
                Due::HeadTimeout
            } else {
                Due::At(self.start + Duration::from_micros(now) + BODY_TICK)
            };
        }
        let starved = self.starved_since.load(Relaxed);
        if starved != NEVER && !self.is_slow() {
            let waited = self.starved_total.load(Relaxed) + now.saturating_sub(starved);
            let counted = Duration::from_micros(waited).saturating_sub(BODY_GRACE);
            let owed = counted.as_secs_f64() * bounds.body_rate as f64;
            if !counted.is_zero() && owed > self.body_bytes.load(Relaxed) as f64 {
                self.slow.store(true, Relaxed);
                return Due::BodyTimeout;
            }
            passed(now, BODY_TICK);
        }
        if idle && head == NEVER && !self.is_tunnel() && passed(self.touched.load(Relaxed), bounds.idle) {
            return Due::Close;
        }
        let next = next.min(now.saturating_add(u64::try_from(bounds.idle.as_micros()).unwrap_or(u64::MAX)));
        Due::At(self.start + Duration::from_micros(next))
    }
}

/// A request whose answer has not ended; ends when dropped.
#[derive(Debug)]
pub struct Open(Arc<Pace>);

impl Open {
    /// The connection's record.
    pub fn pace(&self) -> &Arc<Pace> {
        &self.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.touched.store(self.0.stamp(), Relaxed);
        self.0.open.fetch_sub(1, Relaxed);
    }
}
