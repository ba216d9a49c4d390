//! Where the walk waits for the fleet: a signed request passes once, and a limited one where all nodes together have room.

use std::sync::Arc;

use tollgate_core::admission::shared::Asking;
use tollgate_core::authn::hawk::{Artifacts, Refusal};
use tollgate_core::denial::{Denial, Unauthenticated};
use tollgate_core::route::Route;

use super::body::RequestBody;
use super::call::Call;
use super::forward::outgoing::Outgoing;
use super::framing::Checked;
use super::worker::Worker;
use super::{Caller, Step, admit, tell};
use crate::state::Live;

/// An identified request whose nonce no other node may have seen.
pub struct Claiming {
    pub route: Arc<Route>,
    pub caller: Caller,
    pub checked: Checked,
    pub body: RequestBody,
}

/// A permitted request whose limits are the fleet's.
pub struct Reserving {
    pub asking: Box<Asking>,
    pub checked: Checked,
    pub body: RequestBody,
    pub artifacts: Option<Arc<Artifacts>>,
}

/// Claims the nonce; then the walk goes on as for everybody.
pub async fn claim(
    worker: &Worker,
    live: &Live,
    claiming: Claiming,
    call: &mut Call,
) -> Result<Step, Denial> {
    let Claiming { route, mut caller, checked, body } = claiming;
    let identity = caller.as_ref().ok().and_then(Option::as_ref);
    if let Err(denial) = first(worker, &route, identity.and_then(|identity| identity.hawk.as_deref())).await {
        caller = Err(denial);
    }
    admit(worker, live, route, caller, checked, body, call)
}

/// Asks for room; with it the request may be sent.
pub async fn reserve(
    worker: &Worker,
    live: &Live,
    reserving: Reserving,
    call: &mut Call,
) -> Result<Step, Denial> {
    let Reserving { asking, checked, body, artifacts } = reserving;
    // It was this that began to ask.
    let shared = worker.gate.shared.as_ref().ok_or(Denial::Overloaded)?;
    let admission = tell(shared.reserve(*asking).await, call)?;
    let outgoing = Outgoing::new(admission, checked, body, live, worker, call)?;
    Ok(Step::Forward(outgoing, artifacts))
}

/// Makes sure that no other node has let this request pass. This node's own memory was asked before.
///
/// # Errors
/// A 401 `Invalid nonce`.
pub async fn first(worker: &Worker, route: &Route, artifacts: Option<&Artifacts>) -> Result<(), Denial> {
    let (Some(shared), Some(artifacts)) = (&worker.gate.shared, artifacts) else { return Ok(()) };
    if shared.claim(&artifacts.claim()).await {
        return Ok(());
    }
    Err(route.accept.refuse_ours(Unauthenticated::Hawk(Refusal::InvalidNonce)))
}
