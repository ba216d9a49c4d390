//! Where the walk waits for the store to tell what was used of a quota.

use std::sync::Arc;

use tollgate_core::access::Permit;
use tollgate_core::admission::{self, Uncounted};
use tollgate_core::authn::hawk::Artifacts;
use tollgate_core::denial::Denial;

use super::body::RequestBody;
use super::call::Call;
use super::forward::outgoing::Outgoing;
use super::framing::Checked;
use super::worker::Worker;
use super::{Step, send, tell};
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

/// Learns it; then the walk goes on as for everybody. Without an answer the route's mode has a say.
pub async fn count(
    worker: &Worker,
    live: &Live,
    counting: Counting,
    call: &mut Call,
) -> Result<Step, Denial> {
    let Counting { mut uncounted, permit, checked, body, artifacts } = counting;
    let (client, cost) = (checked.head.client, call.estimate(permit.route(), &body));
    for _ in 0..ROUNDS {
        if !learn(worker, uncounted, call).await {
            let admission = tell(Ok(admission::uncountable(permit)?), call)?;
            let outgoing = Outgoing::new(admission, checked, body, live, worker, call)?;
            return Ok(Step::Forward(outgoing, artifacts));
        }
        uncounted = admission::uncounted(&worker.gate.limiter, &permit, client, &cost, call.now);
        if uncounted.is_empty() {
            break;
        }
    }
    send(worker, live, permit, checked, body, artifacts, call)
}

/// Whether it could be learnt.
async fn learn(worker: &Worker, uncounted: Vec<Uncounted>, call: &Call) -> bool {
    let (quotas, credential) = (worker.gate.quotas.clone(), call.credential.clone());
    let now = call.now;
    // On the control runtime, where the connections of the store live.
    let learnt = worker
        .gate
        .directory
        .on_control(async move { quotas.learn(&uncounted, credential.as_deref(), now).await });
    match learnt.await {
        Some(Ok(())) => true,
        Some(Err(error)) => {
            tracing::warn!("what was used of a call's quota is not known: {error}");
            false
        }
        None => false,
    }
}
