//! Questions that are open, each asked once however many wait for its answer.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tollgate_core::denial::{Denial, DirectoryFailure};
use tollgate_core::directory::{Kept, Lookup};

/// Different questions that may be open at once; more of them are a flood of guesses, and are refused.
const MOST: usize = 4096;

pub(super) type Answer = Result<Kept, Denial>;

#[derive(Debug, Default)]
pub(super) struct Loads(Mutex<HashMap<Lookup, Vec<oneshot::Sender<Answer>>>>);

/// The task that asks. Dropped without an answer, it tells those who wait that there is none.
pub(super) struct Guard<'a> {
    loads: &'a Loads,
    lookup: &'a Lookup,
    is_open: bool,
}

impl Loads {
    /// Waits for the answer to a question; true for the one who must see to it that it is asked.
    pub(super) fn join(&self, lookup: &Lookup) -> Result<(bool, oneshot::Receiver<Answer>), Denial> {
        let (sender, receiver) = oneshot::channel();
        let mut open = self.0.lock();
        if let Some(waiting) = open.get_mut(lookup) {
            waiting.push(sender);
            return Ok((false, receiver));
        }
        if open.len() >= MOST {
            return Err(Denial::Directory(DirectoryFailure::Busy));
        }
        open.insert(lookup.clone(), vec![sender]);
        Ok((true, receiver))
    }

    pub(super) fn guard<'a>(&'a self, lookup: &'a Lookup) -> Guard<'a> {
        Guard { loads: self, lookup, is_open: true }
    }
}

impl Guard<'_> {
    pub(super) fn answer(mut self, answer: Answer) {
        // Somebody may ask the same again from here on, and that is another's to answer.
        self.is_open = false;
        let waiting = self.loads.0.lock().remove(self.lookup);
        for sender in waiting.into_iter().flatten() {
            // Who left does not need it.
            let _ = sender.send(answer.clone());
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.loads.0.lock().remove(self.lookup);
        }
    }
}
