//! WebSocket: a request that changes the protocol, and the tunnel after it.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tollgate_core::denial::{Denial, Malformed, UpstreamFailure};

use super::call::{Call, Outcome};
use super::forward::{self, Ready};
use super::worker::Worker;
use crate::state::Live;
use crate::state::upstreams::Occupied;

/// How long either side may take to change after the model's 101.
const SWITCH: Duration = Duration::from_secs(10);
/// Bytes of an answer that refuses the change.
const REFUSAL_MAX: usize = 64 * 1024;
/// How long one side may go on after the other has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Bytes that are carried at once.
const BUFFER: usize = 16 * 1024;

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
    // RFC 6455 §4.1; a body in front of the new protocol would be read as part of it by some.
    let plain = ready.checked.head.method == Method::GET && !ready.checked.head.has_body;
    if !websocket || !plain || !ready.permit.route().websocket {
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
        _ => {
            *response.body_mut() = refusal(answer, within).await?;
            call.response_bytes = response.body().len() as u64;
            None
        }
    };
    Ok(Opened { response, sides, occupied })
}

/// Why the model refuses the change, read whole: it is said in a few words or not at all.
async fn refusal(answer: Response<Incoming>, within: Duration) -> Result<Bytes, Denial> {
    let body = Limited::new(answer.into_body(), REFUSAL_MAX).collect();
    match tokio::time::timeout(within, body).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(_)) => Err(Denial::Upstream(UpstreamFailure::Invalid)),
        Err(_) => Err(Denial::Upstream(UpstreamFailure::Timeout)),
    }
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
        let (caller, model) = (tokio::io::split(TokioIo::new(caller)), tokio::io::split(TokioIo::new(model)));
        let (up, down) = (Cell::new(0), Cell::new(0));
        tokio::select! {
            () = both_ways(caller, model, &up, &down) => {}
            () = drain.cancelled() => {}
        }
        call.request_bytes.set(up.get());
        call.response_bytes = down.get();
    });
    response
}

type Halves<T> = (ReadHalf<T>, WriteHalf<T>);

/// Carries bytes until one side ends and the other has had a moment to say its last: a side that never ends must not
/// hold the connection of one that has gone.
async fn both_ways<A, B>(caller: Halves<A>, model: Halves<B>, up: &Cell<u64>, down: &Cell<u64>)
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let mut upward = pin!(carry(caller.0, model.1, up));
    let mut downward = pin!(carry(model.0, caller.1, down));
    // Which of the two is cut short at the end does not matter any more.
    let _ = tokio::select! {
        () = &mut upward => tokio::time::timeout(LAST_WORDS, downward).await,
        () = &mut downward => tokio::time::timeout(LAST_WORDS, upward).await,
    };
}

/// Carries bytes one way, counted, and passes the end on.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, count: &Cell<u64>) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..read]).await.is_err() || to.flush().await.is_err() {
            break;
        }
        count.set(count.get() + read as u64);
    }
    // The other side may be gone already.
    let _ = to.shutdown().await;
}

fn copy_headers(from: &HeaderMap, to: &mut HeaderMap) {
    let framing = [header::CONNECTION, header::UPGRADE, header::TRANSFER_ENCODING, header::CONTENT_LENGTH];
    for (name, value) in from {
        if !framing.contains(name) {
            to.append(name, value.clone());
        }
    }
}
