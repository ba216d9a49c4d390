//! Callers that speak HTTP/2. The framing of its streams is hyper's and h2's; what they leave unbounded is bounded
//! here, below them.

mod frames;
mod watched;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::Instant;

use self::watched::{Pulse, Watched};
use super::answer::body::ResponseBody;
use super::body::Source;
use super::exchange::BodyError;
use super::framing::Unchecked;
use super::listener::Peer;
use super::wire::io::Io;
use super::wire::timer::Timer;
use super::worker::Worker;
use super::{Answer, Asked, Begun};
use crate::config::process::Bounds;

/// Serves one connection until either side ends it.
pub async fn serve(worker: Rc<Worker>, peer: Rc<Peer>, io: Io, ahead: Bytes) {
    let bounds = worker.gate.process.bounds;
    let pulse = Rc::new(Pulse::new());
    let open: Rc<Streams> = Rc::default();
    let service = {
        let (worker, open) = (worker.clone(), open.clone());
        service_fn(move |request| answer(worker.clone(), peer.clone(), open.clone(), request))
    };
    let connection = http2::Builder::new(LocalExecutor(worker.clone()))
        .timer(TokioTimer::new())
        .max_concurrent_streams(bounds.h2_streams)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_header_list_size(u32::try_from(bounds.head_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(20)
        .keep_alive_interval(bounds.idle / 2)
        .serve_connection(TokioIo::new(Watched::new(io, ahead, pulse.clone())), service);
    let mut connection = pin!(connection);
    let mut drained = pin!(worker.gate.drain.cancelled());
    let (timer, mut draining) = (Timer::default(), false);
    poll_fn(|cx| {
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if !draining && drained.as_mut().poll(cx).is_ready() {
            draining = true;
            connection.as_mut().graceful_shutdown();
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        // As the timer fires, something may have happened meanwhile; then there is a later moment to wait for.
        while let Some(at) = ends_at(&pulse, &open, &bounds) {
            std::task::ready!(timer.poll_until(cx, at));
            if ends_at(&pulse, &open, &bounds).is_some_and(|at| at <= Instant::now()) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    })
    .await;
}

/// When the connection is closed unless something happens: its caller reads nothing, neither from the socket nor from a
/// stream, says nothing, or never began.
fn ends_at(pulse: &Pulse, streams: &Streams, bounds: &Bounds) -> Option<Instant> {
    let blocked = pulse.blocked_since().into_iter().chain(streams.blocked_since());
    let stalled = blocked.map(|since| since + bounds.write_stall).min();
    let limit = if pulse.has_begun() { bounds.idle } else { bounds.head_timeout };
    let silent = (streams.open.get() == 0).then(|| pulse.touched() + limit);
    stalled.into_iter().chain(silent).min()
}

async fn answer(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    streams: Rc<Streams>,
    request: Request<Incoming>,
) -> Result<Response<StreamBody>, Infallible> {
    let open = Open::new(streams);
    let (parts, incoming) = request.into_parts();
    let body = (!incoming.is_end_stream()).then_some(Source::Http2(incoming));
    let asked = Asked { head: Unchecked::from(parts), body };
    // A stream has a task of its own, and so a timer.
    let timer: Rc<Timer> = Rc::default();
    let Answer { mut response, rate_limit, tunnel: _ } = match super::begin(&worker, &peer, &timer, asked) {
        Begun::Answered(answer) => answer,
        Begun::Waiting(waiting) => super::finish(&worker, &timer, waiting).await,
    };
    if let Some(rate_limit) = rate_limit {
        rate_limit.put_on(response.headers_mut());
    }
    if !response.body().has_ended() {
        open.waits_for_caller();
    }
    Ok(response.map(|body| StreamBody { body, open }))
}

/// The streams of one connection whose answers have not ended.
#[derive(Debug, Default)]
struct Streams {
    open: Cell<usize>,
    next: Cell<u64>,
    /// Since when those wait whose caller gives no room for more. The library asks a body for its next part only when
    /// there is room, so a body that is not asked waits for its caller.
    blocked: RefCell<BTreeMap<u64, Instant>>,
}

impl Streams {
    fn blocked_since(&self) -> Option<Instant> {
        self.blocked.borrow().values().min().copied()
    }
}

/// A stream whose answer has not ended.
#[derive(Debug)]
struct Open {
    streams: Rc<Streams>,
    id: u64,
}

impl Open {
    fn new(streams: Rc<Streams>) -> Self {
        streams.open.set(streams.open.get() + 1);
        let id = streams.next.replace(streams.next.get() + 1);
        Self { streams, id }
    }

    fn waits_for_caller(&self) {
        self.streams.blocked.borrow_mut().insert(self.id, Instant::now());
    }

    fn waits_for_model(&self) {
        self.streams.blocked.borrow_mut().remove(&self.id);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.waits_for_model();
        self.streams.open.set(self.streams.open.get() - 1);
    }
}

/// The body of an answer, and the stream's place among the open ones.
#[derive(Debug)]
struct StreamBody {
    body: ResponseBody,
    open: Open,
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let next = self.body.poll_data(cx);
        match &next {
            Poll::Ready(Some(Ok(_))) if !self.body.has_ended() => self.open.waits_for_caller(),
            Poll::Ready(_) | Poll::Pending => self.open.waits_for_model(),
        }
        next.map(|next| next.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.remaining().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Spawns the tasks of streams on this thread.
#[derive(Debug, Clone)]
struct LocalExecutor(Rc<Worker>);

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}
