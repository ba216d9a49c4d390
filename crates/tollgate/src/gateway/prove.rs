//! Where the walk reads the body that a caller has signed.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use tollgate_core::authn::hawk::Unproven;
use tollgate_core::denial::Denial;

use super::body::{RequestBody, Stream};
use super::call::Call;
use super::framing::Checked;
use super::worker::Worker;
use super::{Step, admit, fleet};
use crate::state::Live;

/// A request whose head is signed, and whose body is still to be proven.
pub struct Signed {
    pub unproven: Unproven,
    pub checked: Checked,
    pub body: Option<Stream>,
}

/// Reads the body whole and compares it with what was signed; then the walk goes on as for everybody.
pub async fn prove(worker: &Worker, live: &Live, signed: Signed, call: &mut Call) -> Result<Step, Denial> {
    let Signed { unproven, checked, body } = signed;
    let route = call.route.clone().ok_or(Denial::NoRoute)?;
    if let Err(denial) = fleet::first(worker, &route, unproven.artifacts()).await {
        return admit(worker, live, route, Err(denial), checked, body.into(), call);
    }
    let bytes = match body {
        Some(body) => body.read_whole(call.held.insert(worker.gate.bodies.enter())).await?,
        None => Bytes::new(),
    };
    let content_type = checked.head.headers.get(CONTENT_TYPE);
    let caller = unproven.prove(&route.accept, content_type, &bytes).map(Some);
    admit(worker, live, route, caller, checked, RequestBody::Whole(bytes), call)
}
