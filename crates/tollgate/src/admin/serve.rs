//! Serving a router on a socket: HTTP/1.1, with or without TLS, within bounds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use super::caller::Peer;
use crate::config::process::ListenerTls;
use crate::tls;

/// Connections that are open at once.
const CONNECTIONS: usize = 512;
/// For the TLS handshake, and for each head.
const HEAD: Duration = Duration::from_secs(10);
/// Bytes of a head.
const HEAD_BYTES: usize = 32 * 1024;
/// How long to wait when the process is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// A bound listener of the control plane.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    pub socket: TcpListener,
    /// Its certificate, for TLS.
    pub tls: Option<Arc<Identity>>,
}

/// A certificate and its key, which may be renewed while the listener serves.
#[derive(Debug)]
pub struct Identity {
    files: ListenerTls,
    now: ArcSwap<ServerConfig>,
}

impl Identity {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// A file that cannot be read or used, named.
    pub fn open(files: ListenerTls) -> anyhow::Result<Self> {
        let now = ArcSwap::new(read(&files)?);
        Ok(Self { files, now })
    }

    /// Reads them again, and changes nothing yet.
    ///
    /// # Errors
    /// As [`Identity::open`].
    pub fn read(&self) -> anyhow::Result<Arc<ServerConfig>> {
        read(&self.files)
    }

    /// Shows this one to whoever connects from now on.
    pub fn store(&self, config: Arc<ServerConfig>) {
        self.now.store(config);
    }
}

impl Listening {
    /// Serves until it is dropped: health must be visible while the data plane drains.
    pub async fn serve(self, router: Router) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            // Closed ends make room in the set.
            while connections.try_join_next().is_some() {}
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    let acceptor = self.tls.as_ref().map(|tls| TlsAcceptor::from(tls.now.load_full()));
                    let connection = connection(stream, peer, acceptor, router.clone(), permit);
                    connections.spawn(connection);
                }
                Err(error) => {
                    tracing::error!(%error, "a listener of the control plane cannot accept connections");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

fn read(files: &ListenerTls) -> anyhow::Result<Arc<ServerConfig>> {
    let mut config = (*tls::server_config(files)?).clone();
    // HTTP/2 would bring nothing here but its own ways to be attacked.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    _permit: OwnedSemaphorePermit,
) {
    let Ok(local) = stream.local_addr() else { return };
    let peer = Peer { address: peer.ip().to_canonical(), local: local.ip().to_canonical() };
    // Answers are small and complete; there is nothing to wait for.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => exchange(stream, peer, router).await,
        Some(acceptor) => match tokio::time::timeout(HEAD, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => exchange(stream, peer, router).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer, router: Router) {
    let answer = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the control plane ended early");
    }
}
