//! Listening sockets: accepts, caps, and hands each connection to the least loaded thread.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use parking_lot::Mutex;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::config::process;

/// Connections that the kernel completes ahead of us.
const BACKLOG: i32 = 4096;
/// Bytes of an answer that the kernel takes and has not sent.
const UNSENT: u32 = 64 * 1024;
/// How long to wait when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound listener of the data plane.
#[derive(Debug)]
pub struct Listener {
    /// Where it really listens.
    pub address: SocketAddr,
    /// Its settings.
    pub settings: process::Listener,
    /// The current certificate, for TLS.
    pub tls: ArcSwapOption<ServerConfig>,
    open: AtomicUsize,
    per_address: Mutex<HashMap<IpAddr, usize>>,
}

/// A data plane thread as listeners see it.
#[derive(Debug, Clone)]
pub struct Inbox {
    /// Where accepted connections go.
    pub connections: UnboundedSender<Accepted>,
    /// Connections that the thread has.
    pub load: Arc<AtomicUsize>,
}

/// A connection on its way to a thread.
#[derive(Debug)]
pub struct Accepted {
    /// The socket, not yet registered with the thread's runtime.
    pub stream: std::net::TcpStream,
    /// Who is at its other end.
    pub peer: Peer,
    /// Counts the connection as long as it is kept.
    pub held: Held,
}

/// A connection's place in the caps and in its thread's load.
#[derive(Debug)]
pub struct Held {
    _slot: Slot,
    load: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Relaxed);
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address of the socket.
    pub address: IpAddr,
    /// The same, ready to send.
    pub address_header: HeaderValue,
    /// Whether the connection uses TLS.
    pub secure: bool,
    /// Whether it is a proxy whose `X-Forwarded-*` is believed.
    pub trusted: bool,
    /// The listener that accepted it.
    pub listener: Arc<Listener>,
}

impl Listener {
    /// Binds the address; a TLS listener needs its configuration at once.
    ///
    /// # Errors
    /// What the operating system says, with the address.
    pub fn bind(
        settings: process::Listener,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<(Arc<Self>, TcpListener)> {
        let listener = bind(settings.address).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {}: {error}", settings.address))
        })?;
        let this = Self {
            address: listener.local_addr()?,
            settings,
            tls: ArcSwapOption::from(tls),
            open: AtomicUsize::new(0),
            per_address: Mutex::default(),
        };
        Ok((Arc::new(this), listener))
    }

    /// Whether the address is a proxy of ours.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.settings.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// Connections that are held now, those of trusted proxies among them.
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Accepts until `stop`; each connection goes to the thread with the fewest.
    pub async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        inboxes: Vec<Inbox>,
        stop: CancellationToken,
    ) {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.hand_over(stream, peer.ip().to_canonical(), &inboxes),
                Err(error) if is_callers(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn hand_over(self: &Arc<Self>, stream: tokio::net::TcpStream, address: IpAddr, inboxes: &[Inbox]) {
        let trusted = self.trusts(address);
        // Over the cap the socket is closed without a word: an answer would cost what the cap saves.
        let Some(slot) = self.slot(address, trusted) else {
            return;
        };
        let Some(inbox) = inboxes.iter().min_by_key(|inbox| inbox.load.load(Relaxed)) else {
            return;
        };
        let address_header = HeaderValue::from_str(&address.to_string());
        let (Ok(stream), Ok(address_header)) = (stream.into_std(), address_header) else {
            return;
        };
        // So that the kernel asks for more while a slow reader reads, not only once it has drained megabytes.
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
        inbox.load.fetch_add(1, Relaxed);
        let peer = Peer { address, address_header, secure: false, trusted, listener: self.clone() };
        let accepted = Accepted { stream, peer, held: Held { _slot: slot, load: inbox.load.clone() } };
        // A thread that has ended takes no more; the socket closes.
        let _ = inbox.connections.send(accepted);
    }

    fn slot(self: &Arc<Self>, address: IpAddr, trusted: bool) -> Option<Slot> {
        let caps = self.settings.connections;
        if self.open.load(Relaxed) >= caps.total {
            return None;
        }
        let key = (!trusted).then(|| network(address));
        if let Some(key) = key {
            let mut per_address = self.per_address.lock();
            let count = per_address.entry(key).or_default();
            if *count >= caps.per_address {
                return None;
            }
            *count += 1;
        }
        self.open.fetch_add(1, Relaxed);
        Some(Slot { listener: self.clone(), key })
    }
}

/// One counted connection.
#[derive(Debug)]
struct Slot {
    listener: Arc<Listener>,
    key: Option<IpAddr>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.listener.open.fetch_sub(1, Relaxed);
        let Some(key) = self.key else { return };
        let mut per_address = self.listener.per_address.lock();
        if let Some(count) = per_address.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                per_address.remove(&key);
            }
        }
    }
}

/// What one subscriber is likely to hold: an IPv4 address, a /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Errors of one connection that went away before it was accepted.
fn is_callers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
