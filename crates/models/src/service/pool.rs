//! The workers: a few threads that train and predict, apart from those that answer calls.

mod queue;
mod work;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use ulid::Ulid;

pub(crate) use queue::{Active, Full, Queue};
pub(crate) use work::predict_error;

use super::app::App;
use crate::caught::caught;
use crate::store::{self, Outcome, StoreError};

/// How often a worker tries to write down how a job ended, a second apart.
const TRIES: u32 = 60;

/// Running workers.
#[derive(Debug)]
pub(crate) struct Pool {
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts the workers; they use the caller's runtime to reach the store.
    pub(crate) fn start(app: &Arc<App>, workers: NonZeroUsize) -> std::io::Result<Self> {
        let runtime = Handle::current();
        let mut threads = Vec::new();
        for number in 0..workers.get() {
            let (app, runtime) = (Arc::clone(app), runtime.clone());
            let thread = std::thread::Builder::new().name(format!("learner-{number}"));
            threads.push(thread.spawn(move || serve(&app, &runtime))?);
        }
        Ok(Self { threads })
    }

    /// Waits until every worker has ended; [`Queue::stop`] says that they shall.
    pub(crate) fn join(self) {
        for thread in self.threads {
            // What a job breaks is caught within the worker.
            let _ = thread.join();
        }
    }
}

fn serve(app: &App, runtime: &Handle) {
    while let Some(active) = app.queue.next() {
        let id = active.id();
        match runtime.block_on(app.store.start_job(id, store::now())) {
            Ok(Some(request)) => {
                active.tell();
                let outcome = caught(|| work::run(app, runtime, &active, &request));
                let outcome = outcome.unwrap_or_else(|broke| {
                    tracing::error!(event = "job.broken", job = %id, %broke, "a job broke; this is a fault of the program");
                    Outcome::Failed("RuntimeError: the job broke; this is a fault of the service".to_owned())
                });
                runtime.block_on(finish(app, id, outcome));
            }
            // It was removed or called off while it waited.
            Ok(None) => {}
            Err(error) => {
                tracing::error!(event = "database.error", job = %id, %error, "a job cannot be started");
                let outcome = Outcome::Failed("RuntimeError: the database was not available".to_owned());
                runtime.block_on(finish(app, id, outcome));
            }
        }
        app.queue.done(&active);
    }
}

/// Writes down how a job ended, again where the store is away: nobody else does.
async fn finish(app: &App, id: Ulid, outcome: Outcome) {
    let name = match &outcome {
        Outcome::Completed(..) => "completed",
        Outcome::Failed(_) => "failed",
        Outcome::Canceled => "canceled",
    };
    let mut outcome = Some(outcome);
    for _ in 0..TRIES {
        let Some(ended) = outcome.take() else { return };
        // A retry has nothing to write but why; the first try has used the artifact up.
        match app.finish_job(id, ended).await {
            Ok(_) => {
                tracing::info!(event = "job.finished", job = %id, status = name, "a job has ended");
                return;
            }
            Err(error @ (StoreError::Away(_) | StoreError::Full(_))) => {
                tracing::error!(event = "database.error", job = %id, %error, "the end of a job is not written yet");
                let why =
                    "RuntimeError: the result could not be stored, because the database was not available";
                outcome = Some(Outcome::Failed(why.to_owned()));
            }
            Err(error @ StoreError::NoRoom { .. }) => {
                tracing::warn!(event = "database.error", job = %id, %error, "what a job made is not kept");
                outcome = Some(Outcome::Failed(format!("RuntimeError: {error}")));
                continue;
            }
            Err(error) => {
                tracing::error!(event = "database.error", job = %id, %error, "the end of a job cannot be written");
                outcome = Some(Outcome::Failed("RuntimeError: the result could not be stored".to_owned()));
            }
        }
        let stopping = app.stopping.subscribe();
        if *stopping.borrow() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
