//! One caller's connection from accept to close.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use bytes::BytesMut;
use rustls::ServerConfig;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::listener::Accepted;
use super::wire::io::Io;
use super::worker::Worker;
use super::{h1, h2};
use crate::config::process::Bounds;

/// How every HTTP/2 connection with prior knowledge begins.
const H2_START: &[u8] = b"PRI";

/// Serves one connection until either side ends it.
pub async fn serve(worker: Rc<Worker>, accepted: Accepted) {
    let bounds = worker.gate.process.bounds;
    let Accepted { stream, mut peer, held: _held } = accepted;
    let Ok(tcp) = TcpStream::from_std(stream) else {
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
    let peer = Rc::new(peer);
    match opened {
        Some((io, ahead, true)) => Box::pin(h2::serve(worker, peer, io, ahead.freeze())).await,
        Some((io, ahead, false)) => h1::serve(worker, peer, io, ahead).await,
        None => {}
    }
}

/// The socket, what was read ahead, and whether HTTP/2 comes; nothing where the caller does not say in time.
async fn open(
    tcp: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    bounds: &Bounds,
) -> Option<(Io, BytesMut, bool)> {
    let Some(config) = tls else {
        let sniffed = tokio::time::timeout(bounds.head_timeout, sniff(tcp)).await;
        let (tcp, ahead) = sniffed.ok()?.ok()?;
        let h2 = ahead.starts_with(H2_START);
        return Some((Io::Plain(tcp), ahead, h2));
    };
    let handshake = TlsAcceptor::from(config).accept(tcp);
    let stream = tokio::time::timeout(bounds.tls_handshake, handshake).await.ok()?.ok()?;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Some((Io::Tls(Box::new(stream.into())), BytesMut::new(), h2))
}

/// Reads until it is clear which protocol comes; no HTTP/1 method begins as the HTTP/2 preface does.
async fn sniff(mut tcp: TcpStream) -> io::Result<(TcpStream, BytesMut)> {
    let mut ahead = BytesMut::with_capacity(1024);
    loop {
        if tcp.read_buf(&mut ahead).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if ahead.len() >= H2_START.len() || !H2_START.starts_with(&ahead) {
            return Ok((tcp, ahead));
        }
    }
}
