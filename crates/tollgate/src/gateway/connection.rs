//! One caller's connection from accept to close.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tollgate_core::Denial;
use tollgate_core::denial::Bound;

use super::call;
use super::exchange::HYPER_FIELDS;
use super::listener::{Accepted, Peer};
use super::problem;
use super::wire::Watched;
use super::wire::io::Io;
use super::wire::pace::{Due, Pace};
use super::worker::Worker;
use crate::config::process::Bounds;

/// How every HTTP/2 connection with prior knowledge begins.
const H2_START: &[u8] = b"PRI";
/// A refused caller may still be sending; what comes is read for so long, so that the answer is not lost in a reset.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;

/// Serves one connection until either side ends it.
pub async fn serve(worker: Rc<Worker>, accepted: Accepted) {
    let bounds = worker.gate.process.bounds;
    let Accepted { stream, mut peer, held: _held } = accepted;
    let Ok(tcp) = tokio::net::TcpStream::from_std(stream) else {
        return;
    };
    // Answers go out whole; waiting for more to send would only add latency.
    let _ = tcp.set_nodelay(true);
    let tls = peer.listener.tls.load_full();
    peer.secure = tls.is_some();
    let opened = tokio::select! {
        // Boxed, as all but the HTTP/1 connection itself: an idle connection keeps the room of its largest branch.
        opened = Box::pin(open(tcp, tls, &bounds)) => opened,
        // Nothing was asked yet, so a stop need not wait for it.
        () = worker.gate.drain.cancelled() => return,
    };
    let Some((io, ahead, h2)) = opened else {
        return;
    };
    let pace = Pace::new();
    let client = peer.address;
    match h2 {
        true => Box::pin(serve_http2(&worker, Rc::new(peer), io, ahead, &pace, &bounds)).await,
        false => {
            serve_http1(&worker, Rc::new(peer), io, ahead, &pace, &bounds).await;
            Box::pin(answer_refusal(&worker, client, &pace)).await;
        }
    }
}

/// The socket, what was read ahead, and whether HTTP/2 comes; nothing where the caller does not say in time.
async fn open(
    tcp: tokio::net::TcpStream,
    tls: Option<Arc<ServerConfig>>,
    bounds: &Bounds,
) -> Option<(Io, Bytes, bool)> {
    let Some(config) = tls else {
        let sniffed = tokio::time::timeout(bounds.head_timeout, sniff(tcp)).await;
        let (tcp, ahead) = sniffed.ok()?.ok()?;
        let h2 = ahead.starts_with(H2_START);
        return Some((Io::Plain(tcp), ahead, h2));
    };
    let handshake = TlsAcceptor::from(config).accept(tcp);
    let stream = tokio::time::timeout(bounds.tls_handshake, handshake).await.ok()?.ok()?;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Some((Io::Tls(Box::new(stream.into())), Bytes::new(), h2))
}

/// Reads until it is clear which protocol comes; no HTTP/1 method begins as the HTTP/2 preface does.
async fn sniff(mut tcp: tokio::net::TcpStream) -> io::Result<(tokio::net::TcpStream, Bytes)> {
    let mut ahead = BytesMut::with_capacity(1024);
    loop {
        if tcp.read_buf(&mut ahead).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if ahead.len() >= H2_START.len() || !H2_START.starts_with(&ahead) {
            return Ok((tcp, ahead.freeze()));
        }
    }
}

async fn serve_http1(
    worker: &Rc<Worker>,
    peer: Rc<Peer>,
    io: Io,
    ahead: Bytes,
    pace: &Arc<Pace>,
    bounds: &Bounds,
) {
    let watched = Watched::http1(io, ahead, bounds, pace.clone());
    let mut builder = http1::Builder::new();
    if bounds.header_fields != HYPER_FIELDS {
        builder.max_headers(bounds.header_fields);
    }
    let connection = builder
        // Beyond the scanner's own bound, so that the scanner refuses a long head before hyper gives its bare answer.
        .max_buf_size(bounds.head_bytes.saturating_add(1).max(8192))
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(watched), service_fn(service(worker, peer, pace)))
        .with_upgrades();
    drive(connection, |connection| connection.graceful_shutdown(), worker, pace, bounds).await;
}

