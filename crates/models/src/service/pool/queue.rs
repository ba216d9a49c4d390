//! Who is next: consumers take turns, and each one's jobs are done in the order in which they came.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;
use ulid::Ulid;

/// The jobs that wait, and those that are worked on.
#[derive(Debug)]
pub(crate) struct Queue {
    most: usize,
    most_bytes: u64,
    turns: Mutex<Turns>,
    /// Told whenever there is something to do, or nothing more to be done.
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Turns {
    /// Consumers with jobs that wait, in the order in which they are next.
    ring: VecDeque<Arc<str>>,
    waiting: HashMap<Arc<str>, VecDeque<Arc<Active>>>,
    /// Jobs that wait or are worked on, by their id.
    active: HashMap<Ulid, Arc<Active>>,
    /// Places that are promised or taken, all and by consumer.
    places: usize,
    places_of: HashMap<Arc<str>, usize>,
    /// Bytes of the requests of all of them.
    bytes: u64,
    stopping: bool,
}

/// A job that has not ended.
#[derive(Debug)]
pub(crate) struct Active {
    id: Ulid,
    consumer: Arc<str>,
    /// Bytes of its request.
    bytes: u64,
    /// Hundredths of a percent that are done.
    progress: AtomicU32,
    canceled: AtomicBool,
    /// Counts what happens to the job.
    changes: watch::Sender<u32>,
}

/// A place in the queue, given back where it is not used.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    queue: &'a Queue,
    consumer: Arc<str>,
    bytes: u64,
    used: bool,
}

/// There is no place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// For nobody.
    All,
    /// For this consumer.
    Consumer,
    /// For a request of this size.
    Bytes,
}

impl Queue {
    /// A queue with so many places, half of them for any one consumer, for requests of so many bytes together.
    pub(crate) fn new(most: usize, most_bytes: u64) -> Self {
        Self { most, most_bytes, turns: Mutex::default(), wake: Condvar::new() }
    }

    /// Promises a place to a request of so many bytes.
    pub(crate) fn ticket(&self, consumer: &str, bytes: u64) -> Result<Ticket<'_>, Full> {
        let mut turns = self.turns.lock();
        let consumer: Arc<str> = consumer.into();
        let own = turns.places_of.get(&consumer).copied().unwrap_or(0);
        if turns.places >= self.most {
            return Err(Full::All);
        }
        if own >= self.most.div_ceil(2) {
            return Err(Full::Consumer);
        }
        if turns.bytes.saturating_add(bytes) > self.most_bytes {
            return Err(Full::Bytes);
        }
        turns.bytes += bytes;
        turns.places += 1;
        *turns.places_of.entry(Arc::clone(&consumer)).or_default() += 1;
        Ok(Ticket { queue: self, consumer, bytes, used: false })
    }

    /// Takes up jobs that waited before the start, whatever the bounds are now.
    pub(crate) fn resume(&self, jobs: impl Iterator<Item = (String, Ulid, u64)>) {
        let mut turns = self.turns.lock();
        for (consumer, id, bytes) in jobs {
            let consumer: Arc<str> = consumer.into();
            turns.places += 1;
            turns.bytes += bytes;
            *turns.places_of.entry(Arc::clone(&consumer)).or_default() += 1;
            turns.push(Active::new(id, consumer, bytes));
        }
        self.wake.notify_all();
    }

    /// The next job, as soon as there is one; absent once the queue has stopped.
    pub(crate) fn next(&self) -> Option<Arc<Active>> {
        let mut turns = self.turns.lock();
        loop {
            if turns.stopping {
                return None;
            }
            if let Some(active) = turns.pop() {
                return Some(active);
            }
            self.wake.wait(&mut turns);
        }
    }

    /// A job has ended, and is no longer known here.
    pub(crate) fn done(&self, active: &Active) {
        self.turns.lock().active.remove(&active.id);
        active.tell();
    }

    /// A job that has not ended.
    pub(crate) fn active(&self, id: Ulid) -> Option<Arc<Active>> {
        self.turns.lock().active.get(&id).cloned()
    }

    /// Calls a job off: one that waits is dropped, one that is worked on will soon stop.
    pub(crate) fn cancel(&self, id: Ulid) {
        let mut turns = self.turns.lock();
        let Some(active) = turns.active.get(&id).cloned() else { return };
        active.canceled.store(true, Relaxed);
        if turns.withdraw(&active) {
            turns.active.remove(&id);
        }
        drop(turns);
        active.tell();
    }

    /// How many jobs wait.
    pub(crate) fn waiting(&self) -> usize {
        self.turns.lock().places
    }

    /// Ends the work: what is worked on is called off, what waits stays where it is stored.
    pub(crate) fn stop(&self) {
        let mut turns = self.turns.lock();
        turns.stopping = true;
        for active in turns.active.values() {
            active.canceled.store(true, Relaxed);
        }
        self.wake.notify_all();
    }

    /// Whether the work ends.
    pub(crate) fn is_stopping(&self) -> bool {
        self.turns.lock().stopping
    }
}

