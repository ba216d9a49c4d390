//! WebSocket: a request that changes the protocol, and the tunnel after it.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tollgate_core::denial::{Denial, Malformed, UpstreamFailure};

use super::call::{Call, Outcome};
use super::forward::{self, Ready};
use super::worker::Worker;
use crate::state::Live;
use crate::state::upstreams::Occupied;

/// How long either side may take to change after the model's 101.
const SWITCH: Duration = Duration::from_secs(10);

/// The model's answer to a change of protocol.
#[derive(Debug)]
pub struct Opened {
    response: Response<Bytes>,
    /// Both sides, where the model agreed.
    sides: Option<(OnUpgrade, OnUpgrade)>,
    occupied: Occupied,
}

/// Passes the change of protocol on to the model.
///
/// # Errors
/// [`Malformed::Upgrade`] where the route does not allow it; else why the model gave no answer.
pub async fn open(
    worker: &Rc<Worker>,
    live: &Live,
    ready: Ready,
    caller: OnUpgrade,
    call: &mut Call,
) -> Result<Opened, Denial> {
    let websocket =
        ready.checked.upgrade.as_ref().is_some_and(|p| p.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if !websocket || !ready.permit.route().websocket {
        return Err(Malformed::Upgrade.into());
    }
    let within = ready.permit.route().upstream.timeout.first_byte;
    let (io, mut request, occupied) = forward::dedicated(worker, live, ready, call).await?;
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    request.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));

    let unreachable = |_| Denial::Upstream(UpstreamFailure::Unreachable);
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(unreachable)?;
    let connection = connection.with_upgrades();
    worker.spawn(async move {
        // It ends with the change, or with the refusal of it; the answer tells which.
        let _ = connection.await;
    });
    let answer = tokio::time::timeout(within, sender.send_request(request)).await;
    let answer = answer.map_err(|_| Denial::Upstream(UpstreamFailure::Timeout))?.map_err(unreachable)?;
    call.answered();
    call.status = answer.status();

    let mut response = Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    copy_headers(answer.headers(), response.headers_mut());
    let sides = match answer.status() {
        StatusCode::SWITCHING_PROTOCOLS => {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            call.connection().pace().set_tunnel();
            Some((caller, hyper::upgrade::on(answer)))
        }
        _ => None,
    };
    Ok(Opened { response, sides, occupied })
}

/// Carries bytes both ways until either side ends, as a task of its own; the call ends with it.
pub fn run(worker: &Rc<Worker>, opened: Opened, mut call: Call) -> Response<Bytes> {
    let Opened { response, sides, occupied } = opened;
    call.outcome = Outcome::Served;
    let Some((caller, model)) = sides else {
        return response;
    };
    let drain = worker.gate.drain.clone();
    worker.spawn(async move {
        let _occupied = occupied;
        // Moved in whole: the record closes when this task ends, also where it ends early.
        let mut call = call;
        let both = async { tokio::try_join!(caller, model) };
        let Ok(Ok((caller, model))) = tokio::time::timeout(SWITCH, both).await else {
            return;
        };
        let (mut caller, mut model) = (TokioIo::new(caller), TokioIo::new(model));
        let copied = tokio::select! {
            copied = tokio::io::copy_bidirectional(&mut caller, &mut model) => copied,
            () = drain.cancelled() => return,
        };
        if let Ok((up, down)) = copied {
            call.request_bytes.set(up);
            call.response_bytes = down;
        }
    });
    response
}

fn copy_headers(from: &HeaderMap, to: &mut HeaderMap) {
    let framing = [header::CONNECTION, header::UPGRADE, header::TRANSFER_ENCODING, header::CONTENT_LENGTH];
    for (name, value) in from {
        if !framing.contains(name) {
            to.append(name, value.clone());
        }
    }
}
