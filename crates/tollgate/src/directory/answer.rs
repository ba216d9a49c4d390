//! Waiting for the store, and noticing that it is away.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tollgate_core::denial::DirectoryFailure;

use super::Directory;

/// How long a question to the store may take; whoever asked is told to come again.
pub(super) const ANSWER: Duration = Duration::from_secs(1);
/// How long the store may take to write something, others who write included.
const WRITTEN: Duration = Duration::from_secs(2);

/// Why there is no answer of the store.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// It was not heard in time.
    #[error("the store does not answer in time")]
    Late,
    /// It said that it cannot, or will not.
    #[error(transparent)]
    Refused(#[from] tollgate_store::Error),
}

impl Directory {
    /// Waits for what the store reads, but not for longer than [`ANSWER`]. A store of which nobody has heard for so long counts
    /// as away; one that answers others meanwhile is only slow.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(crate) async fn read<T>(
        &self,
        answer: impl Future<Output = tollgate_store::Result<T>>,
    ) -> Result<T, Unanswered> {
        let before = self.answers.load(Relaxed);
        let answer = self.within(ANSWER, answer).await;
        if matches!(answer, Err(Unanswered::Late)) && self.answers.load(Relaxed) == before {
            self.lost(&format!("nothing within {ANSWER:?}"));
        }
        answer
    }

    /// Waits for what the store writes, but not for longer than [`WRITTEN`]. It may be late for others who write, so that says
    /// nothing of the store.
    ///
    /// # Errors
    /// [`Unanswered`]; whether it was written is not known then.
    pub(crate) async fn write<T>(
        &self,
        answer: impl Future<Output = tollgate_store::Result<T>>,
    ) -> Result<T, Unanswered> {
        self.within(WRITTEN, answer).await
    }

    async fn within<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = tollgate_store::Result<T>>,
    ) -> Result<T, Unanswered> {
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(answer)) => {
                self.answers.fetch_add(1, Relaxed);
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.failed(&error);
                Err(error.into())
            }
            Err(_) => Err(Unanswered::Late),
        }
    }

    /// What the store says of one thing does not make it away for all others.
    pub(super) fn failed(&self, error: &tollgate_store::Error) {
        use tollgate_store::Error;
        match error {
            Error::Unavailable(_) => self.lost(&error.to_string()),
            Error::NotFound(_) | Error::Conflict(_) | Error::Reserved(_) | Error::Invalid { .. } => {}
            Error::Locked(_)
            | Error::Full(_)
            | Error::Newer { .. }
            | Error::NotOurs(_)
            | Error::Corrupt(_)
            | Error::Sealing(_) => tracing::error!("the store does not do what it is asked: {error}"),
        }
    }

    fn lost(&self, why: &str) {
        if !self.away.swap(true, Relaxed) {
            tracing::error!("the store does not answer: {why}");
        }
    }
}

impl From<Unanswered> for DirectoryFailure {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Late => Self::Timeout,
            Unanswered::Refused(_) => Self::Away,
        }
    }
}
