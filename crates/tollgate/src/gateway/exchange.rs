//! One HTTP/1.1 connection to a target, driven by the task that uses it.
//!
//! There is no task beside the request that waits for the answer: an exchange wakes one task, and an idle connection
//! costs nothing but its socket.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tollgate_core::denial::{Denial, UpstreamFailure};

use super::body::{Failure, RequestBody};
use super::wire::decoder::Decoder;
use super::wire::io::Io;
use super::wire::output::Output;
use super::wire::response::{self, ResponseHead};
use super::wire::timer::Timer;
use super::wire::{Lookout, poll_fill};
use crate::config::process::Bounds;
use crate::state::upstreams::TargetState;

/// Interim answers (1xx) that a target may give before the real one.
const MAX_INTERIM: usize = 10;

/// A connection to one target, with at most one request on it.
#[derive(Debug)]
pub struct Exchange {
    /// The target's id.
    pub target: u64,
    io: Io,
    input: BytesMut,
    lookout: Lookout,
    output: Output,
    /// The request's body until it is sent whole.
    upload: Option<Upload>,
    /// The answer's body.
    body: Decoder,
    /// Why the caller's body failed, if it did.
    failure: Option<Failure>,
    /// Whether the target keeps the connection open after this answer.
    keep_alive: bool,
}

#[derive(Debug)]
struct Upload {
    body: RequestBody,
    is_chunked: bool,
    ended: bool,
}

/// A request on its way to a target.
#[derive(Debug)]
pub struct Request {
    /// The method: the answer to `HEAD` has no body.
    pub method: Method,
    /// The head's bytes, which tell the body's framing.
    pub head: Vec<u8>,
    /// The body, in chunks unless its size is known.
    pub body: RequestBody,
}

/// When an answer must have begun.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// In any case.
    pub total: Instant,
    /// After the request's last byte was taken.
    pub first_byte: Duration,
}

/// Why a model's body ends early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The model broke off.
    #[error("the model's body broke off")]
    Broken,
    /// The caller's own body failed while the answer came.
    #[error("the caller's body failed")]
    Caller(Failure),
    /// The model sent nothing for too long.
    #[error("the model's body stalled")]
    Stalled,
    /// The caller's credential was revoked meanwhile.
    #[error("the caller's credential was revoked")]
    Revoked,
}

impl BodyError {
    /// The same as an outcome.
    pub fn denial(&self) -> Denial {
        match self {
            Self::Caller(failure) => (*failure).into(),
            Self::Revoked => Denial::Revoked,
            Self::Broken | Self::Stalled => Denial::Upstream(UpstreamFailure::Unreachable),
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Fault {
    /// The connection broke before the answer.
    Broken(io::Error),
    /// What came is no answer that can be passed on.
    Invalid,
    /// The answer did not begin in time.
    TimedOut,
    /// The caller's body failed.
    Caller(Failure),
}

impl Exchange {
    /// Connects to a target.
    ///
    /// # Errors
    /// What the operating system or the TLS handshake says; `TimedOut` after `within`.
    pub async fn connect(state: &TargetState, within: Duration) -> io::Result<Box<Self>> {
        let io = connect(state, within).await?;
        Ok(Box::new(Self {
            target: state.id,
            io,
            input: BytesMut::new(),
            output: Output::default(),
            upload: None,
            lookout: Lookout::default(),
            body: Decoder::Ended,
            failure: None,
            keep_alive: true,
        }))
    }

    /// Sends a request and waits for the answer's head. A kept connection may be closed by now; ask
    /// [`is_closed`](Self::is_closed) first, as nothing tells afterwards how much of the request was taken.
    ///
    /// # Errors
    /// [`Fault`] tells whose it is.
    pub async fn send(
        &mut self,
        request: Request,
        deadline: Deadline,
        bounds: &Bounds,
        timer: &Timer,
    ) -> Result<ResponseHead, Fault> {
        let Request { method, head, body } = request;
        self.output.head().extend_from_slice(&head);
        let (is_chunked, ended) = (body.remaining().is_none(), body.has_ended());
        let mut sent = ended.then(Instant::now);
        self.upload = Some(Upload { body, is_chunked, ended });
        let mut interim = 0;
        poll_fn(|cx| {
            self.drive(cx).map_err(Fault::Caller)?;
            if sent.is_none() && self.upload.as_ref().is_none_or(|upload| upload.ended) {
                sent = Some(Instant::now());
            }
            loop {
                match response::next(&mut self.input, &mut self.lookout, &method, bounds)
                    .map_err(|_| Fault::Invalid)?
                {
                    Some(head) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                        return Poll::Ready(Ok(head));
                    }
                    Some(head) if head.status.is_informational() => {
                        interim += 1;
                        if interim > MAX_INTERIM {
                            return Poll::Ready(Err(Fault::Invalid));
                        }
                    }
                    Some(head) => {
                        self.body = Decoder::from(head.framing);
                        self.keep_alive = head.keep_alive;
                        return Poll::Ready(Ok(head));
                    }
                    None => match poll_fill(&mut self.io, &mut self.input, 0, cx) {
                        Poll::Pending => break,
                        Poll::Ready(Ok(0)) => {
                            return Poll::Ready(Err(Fault::Broken(io::ErrorKind::UnexpectedEof.into())));
                        }
                        Poll::Ready(Ok(_)) => {}
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(Fault::Broken(error))),
                    },
                }
            }
            // `first_byte` begins when the body has ended.
            let at = sent.map_or(deadline.total, |sent| deadline.total.min(sent + deadline.first_byte));
            timer.poll_until(cx, at).map(|()| Err(Fault::TimedOut))
        })
        .await
    }

    /// The next bytes of the answer's body; what is left of the request's goes on meanwhile.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            match self.body.decode(&mut self.input) {
                Err(_) => return Poll::Ready(Some(Err(BodyError::Broken))),
                Ok(Some(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(None) if self.body.has_ended() => return Poll::Ready(None),
                Ok(None) => {}
            }
            if let Err(failure) = self.drive(cx) {
                return Poll::Ready(Some(Err(BodyError::Caller(failure))));
            }
            match ready!(poll_fill(&mut self.io, &mut self.input, self.body.expected(), cx)) {
                Ok(0) if self.body.end().is_ok() => {
                    self.keep_alive = false;
                    return Poll::Ready(None);
                }
                Ok(0) | Err(_) => return Poll::Ready(Some(Err(BodyError::Broken))),
                Ok(_) => {}
            }
        }
    }

