//! WebSocket: the tunnel after a request that changed the protocol.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use http::Method;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tollgate_core::access::Permit;
use tollgate_core::denial::{Denial, Malformed};

use super::call::{Call, Outcome};
use super::exchange::Exchange;
use super::framing::Checked;
use super::wire::io::Io;
use super::worker::Worker;
use crate::state::upstreams::Occupied;

/// How long one side may go on after the other has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often the operating system asks whether a silent side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How often it is looked whether the caller's credential still counts.
const LOOK: Duration = Duration::from_secs(1);
/// Bytes that are carried at once.
const BUFFER: usize = 16 * 1024;

/// A change of protocol that the model has agreed to; the call goes on in it.
#[derive(Debug)]
pub struct Tunnel {
    model: Box<Exchange>,
    call: Box<Call>,
    _occupied: Occupied,
}

/// Whether the request may ask for another protocol.
///
/// # Errors
/// [`Malformed::Upgrade`] where the route does not allow it, or it is no change to WebSocket (RFC 6455 §4.1).
pub fn check(permit: &Permit, checked: &Checked) -> Result<(), Denial> {
    let Some(protocol) = &checked.upgrade else {
        return Ok(());
    };
    // A body in front of the new protocol would be read as part of it by some.
    let plain = checked.head.method == Method::GET && !checked.head.has_body;
    let websocket = protocol.as_bytes().eq_ignore_ascii_case(b"websocket");
    match websocket && plain && permit.route().websocket {
        true => Ok(()),
        false => Err(Malformed::Upgrade.into()),
    }
}

impl Tunnel {
    /// Takes over the model's connection after its 101.
    pub fn new(model: Box<Exchange>, call: Box<Call>, occupied: Occupied) -> Box<Self> {
        Box::new(Self { model, call, _occupied: occupied })
    }

    /// Carries bytes both ways until either side ends or the gate stops; the call ends with it. `input` is what the
    /// caller has sent already.
    pub async fn carry(self: Box<Self>, worker: &Rc<Worker>, caller: Io, input: BytesMut) {
        let Self { model, mut call, _occupied } = *self;
        call.outcome = Outcome::Served;
        let (model, from_model) = model.into_parts();
        for side in [&caller, &model] {
            side.keep_alive(KEEP_ALIVE);
        }
        let stall = worker.gate.process.bounds.write_stall;
        let (caller, model) = (tokio::io::split(caller), tokio::io::split(model));
        let (up, down) = (Cell::new(0), Cell::new(0));
        tokio::select! {
            () = both_ways((caller, input), (model, from_model), stall, &up, &down) => {}
            () = worker.gate.drain.cancelled() => {}
            () = watch(worker, &mut call, &up, &down) => call.deny_midway(&Denial::Revoked),
        }
        call.carried(up.get(), down.get());
    }
}

/// Waits until the caller's credential is revoked; meanwhile the journal hears how far the call is.
async fn watch(worker: &Worker, call: &mut Call, up: &Cell<u64>, down: &Cell<u64>) {
    let mut told = worker.progress.get();
    while !call.is_revoked() {
        tokio::time::sleep(LOOK).await;
        if told != worker.progress.get() {
            told = worker.progress.get();
            call.carried(up.get(), down.get());
            call.progress();
        }
    }
}

/// Both halves of a side, and what it has said already.
type Side<T> = ((ReadHalf<T>, WriteHalf<T>), BytesMut);

/// Carries bytes until one side ends and the other has had a moment to say its last: a side that never ends must not
/// hold the connection of one that has gone.
async fn both_ways<A, B>(caller: Side<A>, model: Side<B>, stall: Duration, up: &Cell<u64>, down: &Cell<u64>)
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let ((from_caller, to_caller), caller_said) = caller;
    let ((from_model, to_model), model_said) = model;
    let mut upward = pin!(carry(&caller_said, from_caller, to_model, stall, up));
    let mut downward = pin!(carry(&model_said, from_model, to_caller, stall, down));
    // Which of the two is cut short at the end does not matter any more.
    let _ = tokio::select! {
        () = &mut upward => tokio::time::timeout(LAST_WORDS, downward).await,
        () = &mut downward => tokio::time::timeout(LAST_WORDS, upward).await,
    };
}

/// Carries bytes one way, counted, and passes the end on; a side that takes nothing for the time of a stall ends it.
async fn carry(
    said: &[u8],
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    stall: Duration,
    count: &Cell<u64>,
) {
    let mut buffer = vec![0; BUFFER];
    let mut next = said;
    loop {
        if !next.is_empty() {
            let written = async {
                to.write_all(next).await?;
                to.flush().await
            };
            if !matches!(tokio::time::timeout(stall, written).await, Ok(Ok(()))) {
                break;
            }
            count.set(count.get() + next.len() as u64);
        }
        next = match from.read(&mut buffer).await {
            Ok(read @ 1..) => &buffer[..read],
            Ok(0) | Err(_) => break,
        };
    }
    // The other side may be gone already.
    let _ = to.shutdown().await;
}
