//! How far a training is, told to whoever waits, who may end it there.

use std::ops::ControlFlow;

/// The caller no longer wants the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the training was cancelled")]
pub struct Cancelled;

/// Whoever waits for a training.
pub(super) struct Progress<'a> {
    tell: &'a mut dyn FnMut(f32) -> ControlFlow<()>,
    /// The share that was told last. It never falls, whatever a learner tries a second time.
    share: f32,
}

impl<'a> Progress<'a> {
    /// Tells `tell`, which answers whether to go on.
    pub fn new(tell: &'a mut dyn FnMut(f32) -> ControlFlow<()>) -> Self {
        Self { tell, share: 0.0 }
    }

    /// Says that `done` of `all` steps are behind.
    ///
    /// # Errors
    /// [`Cancelled`] where nobody wants the rest.
    pub fn at(&mut self, done: usize, all: usize) -> Result<(), Cancelled> {
        self.share = (done as f32 / all.max(1) as f32).clamp(self.share, 1.0);
        self.stay()
    }

    /// Asks whether to go on, where the steps ahead cannot be counted.
    ///
    /// # Errors
    /// [`Cancelled`] where nobody wants the rest.
    pub fn stay(&mut self) -> Result<(), Cancelled> {
        match (self.tell)(self.share) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Cancelled),
        }
    }
}