impl Turns {
    fn push(&mut self, active: Arc<Active>) {
        self.active.insert(active.id, Arc::clone(&active));
        let consumer = Arc::clone(&active.consumer);
        let own = self.waiting.entry(Arc::clone(&consumer)).or_default();
        if own.is_empty() {
            self.ring.push_back(consumer);
        }
        own.push_back(active);
    }

    /// The first job of whose turn it is, who then goes to the end of the line.
    fn pop(&mut self) -> Option<Arc<Active>> {
        let consumer = self.ring.pop_front()?;
        let own = self.waiting.get_mut(&consumer)?;
        let active = own.pop_front()?;
        if own.is_empty() {
            self.waiting.remove(&consumer);
        } else {
            self.ring.push_back(Arc::clone(&consumer));
        }
        self.leave(&consumer, active.bytes);
        Some(active)
    }

    /// Takes a job out of the line; says whether it was in it.
    fn withdraw(&mut self, active: &Active) -> bool {
        let Some(own) = self.waiting.get_mut(&active.consumer) else { return false };
        let before = own.len();
        own.retain(|one| one.id != active.id);
        let found = own.len() < before;
        if own.is_empty() {
            self.waiting.remove(&active.consumer);
            self.ring.retain(|consumer| *consumer != active.consumer);
        }
        if found {
            self.leave(&active.consumer, active.bytes);
        }
        found
    }

    /// Gives a place back.
    fn leave(&mut self, consumer: &Arc<str>, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.places = self.places.saturating_sub(1);
        if let Some(own) = self.places_of.get_mut(consumer) {
            *own -= 1;
            if *own == 0 {
                self.places_of.remove(consumer);
            }
        }
    }
}

impl Active {
    fn new(id: Ulid, consumer: Arc<str>, bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            id,
            consumer,
            bytes,
            progress: AtomicU32::new(0),
            canceled: AtomicBool::new(false),
            changes: watch::channel(0).0,
        })
    }

    pub(crate) fn id(&self) -> Ulid {
        self.id
    }

    /// How much is done, from 0 to 1.
    pub(crate) fn progress(&self) -> f64 {
        f64::from(self.progress.load(Relaxed)) / 10_000.0
    }

    /// Says how much is done.
    pub(crate) fn advance(&self, part: f32) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and 10,000"
        )]
        let hundredths = (part.clamp(0.0, 1.0) * 10_000.0) as u32;
        if self.progress.swap(hundredths, Relaxed) / 100 < hundredths / 100 {
            self.tell();
        }
    }

    /// Whether somebody has called it off.
    pub(crate) fn is_canceled(&self) -> bool {
        self.canceled.load(Relaxed)
    }

    /// Wakes whoever follows the job.
    pub(crate) fn tell(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// What happens to the job from here on.
    pub(crate) fn follow(&self) -> watch::Receiver<u32> {
        self.changes.subscribe()
    }
}

impl Ticket<'_> {
    /// Puts a job that is stored into the line.
    pub(crate) fn enter(mut self, id: Ulid) {
        self.used = true;
        self.queue.turns.lock().push(Active::new(id, Arc::clone(&self.consumer), self.bytes));
        self.queue.wake.notify_one();
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.used {
            self.queue.turns.lock().leave(&self.consumer, self.bytes);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
