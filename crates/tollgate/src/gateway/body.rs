//! A caller's body on its way to the model.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use tokio::time::Instant;
use tollgate_core::denial::{Bound, Denial, Malformed};

use super::h1::caller::Caller;
use super::wire::timer::Timer;
use crate::config::process::Bounds;
use crate::state::room::Held;

/// Why a caller's body could not be read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Its framing is wrong.
    Broken,
    /// The caller left before its end.
    Left,
    /// It came too slowly.
    Slow,
    /// It is larger than this.
    TooLarge(u64),
    /// The gate holds too many.
    NoRoom,
}

impl From<Failure> for Denial {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Broken => Malformed::Chunk.into(),
            Failure::Left => Malformed::Incomplete.into(),
            Failure::Slow => Self::Bound(Bound::Slow),
            Failure::TooLarge(max) => Self::Bound(Bound::Body { max }),
            Failure::NoRoom => Self::Overloaded,
        }
    }
}

/// Where a caller's body comes from.
#[derive(Debug)]
pub enum Source {
    /// The connection itself.
    Http1(Rc<RefCell<Caller>>),
    /// A stream of an HTTP/2 connection.
    Http2(hyper::body::Incoming),
}

impl Source {
    /// How many bytes are to come, where the caller said so.
    pub fn remaining(&self) -> Option<u64> {
        match self {
            Self::Http1(caller) => caller.borrow().body_remaining(),
            Self::Http2(incoming) => incoming.size_hint().exact(),
        }
    }

    fn has_ended(&self) -> bool {
        match self {
            Self::Http1(caller) => caller.borrow().body_has_ended(),
            Self::Http2(incoming) => incoming.is_end_stream(),
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        let incoming = match self {
            Self::Http1(caller) => return caller.borrow_mut().poll_body(cx),
            Self::Http2(incoming) => incoming,
        };
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut *incoming).poll_frame(cx)) {
                None => None,
                Some(Err(_)) => Some(Err(Failure::Left)),
                Some(Ok(frame)) => match frame.into_data() {
                    // An empty frame is nothing: written as a chunk, it would end the body before its end.
                    Ok(data) if data.is_empty() => continue,
                    Ok(data) => Some(Ok(data)),
                    // Trailers of a request end here: a field behind the body has passed no check.
                    Err(_) => continue,
                },
            });
        }
    }
}

/// A caller's body, counted and held to its bounds while it passes.
#[derive(Debug)]
pub struct Stream {
    source: Source,
    max: Option<u64>,
    bytes: Rc<Cell<u64>>,
    /// Bytes per second that must come while we wait; zero lets everything pass.
    rate: u64,
    /// How much waiting is forgiven.
    grace: Duration,
    timer: Rc<Timer>,
    /// How long the caller has let us wait in all, and since when it does now.
    waited: Duration,
    waiting_since: Option<Instant>,
}

impl Stream {
    /// Reads from `source` at most `max` bytes, counted in `bytes`, at no less than the least rate.
    pub fn new(
        source: Source,
        max: Option<u64>,
        bounds: &Bounds,
        bytes: Rc<Cell<u64>>,
        timer: Rc<Timer>,
    ) -> Self {
        let (rate, grace) = (bounds.body_rate, bounds.body_grace);
        Self { source, max, bytes, rate, grace, timer, waited: Duration::ZERO, waiting_since: None }
    }

    /// How many bytes are to come, where the caller said so.
    pub fn remaining(&self) -> Option<u64> {
        self.source.remaining()
    }

    /// Whether nothing is to come.
    pub fn has_ended(&self) -> bool {
        self.source.has_ended()
    }

    /// The next bytes.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        let Poll::Ready(next) = self.source.poll_data(cx) else {
            return self.poll_slow(cx).map(|()| Some(Err(Failure::Slow)));
        };
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        let Some(Ok(data)) = next else {
            return Poll::Ready(next);
        };
        let bytes = self.bytes.get() + data.len() as u64;
        self.bytes.set(bytes);
        Poll::Ready(Some(match self.max {
            Some(max) if bytes > max => Err(Failure::TooLarge(max)),
            Some(_) | None => Ok(data),
        }))
    }

    /// Notes that nobody asks for more for a while: what the caller owes meanwhile is not its fault.
    pub fn pause(&mut self) {
        self.waiting_since = None;
    }

    /// Reads all of it into the room that `held` takes.
    pub async fn read_whole(mut self, held: &mut Held) -> Result<Bytes, Failure> {
        let mut whole = BytesMut::new();
        while let Some(data) = std::future::poll_fn(|cx| self.poll_data(cx)).await {
            let data = data?;
            if !held.grow(data.len() as u64) {
                return Err(Failure::NoRoom);
            }
            if whole.is_empty() && self.has_ended() {
                return Ok(data);
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }

    /// Ready when the caller owes more than the least rate allows. Only the time that it lets us wait counts.
    fn poll_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let Some(millis) = (self.bytes.get().saturating_mul(1000)).checked_div(self.rate) else {
            return Poll::Pending;
        };
        let allowed = (self.grace + Duration::from_millis(millis)).saturating_sub(self.waited);
        self.timer.poll_until(cx, since + allowed)
    }
}

/// The caller's body on its way to the model.
#[derive(Debug)]
pub enum RequestBody {
    /// Passed on as it comes.
    Stream(Box<Stream>),
    /// Read whole before, for a payload proof; empty where there is none.
    Whole(Bytes),
}

/// A request without a body has an empty one.
impl From<Option<Stream>> for RequestBody {
    fn from(stream: Option<Stream>) -> Self {
        stream.map_or(Self::Whole(Bytes::new()), |stream| Self::Stream(Box::new(stream)))
    }
}

impl RequestBody {
    /// How many bytes are to come, where that is known.
    pub fn remaining(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Stream(stream) => stream.remaining(),
        }
    }

    /// Whether nothing is to come.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(stream) => stream.has_ended(),
        }
    }

    /// The next bytes.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        match self {
            Self::Stream(stream) => stream.poll_data(cx),
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
        }
    }

    /// Notes that nobody asks for more for a while.
    pub fn pause(&mut self) {
        if let Self::Stream(stream) = self {
            stream.pause();
        }
    }
}
