//! Where the walk waits for the store to tell what was used of a quota.

use std::sync::Arc;

use tollgate_core::access::Permit;
use tollgate_core::admission::{self, Uncounted};
use tollgate_core::authn::hawk::Artifacts;
use tollgate_core::denial::Denial;

use super::body::RequestBody;
use super::call::Call;
use super::framing::Checked;
use super::worker::Worker;
use super::{Step, send};
use crate::state::Live;

/// A permitted request of whose quotas only the store can say whether they have room.
pub struct Counting {
    pub uncounted: Vec<Uncounted>,
    pub permit: Permit,
    pub checked: Checked,
    pub body: RequestBody,
    pub artifacts: Option<Arc<Artifacts>>,
}

/// How often it is asked for, where others use what was learnt before this call comes to it.
const ROUNDS: u32 = 8;

/// Learns it; then the walk goes on as for everybody.
pub async fn count(
    worker: &Worker,
    live: &Live,
    counting: Counting,
    call: &mut Call,
) -> Result<Step, Denial> {
    let Counting { mut uncounted, permit, checked, body, artifacts } = counting;
    let (client, declared) = (checked.head.client, body.remaining().unwrap_or(0));
    for _ in 0..ROUNDS {
        learn(worker, std::mem::take(&mut uncounted), call).await?;
        uncounted = admission::uncounted(&worker.gate.limiter, &permit, client, declared, call.now);
        if uncounted.is_empty() {
            break;
        }
    }
    send(worker, live, permit, checked, body, artifacts, call)
}

async fn learn(worker: &Worker, uncounted: Vec<Uncounted>, call: &Call) -> Result<(), Denial> {
    let (quotas, credential) = (worker.gate.quotas.clone(), call.credential.clone());
    let now = call.now;
    // On the control runtime, where the connections of the store live.
    let learnt = worker
        .gate
        .directory
        .on_control(async move { quotas.learn(&uncounted, credential.as_deref(), now).await });
    match learnt.await {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => {
            tracing::warn!("a call is refused, as what was used of its quota is not known: {error}");
            Err(Denial::Uncounted)
        }
        None => Err(Denial::Uncounted),
    }
}
