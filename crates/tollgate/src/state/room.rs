//! Room for what must be held in memory, shared by the whole process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes that may be held at once.
#[derive(Debug, Clone)]
pub struct Room(Arc<Bytes>);

#[derive(Debug)]
struct Bytes {
    max: u64,
    held: AtomicU64,
}

/// A part of the room; given back when dropped.
#[derive(Debug)]
pub struct Held {
    room: Room,
    bytes: u64,
}

impl Room {
    /// Room for `max` bytes.
    pub fn new(max: u64) -> Self {
        Self(Arc::new(Bytes { max, held: AtomicU64::new(0) }))
    }

    /// An empty part, to grow.
    pub fn enter(&self) -> Held {
        Held { room: self.clone(), bytes: 0 }
    }
}

impl Held {
    /// Takes that many bytes more; false, and nothing taken, where they do not fit.
    pub fn grow(&mut self, bytes: u64) -> bool {
        let Bytes { max, held } = &*self.room.0;
        let fits = |now: u64| now.checked_add(bytes).filter(|sum| sum <= max);
        let taken = held.fetch_update(Relaxed, Relaxed, fits).is_ok();
        if taken {
            self.bytes += bytes;
        }
        taken
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.0.held.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests;
