//! Callers that speak HTTP/1: one task for each connection, one request after the other.

mod ahead;
pub mod caller;
pub mod head;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use http::header::CONNECTION;
use http::{Method, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate_core::Denial;

use self::caller::{Caller, Next};
use self::head::{BodyFraming, Connection};
use super::answer::body::ResponseBody;
use super::body::{Failure, Source};
use super::framing::Unchecked;
use super::listener::Peer;
use super::rate_limit::RateLimit;
use super::wire::Framing;
use super::wire::io::Io;
use super::wire::request::RequestHead;
use super::wire::timer::Timer;
use super::worker::Worker;
use super::{Answer, Asked, Begun, call, decision, problem};

/// A caller who was refused may still be sending; what comes is read for so long, so that the answer is not lost in a
/// reset.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;
/// The rest of a body that nobody read is thrown away up to this size and for so long, to keep the connection.
const WASTE: u64 = 64 * 1024;
const WASTE_WITHIN: Duration = Duration::from_secs(5);

/// Serves one connection until either side ends it.
pub async fn serve(worker: Rc<Worker>, peer: Rc<Peer>, io: Io, ahead: BytesMut) {
    let timer: Rc<Timer> = Rc::default();
    let caller = Rc::new(RefCell::new(Caller::new(io, ahead, worker.gate.clone(), timer.clone())));
    let mut drained = pin!(worker.gate.drain.cancelled());
    let mut is_registered = false;
    loop {
        let next = poll_fn(|cx| {
            let next = caller.borrow_mut().poll_head(cx);
            if next.is_ready() {
                return next;
            }
            // Registered once: from then on a stop wakes this task, and the caller's side sees it.
            if !is_registered {
                is_registered = true;
                if drained.as_mut().poll(cx).is_ready() {
                    return caller.borrow_mut().poll_head(cx);
                }
            }
            Poll::Pending
        });
        let head = match next.await {
            Next::Request(head) => head,
            Next::Refused(denial) => return refuse(&worker, peer.address, caller, denial).await,
            Next::End => return close(caller, false).await,
        };
        let asked = Exchanged::of(&head);
        let source = (head.framing != Framing::None).then(|| Source::Http1(caller.clone()));
        let request = Asked { head: Unchecked::from(head), body: source };
        let answer = match super::begin(&worker, &peer, &timer, request) {
            Begun::Answered(answer) => answer,
            Begun::Waiting(waiting) => {
                let Some(answer) = unless_gone(&caller, super::finish(&worker, &timer, waiting)).await else {
                    return;
                };
                answer
            }
        };
        let Answer { response, rate_limit, tunnel } = answer;
        let ending = asked.answer(&worker, &caller, response, rate_limit.as_ref()).await;
        match (ending, tunnel) {
            (Ending::Broken, _) => return,
            (_, Some(tunnel)) => {
                let Some((io, input)) = parts(caller) else { return };
                return tunnel.carry(&worker, io, input).await;
            }
            (Ending::Close, None) => {
                let unread = caller.borrow().has_unread();
                return close(caller, unread).await;
            }
            (Ending::Stay, None) => {}
        }
        caller.borrow_mut().turn();
    }
}

/// Waits for an answer as long as the caller does.
async fn unless_gone(caller: &RefCell<Caller>, answer: impl Future<Output = Answer>) -> Option<Answer> {
    let mut answer = pin!(answer);
    poll_fn(|cx| match answer.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => caller.borrow_mut().poll_gone(cx).map(|()| None),
    })
    .await
}

/// What of a request decides how its answer is written.
struct Exchanged {
    method: Method,
    is_http11: bool,
    keep_alive: bool,
}

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Stay,
    Close,
    /// The answer could not be brought to its end: the connection is cut, so that the caller sees it.
    Broken,
}

impl Exchanged {
    fn of(head: &RequestHead) -> Self {
        Self { method: head.method.clone(), is_http11: head.is_http11, keep_alive: head.keep_alive }
    }

    /// Writes the whole answer.
    async fn answer(
        &self,
        worker: &Worker,
        caller: &RefCell<Caller>,
        response: Response<ResponseBody>,
        rate_limit: Option<&RateLimit>,
    ) -> Ending {
        let (parts, mut body) = response.into_parts();
        let framing = BodyFraming::of(parts.status, &self.method, body.remaining(), self.is_http11);
        let stays = self.keep_alive
            && framing != BodyFraming::Close
            && !parts.headers.contains_key(CONNECTION)
            && !worker.gate.drain.is_cancelled()
            // While the model still answers, it may still take the rest of the request.
            && ((body.is_model() && !body.has_ended() && !body.is_closing()) || can_waste(&caller.borrow()));
        let connection = match stays {
            _ if parts.status == StatusCode::SWITCHING_PROTOCOLS => Connection::Upgrade,
            false => Connection::Close,
            true if self.is_http11 => Connection::Stays,
            true => Connection::KeepAlive,
        };
        {
            let mut caller = caller.borrow_mut();
            let date = || worker.date(worker.gate.clock.now().wall);
            caller.begin_answer();
            let (out, headers) = (caller.output.head(), &parts.headers);
            head::write(out, parts.status, headers, rate_limit, framing, connection, date);
        }
        let whole = pump(caller, &mut body, framing).await;
        drop(body);
        match whole {
            // A regular end would be taken for the answer's.
            false if framing == BodyFraming::Close => {
                caller.borrow().set_abrupt();
                Ending::Broken
            }
            false => Ending::Broken,
            true if !stays => Ending::Close,
            true => throw_away(worker, caller).await,
        }
    }
}

