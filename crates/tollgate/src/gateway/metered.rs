//! The model's body on its way to the caller, and the one end of each request that reached a model.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::body::BodyError;
use super::call::{Call, Outcome};
use super::exchange::Exchange;
use super::worker::Worker;
use crate::state::upstreams::Occupied;

/// A body that drives its connection and closes its call: at the end, at an error, or when the caller leaves and it is
/// dropped.
#[derive(Debug)]
pub struct Metered {
    body: Incoming,
    worker: Rc<Worker>,
    idle: Duration,
    waiting_since: Option<Instant>,
    /// Whether the caller gets nothing before the body is whole.
    withheld: bool,
    /// Why the body broke, until the caller's side has been told.
    broken: Option<BodyError>,
    /// Absent once the body has ended.
    flow: Option<Flow>,
}

#[derive(Debug)]
struct Flow {
    exchange: Exchange,
    call: Call,
    _occupied: Occupied,
}

impl Metered {
    /// Takes over an answered request. `idle` bounds the time between two reads.
    pub fn new(
        body: Incoming,
        exchange: Exchange,
        call: Call,
        occupied: Occupied,
        worker: Rc<Worker>,
        idle: Duration,
    ) -> Self {
        let flow = Some(Flow { exchange, call, _occupied: occupied });
        let mut metered =
            Self { body, worker, idle, waiting_since: None, withheld: false, broken: None, flow };
        // Nobody asks an empty body for its next part; the connection wakes whoever uses it next.
        if metered.body.is_end_stream() {
            metered.end(Outcome::Served, &mut Context::from_waker(Waker::noop()));
        }
        metered
    }

    /// Notes that the head waits for the whole body, to sign it: a body that breaks is answered with 502 then.
    pub fn withhold(&mut self) {
        self.withheld = true;
    }

    /// The next part of the body.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        loop {
            let mut next = Pin::new(&mut self.body).poll_frame(cx);
            if next.is_pending() {
                let Some(flow) = &mut self.flow else {
                    return Poll::Ready(None);
                };
                flow.exchange.drive(cx);
                next = Pin::new(&mut self.body).poll_frame(cx);
            }
            return match next {
                Poll::Pending => self.poll_stall(cx),
                Poll::Ready(None) => {
                    self.end(Outcome::Served, cx);
                    Poll::Ready(None)
                }
                Poll::Ready(Some(Err(error))) => self.poll_broken(BodyError::Upstream(error), cx),
                Poll::Ready(Some(Ok(frame))) => {
                    self.waiting_since = None;
                    let Some(data) = frame.data_ref() else { continue };
                    if let Some(flow) = &mut self.flow {
                        flow.call.response_bytes += data.len() as u64;
                    }
                    if self.body.is_end_stream() {
                        self.end(Outcome::Served, cx);
                    }
                    Poll::Ready(Some(Ok(frame)))
                }
            };
        }
    }

    /// Whether nothing is left.
    pub fn is_end_stream(&self) -> bool {
        self.broken.is_none() && self.body.is_end_stream()
    }

    /// How much is left, as far as the model said.
    pub fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(flow) = &mut self.flow else {
            return Poll::Ready(None);
        };
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        match flow.exchange.poll_deadline(cx, since + self.idle) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => self.poll_broken(BodyError::Stalled, cx),
        }
    }

    /// Ends a body that breaks. The error comes with the next poll: hyper drops what it has not yet written when it
    /// sees one, and the caller is to get all that the model said before.
    fn poll_broken(
        &mut self,
        error: BodyError,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.end(Outcome::UpstreamError, cx);
        self.broken = Some(error);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn end(&mut self, outcome: Outcome, cx: &mut Context<'_>) {
        let Some(mut flow) = self.flow.take() else { return };
        flow.call.outcome = outcome;
        if self.withheld && outcome == Outcome::UpstreamError {
            flow.call.status = StatusCode::BAD_GATEWAY;
        }
        if outcome == Outcome::Served && flow.exchange.is_reusable(cx) {
            self.worker.pool.borrow_mut().put(flow.exchange);
        }
    }
}
