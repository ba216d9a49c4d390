//! Both clocks, and a pair that tests move by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use tollgate_core::Now;

/// Where [`Now`] comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The operating system's clocks.
    System {
        /// The fixed point of the monotonic reading.
        start: Instant,
    },
    /// Stands still until it is moved.
    Manual(Arc<Manual>),
}

/// A clock that stands still; wall and monotonic time move apart as real ones do.
#[derive(Debug, Default)]
pub struct Manual {
    wall_us: AtomicU64,
    monotonic_us: AtomicU64,
}

impl Clock {
    /// The operating system's clocks.
    pub fn system() -> Self {
        Self::System { start: Instant::now() }
    }

    /// One reading of both.
    pub fn now(&self) -> Now {
        let wall = match self {
            Self::System { .. } => {
                SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
            }
            Self::Manual(manual) => Duration::from_micros(manual.wall_us.load(Relaxed)),
        };
        Now { wall, monotonic: self.monotonic() }
    }

    /// A reading of the one that only goes forward, for half the price.
    pub fn monotonic(&self) -> Duration {
        match self {
            Self::System { start } => start.elapsed(),
            Self::Manual(manual) => Duration::from_micros(manual.monotonic_us.load(Relaxed)),
        }
    }
}

impl Manual {
    /// A clock that shows this wall time.
    pub fn at(wall: Duration) -> Arc<Self> {
        let clock = Self::default();
        clock.set_wall(wall);
        Arc::new(clock)
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.wall_us.fetch_add(by, Relaxed);
        self.monotonic_us.fetch_add(by, Relaxed);
    }

    /// Makes the wall clock jump; the monotonic one does not notice.
    pub fn set_wall(&self, wall: Duration) {
        self.wall_us.store(u64::try_from(wall.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }
}
