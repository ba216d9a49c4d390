//! One connection to a target, driven by the task that uses it.
//!
//! hyper's client connection is a future of its own. It is polled here, inside the request that waits for it, instead
//! of in a task beside it: an exchange wakes one task, and an idle connection costs nothing but memory.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsConnector;

use super::body::RequestBody;
use super::wire::io::Io;
use crate::config::process::Bounds;
use crate::state::upstreams::TargetState;

/// Header fields that hyper takes unless told otherwise.
pub const HYPER_FIELDS: usize = 100;

/// A connection to one target, with at most one request on it.
#[derive(Debug)]
pub struct Exchange {
    /// The target's id.
    pub target: u64,
    sender: SendRequest<RequestBody>,
    connection: Driven,
    timer: Timer,
    /// Interim answers to the current request.
    interim: Arc<AtomicU32>,
}

/// hyper's side of a connection until it has ended. Then it is dropped: that is how hyper gives back a request that was
/// never sent.
#[derive(Debug)]
struct Driven(Option<Pin<Box<HyperConnection>>>);

type HyperConnection = Connection<TokioIo<Io>, RequestBody>;

impl Driven {
    fn drive(&mut self, cx: &mut Context<'_>) {
        if self.0.as_mut().is_some_and(|connection| connection.as_mut().poll(cx).is_ready()) {
            self.0 = None;
        }
    }

    fn has_ended(&self) -> bool {
        self.0.is_none()
    }
}

/// Interim answers (1xx) that a target may give before the real one.
const MAX_INTERIM: u32 = 10;

/// Why there is no answer.
#[derive(Debug)]
pub enum Fault {
    /// The request was never sent; it may be tried elsewhere.
    NotSent(Box<Request<RequestBody>>),
    /// The connection broke, or the answer was no HTTP.
    Broken(hyper::Error),
    /// The answer did not begin in time.
    TimedOut,
    /// Interim answers came without end.
    Flooded,
}

impl Exchange {
    /// Connects to a target.
    ///
    /// # Errors
    /// What the operating system or the TLS handshake says; `TimedOut` after `within`.
    pub async fn connect(state: &TargetState, within: Duration, bounds: &Bounds) -> io::Result<Self> {
        let io = connect(state, within).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(bounds.head_bytes.max(8192)).max_header_size(bounds.head_bytes);
        // Naming the number puts hyper's field table on the heap for every message, also where it is hyper's own.
        if bounds.header_fields != HYPER_FIELDS {
            builder.max_headers(bounds.header_fields);
        }
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(io::Error::other)?;
        Ok(Self {
            target: state.id,
            sender,
            connection: Driven(Some(Box::pin(connection))),
            timer: Timer::new(within),
            interim: Arc::default(),
        })
    }

    /// Sends a request and waits for the answer's head until `deadline` says that it is too late.
    ///
    /// # Errors
    /// [`Fault`] tells whether the request was sent.
    pub async fn send(
        &mut self,
        mut request: Request<RequestBody>,
        deadline: impl Fn() -> Instant,
    ) -> Result<Response<Incoming>, Fault> {
        let interim = self.interim.clone();
        interim.store(0, Relaxed);
        hyper::ext::on_informational(&mut request, move |_| {
            interim.fetch_add(1, Relaxed);
        });
        let interim = &self.interim;
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let (connection, timer) = (&mut self.connection, &mut self.timer);
        std::future::poll_fn(|cx| {
            // The connection takes the request up, writes it, reads the answer and completes the future below.
            connection.drive(cx);
            if interim.load(Relaxed) > MAX_INTERIM {
                return Poll::Ready(Err(Fault::Flooded));
            }
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer.map_err(|mut error| match error.take_message() {
                    Some(request) => Fault::NotSent(Box::new(request)),
                    None => Fault::Broken(error.into_error()),
                }));
            }
            timer.poll_until(cx, deadline()).map(|()| Err(Fault::TimedOut))
        })
        .await
    }

    /// Drives the connection while a body flows; to be called whenever the body has nothing to give.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        self.connection.drive(cx);
    }

    /// Whether `at` has passed; wakes the task when it does.
    pub fn poll_deadline(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        self.timer.poll_until(cx, at)
    }

    /// Whether its target has closed it, as far as one look at the socket tells.
    pub fn is_closed(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        self.connection.has_ended()
    }

    /// Whether another request may be sent on it now.
    pub fn is_reusable(&mut self, cx: &mut Context<'_>) -> bool {
        // The look at the socket that read the answer's end has often made it ready already.
        if !self.sender.is_ready() {
            self.drive(cx);
        }
        !self.connection.has_ended() && self.sender.is_ready()
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

/// A timer that is set anew only when it fires: deadlines move forward with every request, timer wheels cost time.
#[derive(Debug)]
struct Timer(Pin<Box<Sleep>>);

impl Timer {
    fn new(first: Duration) -> Self {
        Self(Box::pin(tokio::time::sleep(first)))
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        if self.0.deadline() > at {
            self.0.as_mut().reset(at);
        }
        while self.0.as_mut().poll(cx).is_ready() {
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(at);
        }
        Poll::Pending
    }
}
