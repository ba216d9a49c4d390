//! What one data plane thread has for itself.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use tollgate_ledger::journal::Stream;

use super::call::RequestIds;
use super::pool::Pool;
use crate::state::Gate;

/// How often idle upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(5);
/// How often the journal looks at the time.
const TICK: Duration = Duration::from_secs(1);
/// Ticks after which a call under way says again how far it is.
const TICKS_PER_PROGRESS: u32 = 10;
/// Idle upstream connections are closed after this even where the upstream allows more.
const MAX_IDLE: Duration = Duration::from_secs(60);

/// One data plane thread.
#[derive(Debug)]
pub struct Worker {
    /// The process-wide state.
    pub gate: Arc<Gate>,
    /// Idle connections to targets.
    pub pool: RefCell<Pool>,
    /// Ids for requests.
    pub ids: RefCell<RequestIds>,
    /// Where calls are taken down.
    pub journal: Stream,
    /// Counts up each time that calls under way are to say how far they are.
    pub progress: Cell<u32>,
    /// Every task of this thread, so that the end can wait for all of them.
    pub tasks: TaskTracker,
    turn: Cell<usize>,
    date: RefCell<(u64, Rc<[u8]>)>,
}

impl Worker {
    /// A thread's state; call it on that thread.
    pub fn new(gate: Arc<Gate>, journal: Stream) -> Rc<Self> {
        Rc::new(Self {
            gate,
            journal,
            progress: Cell::new(0),
            pool: RefCell::default(),
            ids: RefCell::default(),
            tasks: TaskTracker::new(),
            turn: Cell::new(0),
            date: RefCell::new((0, Rc::default())),
        })
    }

    /// Runs a task on this thread.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.spawn_local(task);
    }

    /// A number that goes round, to choose among equals.
    pub fn turn(&self) -> usize {
        self.turn.replace(self.turn.get().wrapping_add(1))
    }

    /// What the field `Date` says at the wall clock's `now` (RFC 9110 §5.6.7); made once a second.
    pub fn date(&self, now: Duration) -> Rc<[u8]> {
        let mut date = self.date.borrow_mut();
        if date.0 != now.as_secs() {
            let second = i64::try_from(now.as_secs()).unwrap_or_default();
            let time = jiff::Timestamp::from_second(second).unwrap_or_default();
            *date =
                (now.as_secs(), time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string().into_bytes().into());
        }
        date.1.clone()
    }

    /// Writes what was taken down, for ever: after every task that was ready when the first of it was, so that one write
    /// serves all of them.
    pub async fn flush(self: Rc<Self>) {
        loop {
            poll_fn(|cx| self.journal.poll_due(cx)).await;
            self.journal.flush();
        }
    }

    /// Does what the journal needs from time to time, for ever.
    pub async fn tick(self: Rc<Self>) {
        for tick in 1_u32.. {
            tokio::time::sleep(TICK).await;
            self.journal.tick(self.gate.clock.now().monotonic);
            if tick.is_multiple_of(TICKS_PER_PROGRESS) {
                self.progress.set(self.progress.get().wrapping_add(1));
            }
        }
    }

    /// Closes idle upstream connections from time to time, for ever.
    pub async fn sweep(self: Rc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.pool.borrow_mut().sweep(MAX_IDLE);
        }
    }
}