async fn serve_http2(
    worker: &Rc<Worker>,
    peer: Rc<Peer>,
    io: Io,
    ahead: Bytes,
    pace: &Arc<Pace>,
    bounds: &Bounds,
) {
    let watched = Watched::http2(io, ahead, pace.clone());
    let connection = http2::Builder::new(LocalExecutor(worker.clone()))
        .timer(TokioTimer::new())
        .max_concurrent_streams(bounds.h2_streams)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_header_list_size(u32::try_from(bounds.head_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(20)
        .keep_alive_interval(bounds.idle / 2)
        .serve_connection(TokioIo::new(watched), service_fn(service(worker, peer, pace)));
    drive(connection, |connection| connection.graceful_shutdown(), worker, pace, bounds).await;
}

/// The walk as a hyper service. The future is boxed, so that an idle connection does not hold room for one.
fn service(
    worker: &Rc<Worker>,
    peer: Rc<Peer>,
    pace: &Arc<Pace>,
) -> impl Fn(Request<Incoming>) -> Answering + 'static {
    let (worker, pace) = (worker.clone(), pace.clone());
    move |request| Box::pin(super::serve(worker.clone(), peer.clone(), pace.clone(), request))
}

type Answering = Pin<Box<dyn Future<Output = Result<http::Response<super::body::ResponseBody>, Infallible>>>>;

/// Polls the connection, ends it gracefully when the gate drains, and minds its waits.
async fn drive<C: Future>(
    connection: C,
    graceful: impl Fn(Pin<&mut C>),
    worker: &Worker,
    pace: &Pace,
    bounds: &Bounds,
) {
    let mut connection = pin!(connection);
    let drain = &worker.gate.drain;
    let mut draining = pin!(drain.cancelled());
    let mut timer = pin!(tokio::time::sleep(bounds.head_timeout));
    let (mut first, mut drained) = (true, false);
    std::future::poll_fn(|cx| {
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // Both are registered once; later a look at an atomic tells whether they have something to say.
        if !drained && (first || drain.is_cancelled()) && draining.as_mut().poll(cx).is_ready() {
            drained = true;
            graceful(connection.as_mut());
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        let again = first || timer.is_elapsed() || pace.take_rearm();
        first = false;
        if !again {
            return Poll::Pending;
        }
        match wait(pace, bounds, timer.as_mut(), cx) {
            Wait::On => Poll::Pending,
            Wait::Over => Poll::Ready(()),
            // The body's reader has to learn that it failed.
            Wait::Failed => connection.as_mut().poll(cx).map(drop),
        }
    })
    .await;
}

enum Wait {
    On,
    Over,
    Failed,
}

/// Looks at the connection's waits and sets its timer.
fn wait(pace: &Pace, bounds: &Bounds, mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Wait {
    let mut outcome = Wait::On;
    loop {
        match pace.due(bounds) {
            Due::Close => return Wait::Over,
            Due::HeadTimeout => {
                pace.refuse(Denial::Bound(Bound::Slow));
                return Wait::Over;
            }
            Due::BodyTimeout => outcome = Wait::Failed,
            Due::At(at) => {
                timer.as_mut().reset(at);
                if timer.as_mut().poll(cx).is_pending() {
                    return outcome;
                }
            }
        }
    }
}

/// Answers what was refused below hyper, and closes.
async fn answer_refusal(worker: &Rc<Worker>, client: IpAddr, pace: &Pace) {
    let (Some(denial), Some(mut io)) = (pace.take_refusal(), pace.take_io()) else {
        return;
    };
    let now = worker.gate.clock.now();
    let id = worker.ids.borrow_mut().next(now);
    worker.gate.telemetry.finish(&call::refused(&id, now, client, &denial));
    let answer = problem::raw(&denial, worker.gate.live().snapshot.errors, id.as_str());
    // The caller may be gone; there is nobody to tell then.
    let _ = tokio::time::timeout(LINGER, async {
        io.write_all(&answer).await?;
        io.shutdown().await?;
        let mut rest = [0; 4096];
        let mut left = LINGER_BYTES;
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

/// Spawns the tasks of HTTP/2 streams on this thread.
#[derive(Debug, Clone)]
struct LocalExecutor(Rc<Worker>);

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}