/// Writes head and body; false where either side broke off.
async fn pump(caller: &RefCell<Caller>, body: &mut ResponseBody, framing: BodyFraming) -> bool {
    let is_chunked = framing == BodyFraming::Chunked;
    let mut ended = body.has_ended() || (framing == BodyFraming::None && !body.is_closing());
    let mut broken = false;
    if ended && is_chunked {
        caller.borrow_mut().output.push_last_chunk();
    }
    poll_fn(|cx| {
        loop {
            let mut waits = false;
            // What the body has at once goes out with the head, in one write.
            let is_full = caller.borrow().output.is_full();
            if is_full {
                body.drive(cx);
            } else if !ended {
                match body.poll_data(cx) {
                    // In a moment all of it goes out in one write.
                    Poll::Pending if body.is_closing() => return Poll::Pending,
                    Poll::Pending => waits = true,
                    Poll::Ready(Some(Ok(data))) => caller.borrow_mut().output.push(data, is_chunked),
                    Poll::Ready(Some(Err(_))) => (broken, ended) = (true, true),
                    Poll::Ready(None) => ended = true,
                }
                ended |= !waits && body.has_ended();
                if ended && !broken && is_chunked {
                    caller.borrow_mut().output.push_last_chunk();
                }
            }
            let written = ready!(caller.borrow_mut().poll_write(cx));
            match written {
                Err(_) => return Poll::Ready(false),
                Ok(()) if ended => return Poll::Ready(!broken),
                Ok(()) if waits => return caller.borrow_mut().poll_gone(cx).map(|()| false),
                Ok(()) => {}
            }
        }
    })
    .await
}

/// Whether what is left of the request's body is small enough to be read for nothing.
fn can_waste(caller: &Caller) -> bool {
    caller.body_has_ended()
        || (!caller.awaits_continue() && caller.body_remaining().is_some_and(|left| left <= WASTE))
}

/// Reads the rest of a body that nobody read, so that the next request can be found.
async fn throw_away(worker: &Worker, caller: &RefCell<Caller>) -> Ending {
    if caller.borrow().body_has_ended() {
        return Ending::Stay;
    }
    if !can_waste(&caller.borrow()) {
        return Ending::Close;
    }
    let rest = async {
        while let Some(data) = poll_fn(|cx| caller.borrow_mut().poll_body(cx)).await {
            data?;
        }
        Ok::<(), Failure>(())
    };
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(WASTE_WITHIN, rest) => outcome,
        () = worker.gate.drain.cancelled() => return Ending::Close,
    };
    if let Ok(Ok(())) = outcome { Ending::Stay } else { Ending::Close }
}

/// Answers a head that is no request, and closes.
async fn refuse(worker: &Worker, client: IpAddr, caller: Rc<RefCell<Caller>>, denial: Denial) {
    let now = worker.gate.clock.now();
    let id = worker.ids.borrow_mut().next(now);
    worker.gate.telemetry.finish(&call::refused(&id, now, client, &denial));
    decision::refused(&worker.gate, &id, now, client, &denial);
    let answer = problem::raw(&denial, worker.gate.live().snapshot.errors, id.as_str());
    caller.borrow_mut().output.head().extend_from_slice(&answer);
    let written = poll_fn(|cx| caller.borrow_mut().poll_write(cx));
    if let Ok(Ok(())) = tokio::time::timeout(LINGER, written).await {
        close(caller, true).await;
    }
}

/// Closes so that the caller gets all that was written, also one who `is_sending` still.
async fn close(caller: Rc<RefCell<Caller>>, is_sending: bool) {
    let Some((mut io, _)) = parts(caller) else { return };
    let mut left = if is_sending { LINGER_BYTES } else { 0 };
    // The caller may be gone; there is nobody to tell then.
    let _ = tokio::time::timeout(LINGER, async {
        io.shutdown().await?;
        let mut rest = [0; 4096];
        while left > 0 {
            match io.read(&mut rest).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        io::Result::Ok(())
    })
    .await;
}

fn parts(caller: Rc<RefCell<Caller>>) -> Option<(Io, BytesMut)> {
    Rc::into_inner(caller).map(|caller| caller.into_inner().into_parts())
}
