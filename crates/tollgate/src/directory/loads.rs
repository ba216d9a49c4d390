//! Questions that are open, each asked once however many wait for its answer.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tollgate_core::denial::{Denial, DirectoryFailure};
use tollgate_core::directory::{Kept, Lookup};

/// Different questions that may be open at once; more of them are a flood of guesses, and are refused.
const MOST: usize = 4096;

/// Of these, those about API keys that begin as ours and whose check characters are wrong. Such keys may have been brought
/// along from elsewhere, but most are rubbish, and must leave room for others.
const MOST_DAMAGED: usize = 64;

pub(super) type Answer = Result<Kept, Denial>;

#[derive(Debug, Default)]
pub(super) struct Loads(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    waiting: HashMap<Lookup, Waiting>,
    damaged: usize,
}

#[derive(Debug)]
struct Waiting {
    senders: Vec<oneshot::Sender<Answer>>,
    is_damaged: bool,
}

/// The task that asks. Dropped without an answer, it tells those who wait that there is none.
pub(super) struct Guard<'a> {
    loads: &'a Loads,
    lookup: &'a Lookup,
    is_open: bool,
}

impl Loads {
    /// Waits for the answer to a question; true for the one who must see to it that it is asked. `is_damaged` says that the
    /// question is about a key of [`MOST_DAMAGED`].
    pub(super) fn join(
        &self,
        lookup: &Lookup,
        is_damaged: bool,
    ) -> Result<(bool, oneshot::Receiver<Answer>), Denial> {
        let (sender, receiver) = oneshot::channel();
        let mut open = self.0.lock();
        if let Some(waiting) = open.waiting.get_mut(lookup) {
            waiting.senders.push(sender);
            return Ok((false, receiver));
        }
        if open.waiting.len() >= MOST || (is_damaged && open.damaged >= MOST_DAMAGED) {
            return Err(Denial::Directory(DirectoryFailure::Busy));
        }
        open.damaged += usize::from(is_damaged);
        open.waiting.insert(lookup.clone(), Waiting { senders: vec![sender], is_damaged });
        Ok((true, receiver))
    }

    /// Closes a question, and gives those who wait for its answer.
    fn close(&self, lookup: &Lookup) -> Vec<oneshot::Sender<Answer>> {
        let mut open = self.0.lock();
        let Some(Waiting { senders, is_damaged }) = open.waiting.remove(lookup) else { return Vec::new() };
        open.damaged -= usize::from(is_damaged);
        senders
    }

    pub(super) fn guard<'a>(&'a self, lookup: &'a Lookup) -> Guard<'a> {
        Guard { loads: self, lookup, is_open: true }
    }
}

impl Guard<'_> {
    pub(super) fn answer(mut self, answer: Answer) {
        // Somebody may ask the same again from here on, and that is another's to answer.
        self.is_open = false;
        for sender in self.loads.close(self.lookup) {
            // Who left does not need it.
            let _ = sender.send(answer.clone());
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.loads.close(self.lookup);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
