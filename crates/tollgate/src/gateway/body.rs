//! Bodies on their way: the caller's to the model, the model's to the caller.

use std::cell::Cell;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;
use tollgate_core::denial::{Bound, Denial, Malformed};

use super::metered::Metered;
use super::wire::pace::Pace;

/// Why a body ends early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The caller broke off or sent broken framing.
    #[error("the caller's body broke off")]
    Caller(#[source] hyper::Error),
    /// It is larger than the route takes.
    #[error("the caller's body is larger than {0} bytes")]
    TooLarge(u64),
    /// The model broke off.
    #[error("the model's body broke off")]
    Upstream(#[source] hyper::Error),
    /// The model sent nothing for too long.
    #[error("the model's body stalled")]
    Stalled,
}

/// What the request's task learns about the caller's body while it flows.
#[derive(Debug, Default)]
pub struct Progress {
    /// Why it failed, if it did.
    pub failure: Cell<Option<Failure>>,
    /// When its last byte was taken.
    pub ended: Cell<Option<Instant>>,
}

impl Progress {
    /// Notes that the last byte was taken.
    pub fn end(&self) {
        self.ended.set(Some(Instant::now()));
    }
}

/// Why a caller's body could not be sent whole.
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
}

impl Failure {
    /// Why a caller's body gave an error: hyper calls broken chunks invalid, all else is the stream's early end.
    pub fn of(error: &hyper::Error, pace: &Pace) -> Self {
        use std::io::ErrorKind::{InvalidData, InvalidInput};
        if pace.is_slow() {
            return Self::Slow;
        }
        let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
        match cause.map(std::io::Error::kind) {
            Some(InvalidData | InvalidInput) => Self::Broken,
            Some(_) | None => Self::Left,
        }
    }
}

impl From<Failure> for Denial {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Broken => Malformed::Chunk.into(),
            Failure::Left => Malformed::Incomplete.into(),
            Failure::Slow => Self::Bound(Bound::Slow),
            Failure::TooLarge(max) => Self::Bound(Bound::Body { max }),
        }
    }
}

/// The caller's body on its way to the model.
#[derive(Debug)]
pub enum RequestBody {
    /// Passed on as it comes.
    Stream(Stream),
    /// Read whole before, for a payload proof.
    Whole(Option<Bytes>),
}

/// A body that is counted and bounded while it passes.
#[derive(Debug)]
pub struct Stream {
    /// The caller's body.
    pub incoming: Incoming,
    /// The largest size in bytes.
    pub max: Option<u64>,
    /// How many bytes have passed.
    pub bytes: Rc<Cell<u64>>,
    /// What the task is told.
    pub progress: Rc<Progress>,
    /// The connection it comes on.
    pub pace: Arc<Pace>,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => stream.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream(stream) => stream.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream(stream) => stream.incoming.size_hint(),
        }
    }
}

impl Stream {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            let frame = std::task::ready!(Pin::new(&mut self.incoming).poll_frame(cx));
            return Poll::Ready(match frame {
                None => {
                    self.progress.end();
                    None
                }
                Some(Err(error)) => {
                    self.progress.failure.set(Some(Failure::of(&error, &self.pace)));
                    Some(Err(BodyError::Caller(error)))
                }
                Some(Ok(frame)) => {
                    // Trailers of a request end here: a field behind the body has passed no check.
                    let Some(data) = frame.data_ref() else { continue };
                    let bytes = self.bytes.get() + data.len() as u64;
                    self.bytes.set(bytes);
                    if let Some(max) = self.max.filter(|max| bytes > *max) {
                        self.progress.failure.set(Some(Failure::TooLarge(max)));
                        return Poll::Ready(Some(Err(BodyError::TooLarge(max))));
                    }
                    if self.incoming.is_end_stream() {
                        self.progress.end();
                    }
                    Some(Ok(frame))
                }
            });
        }
    }
}

/// What the caller gets.
#[derive(Debug)]
pub enum ResponseBody {
    /// Ours, or one that was read whole.
    Whole(Option<Bytes>),
    /// The model's, as it comes.
    Metered(Box<Metered>),
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Metered(metered) => metered.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Metered(metered) => metered.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Metered(metered) => metered.size_hint(),
        }
    }
}