    /// Whether the whole request went out.
    pub fn is_sent(&self) -> bool {
        self.upload.is_none()
    }

    /// Whether the answer's body has ended.
    pub fn body_has_ended(&self) -> bool {
        self.body.has_ended()
    }

    /// How many bytes of the answer's body are to come, where the target said so.
    pub fn body_remaining(&self) -> Option<u64> {
        self.body.remaining()
    }

    /// Whether its target has closed it, as far as one look at the socket tells; one that speaks unasked counts as
    /// closed.
    pub fn is_closed(&mut self, cx: &mut Context<'_>) -> bool {
        !self.input.is_empty() || poll_fill(&mut self.io, &mut self.input, 0, cx).is_ready()
    }

    /// Makes it ready for the next request, or gives nothing where it can take none.
    pub fn recycle(mut self: Box<Self>) -> Option<Box<Self>> {
        let clean = self.keep_alive
            && self.body.has_ended()
            && self.upload.as_ref().is_none_or(|upload| upload.ended)
            && self.output.is_empty()
            // What a target says beyond its answer belongs to nobody.
            && self.input.is_empty();
        self.upload = None;
        self.output.release();
        clean.then_some(self)
    }

    /// The socket and what was read ahead, after a change of protocol.
    pub fn into_parts(self: Box<Self>) -> (Io, BytesMut) {
        (self.io, self.input)
    }

    /// Sends as much of the request as both sides allow; to be called also while nobody takes the answer. A target that
    /// takes no more may have answered already, so that only the caller's failure is an error; it stays one.
    pub fn drive(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        if self.failure.is_none()
            && let Err(failure) = self.poll_upload(cx)
        {
            self.failure = Some(failure);
        }
        self.failure.map_or(Ok(()), Err)
    }

    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        let Some(upload) = &mut self.upload else {
            return Ok(());
        };
        loop {
            if self.output.is_full() {
                upload.body.pause();
            }
            let mut waits = false;
            if !upload.ended && !self.output.is_full() {
                match upload.body.poll_data(cx) {
                    Poll::Pending => waits = true,
                    Poll::Ready(Some(data)) => self.output.push(data?, upload.is_chunked),
                    Poll::Ready(None) => upload.ended = true,
                }
                upload.ended |= !waits && upload.body.has_ended();
                if upload.ended && upload.is_chunked {
                    self.output.push_last_chunk();
                }
            }
            match self.output.poll_write(&mut self.io, cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(())) if upload.ended => break,
                Poll::Ready(Ok(())) if waits => return Ok(()),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    self.keep_alive = false;
                    break;
                }
            }
        }
        self.upload = None;
        Ok(())
    }
}

/// Opens a socket to a target, TLS included.
///
/// # Errors
/// What the operating system or the TLS handshake says; `TimedOut` after `within`.
pub async fn connect(state: &TargetState, within: Duration) -> io::Result<Io> {
    tokio::time::timeout(within, open(state)).await?
}

async fn open(state: &TargetState) -> io::Result<Io> {
    let host = state.target.authority.host().trim_start_matches('[').trim_end_matches(']');
    // Names are resolved for each connection, so that a moved target is found.
    let tcp = TcpStream::connect((host, state.target.port)).await?;
    tcp.set_nodelay(true)?;
    match &state.tls {
        None => Ok(Io::Plain(tcp)),
        Some(tls) => {
            let stream = TlsConnector::from(tls.config.clone()).connect(tls.name.clone(), tcp).await?;
            Ok(Io::Tls(Box::new(stream.into())))
        }
    }
}
