//! The one timer of a task.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

/// A timer that all waits of one task share.
///
/// Deadlines move forward with every request, and setting a timer costs more than looking at one. So it is set only
/// where it would fire too late; when it fires early, whoever waits looks at the clock and sets it anew.
#[derive(Debug, Default)]
pub struct Timer(RefCell<Option<Pin<Box<Sleep>>>>);

impl Timer {
    /// Whether `at` has passed; the task is woken when it does.
    ///
    /// Only one task may ask: the timer remembers whom to wake from the first time on.
    pub fn poll_until(&self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let mut slot = self.0.borrow_mut();
        let sleep = slot.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        let fires_in_time = sleep.deadline() <= at && !sleep.is_elapsed();
        if fires_in_time && sleep.deadline() < at {
            return Poll::Pending;
        }
        if !fires_in_time {
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }
}
