//! The model's body on its way to the caller, and the one end of each request that reached a model.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use tollgate_ledger::journal::Flushed;

use super::call::{Call, Outcome};
use super::exchange::{BodyError, Exchange};
use super::generated;
use super::wire::timer::Timer;
use super::worker::Worker;
use crate::state::upstreams::Occupied;

/// How long the end of an answer waits for a journal whose disk fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// A body that drives its connection and closes its call: at the end, at an error, or when the caller leaves and it is
/// dropped.
#[derive(Debug)]
pub struct Metered {
    worker: Rc<Worker>,
    timer: Rc<Timer>,
    idle: Duration,
    waiting_since: Option<Instant>,
    /// Whether the caller gets nothing before the body is whole.
    withheld: bool,
    /// Why the body broke, until the caller's side has been told.
    broken: Option<BodyError>,
    /// Absent once the body has ended.
    flow: Option<Flow>,
    /// What the caller gets when the journal has the call's end.
    last: Option<Last>,
    /// When the call last said how far it is.
    progress: u32,
}

/// The end of a body. The caller may not have the last of it before the call is taken down for good: else somebody could be
/// served whom no bill knows.
#[derive(Debug)]
struct Last {
    data: Option<Bytes>,
    flushed: Flushed,
}

/// An answer under way.
#[derive(Debug)]
pub struct Flow {
    pub exchange: Box<Exchange>,
    pub call: Box<Call>,
    _occupied: Occupied,
}

impl Metered {
    /// Takes over an answered request. `idle` bounds the time between two reads.
    pub fn new(
        exchange: Box<Exchange>,
        call: Box<Call>,
        occupied: Occupied,
        worker: Rc<Worker>,
        timer: Rc<Timer>,
        idle: Duration,
    ) -> Self {
        let ended = exchange.body_has_ended();
        let flow = Some(Flow { exchange, call, _occupied: occupied });
        let progress = worker.progress.get();
        let mut metered = Self {
            worker,
            timer,
            idle,
            waiting_since: None,
            withheld: false,
            broken: None,
            flow,
            last: None,
            progress,
        };
        // Nobody asks an empty body for its next part.
        if ended {
            metered.end();
        }
        metered
    }

    /// Notes that the head waits for the whole body, to sign it: a body that breaks is answered with 502 then.
    pub fn withhold(&mut self) {
        self.withheld = true;
    }

    /// The next part of the body.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        if self.last.is_some() {
            return self.poll_last(cx);
        }
        let Some(flow) = &mut self.flow else {
            return Poll::Ready(None);
        };
        loop {
            let (data, ended) = match flow.exchange.poll_data(cx) {
                Poll::Pending => return self.poll_stall(cx),
                Poll::Ready(None) => (Bytes::new(), true),
                Poll::Ready(Some(Err(error))) => return self.poll_broken(error, cx),
                Poll::Ready(Some(Ok(_))) if flow.call.is_revoked() => {
                    return self.poll_broken(BodyError::Revoked, cx);
                }
                Poll::Ready(Some(Ok(data))) => (data, flow.exchange.body_has_ended()),
            };
            self.waiting_since = None;
            let data = flow.call.pass(data, ended);
            if self.progress != self.worker.progress.get() {
                self.progress = self.worker.progress.get();
                flow.call.progress();
            }
            if ended {
                return self.poll_end(data, cx);
            }
            // Nothing of a part goes on where all of it is held or taken out.
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }

    /// The end of the body, with the last of its bytes.
    fn poll_end(&mut self, data: Bytes, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        self.end();
        let data = Some(data).filter(|data| !data.is_empty());
        match &mut self.last {
            None => Poll::Ready(data.map(Ok)),
            Some(last) => {
                last.data = data;
                self.poll_last(cx)
            }
        }
    }

    /// Lets what is left of the request go on while nobody takes the answer.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(flow) = &mut self.flow {
            // A failure shows with the next part of the answer.
            let _ = flow.exchange.drive(cx);
        }
    }

    /// Reads all of it.
    pub async fn read_whole(&mut self) -> Result<Bytes, BodyError> {
        let mut whole = BytesMut::new();
        while let Some(data) = poll_fn(|cx| self.poll_data(cx)).await {
            whole.extend_from_slice(&data?);
        }
        Ok(whole.freeze())
    }

    /// Whether nothing is left.
    pub fn has_ended(&self) -> bool {
        self.broken.is_none() && self.flow.is_none() && self.last.is_none()
    }

    /// Whether all that is left waits for the journal.
    pub fn is_closing(&self) -> bool {
        self.last.is_some()
    }

    /// How much is left, as far as the model said.
    pub fn remaining(&self) -> Option<u64> {
        match &self.flow {
            Some(flow) if flow.call.is_filtered() => None,
            Some(flow) => flow.exchange.body_remaining(),
            None => self
                .last
                .as_ref()
                .map(|last| last.data.as_ref().map_or(0, |data| data.len() as u64))
                .or(Some(0)),
        }
    }

    /// The last part, once the journal has the call's end; where its disk fails, in a moment all the same: the journal
    /// keeps the end in memory until it can write it.
    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let Some(last) = &mut self.last else { return Poll::Ready(None) };
        if Pin::new(&mut last.flushed).poll(cx).is_pending() {
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            ready!(self.timer.poll_until(cx, since + PATIENCE));
        }
        Poll::Ready(self.last.take().and_then(|last| last.data).map(Ok))
    }

    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        match self.timer.poll_until(cx, since + self.idle) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => self.poll_broken(BodyError::Stalled, cx),
        }
    }

    /// Ends a body that breaks. The error comes with the next poll: an HTTP/2 connection drops what it has not yet
    /// written when it sees one, and the caller is to get all that the model said before.
    fn poll_broken(
        &mut self,
        error: BodyError,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        if let Some(mut flow) = self.flow.take() {
            let denial = error.denial();
            flow.call.deny_midway(&denial);
            if self.withheld {
                flow.call.status = Some(denial.status());
            }
        }
        self.broken = Some(error);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The whole answer has come.
    fn end(&mut self) {
        let Some(mut flow) = self.flow.take() else { return };
        flow.call.outcome = Outcome::Served;
        self.waiting_since = None;
        self.last = flow.call.close().map(|flushed| Last { data: None, flushed });
        if let Some(exchange) = flow.exchange.recycle() {
            self.worker.pool.borrow_mut().put(exchange);
        }
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        let Some(flow) = self.flow.take() else { return };
        // A gate that stops waits for no model without a caller; and where the thread ends, no task can begin.
        if flow.call.reads_on() && !self.worker.gate.drain.is_cancelled() {
            self.worker.spawn(generated::read_on(self.worker.clone(), flow, self.idle));
        }
    }
}
