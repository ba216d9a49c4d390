//! Telling the service what was used: after the call, in the background, as often as it goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::AuthService;

/// Reports that wait; more of them are dropped and counted, as the service cannot follow.
const WAITING: usize = 10_000;
/// Reports that are under way at once.
const AT_ONCE: usize = 16;

/// One call that ended.
#[derive(Debug, Clone)]
pub struct Use {
    /// Whose key it was.
    pub key_id: Box<str>,
    /// The path that was called.
    pub endpoint: Box<str>,
    /// How long it took, in milliseconds.
    pub response_time_ms: u64,
    /// The status of its answer.
    pub status_code: u16,
}

/// Takes reports and never makes a call wait.
#[derive(Debug)]
pub struct Reporter {
    waiting: Sender<Use>,
    /// Reports that the service did not get.
    pub lost: Arc<AtomicU64>,
}

impl Reporter {
    /// Reports to the service, on the control runtime.
    pub fn start(service: AuthService, control: &Handle) -> Self {
        let (waiting, reports) = channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        control.spawn(run(service, reports, lost.clone()));
        Self { waiting, lost }
    }

    /// Reports one call.
    pub fn report(&self, used: Use) {
        if self.waiting.try_send(used).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }
}

async fn run(service: AuthService, mut reports: Receiver<Use>, lost: Arc<AtomicU64>) {
    let mut under_way = JoinSet::new();
    while let Some(used) = reports.recv().await {
        while under_way.len() >= AT_ONCE {
            under_way.join_next().await;
        }
        while under_way.try_join_next().is_some() {}
        let (service, lost) = (service.clone(), lost.clone());
        under_way.spawn(async move {
            if let Err(why) = service.report(&used).await {
                lost.fetch_add(1, Relaxed);
                tracing::debug!(key_id = &*used.key_id, "a call was not reported to the auth service: {why}");
            }
        });
    }
    under_way.join_all().await;
}
