//! Model servers of the tests, on raw sockets.
//!
//! `echo`, `echo2` and `echo3` answer at once with what they saw, `secure` does so over TLS. `slow`, `stream` and
//! `broken` answer only as the transcript says, byte for byte; `stuck` does not even read a body until it is told to.
//! `closed` is an address at which nobody listens.

mod request;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncWriteExt, WriteHalf};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::answer::Fields;
use crate::certificates::Certificates;
use crate::client::{Stream, within};

const ECHO: [&str; 4] = ["echo", "echo2", "echo3", "secure"];
const MANUAL: [&str; 4] = ["slow", "stream", "broken", "stuck"];

/// All model servers of one test.
pub struct Upstreams {
    list: BTreeMap<&'static str, Arc<Upstream>>,
    /// Bound and never listening, so that the port stays ours and connections are refused.
    closed: Socket,
}

/// One model server.
pub struct Upstream {
    pub address: SocketAddr,
    echo: bool,
    /// Whether it waits for a word before it reads bodies.
    stuck: bool,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    connections: Vec<Connection>,
    /// Whether bodies are read where that waits for a word.
    reads: bool,
    probes: usize,
    health: u16,
}

/// A request that arrived, its body as far as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub fields: Fields,
    /// The head as it was sent.
    pub head: Vec<u8>,
    pub body: Vec<u8>,
    /// Whether the body ended as it should.
    pub whole: bool,
    /// Whether a transcript has looked at it.
    pub looked_at: bool,
    connection: usize,
}

struct Connection {
    commands: UnboundedSender<Command>,
    used: bool,
    gone: bool,
}

enum Command {
    Send(Vec<u8>),
    Close,
}

impl Upstreams {
    /// Starts all of them.
    pub async fn start(certificates: &Certificates) -> Result<Self> {
        let mut list = BTreeMap::new();
        for name in ECHO.into_iter().chain(MANUAL) {
            let tls = match name {
                "secure" => Some(TlsAcceptor::from(certificates.server()?)),
                _ => None,
            };
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let upstream = Arc::new(Upstream {
                address: listener.local_addr()?,
                echo: ECHO.contains(&name),
                stuck: name == "stuck",
                state: Mutex::new(State { health: 200, ..State::default() }),
                changed: watch::Sender::new(()),
            });
            tokio::spawn(accept(upstream.clone(), listener, tls));
            list.insert(name, upstream);
        }
        let closed = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        closed.bind(&"127.0.0.1:0".parse::<SocketAddr>()?.into())?;
        Ok(Self { list, closed })
    }

    /// The address of a name, for configurations.
    pub fn address(&self, name: &str) -> Option<String> {
        if name == "closed" {
            return Some(self.closed.local_addr().ok()?.as_socket()?.to_string());
        }
        self.list.get(name).map(|upstream| upstream.address.to_string())
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Result<&Arc<Upstream>> {
        self.list.get(name).with_context(|| format!("no upstream is called `{name}`"))
    }

    /// Every request that arrived anywhere.
    pub fn seen(&self) -> Vec<Seen> {
        self.list.values().flat_map(|upstream| upstream.state.lock().seen.clone()).collect()
    }

    /// How many arrived.
    pub fn count(&self) -> usize {
        self.list.values().map(|upstream| upstream.state.lock().seen.len()).sum()
    }
}

impl Upstream {
    /// Waits until `find` finds something.
    async fn until<T>(&self, what: &str, mut find: impl FnMut(&mut State) -> Option<T>) -> Result<T> {
        let mut changed = self.changed.subscribe();
        let wait = async {
            loop {
                if let Some(found) = find(&mut self.state.lock()) {
                    return found;
                }
                // The sender lives as long as `self`.
                let _ = changed.changed().await;
            }
        };
        within(what, wait).await
    }

    /// The latest request of this line that no step has looked at, once its body is whole if `whole` asks for that.
    pub async fn request(&self, method: &str, target: &str, whole: bool) -> Result<Seen> {
        let found = self
            .until(&format!("{method} {target} at the upstream"), |state| {
                let mut seen = state.seen.iter_mut().rev();
                let seen = seen.find(|s| s.method == method && s.target == target && !s.looked_at)?;
                // Another protocol has no end that could be waited for.
                if whole && !seen.whole && seen.fields.get("upgrade").is_none() {
                    return None;
                }
                seen.looked_at = true;
                Some(seen.clone())
            })
            .await;
        found.with_context(|| {
            let state = self.state.lock();
            let lines = state.seen.iter().map(|seen| format!("{} {}", seen.method, seen.target));
            format!("it saw {:?}", lines.collect::<Vec<_>>())
        })
    }

    /// Waits for the nth request, or for one more than the transcript has waited for.
    pub async fn arrived(&self, nth: usize) -> Result<()> {
        self.until("a request at the upstream", |state| (state.seen.len() >= nth).then_some(())).await
    }

    /// Waits for body bytes of the nth request.
    pub async fn bytes(&self, nth: usize, count: usize) -> Result<()> {
        self.until("body bytes at the upstream", |state| {
            (state.seen.get(nth - 1)?.body.len() >= count).then_some(())
        })
        .await
    }

    /// How many requests have arrived.
    pub fn requests(&self) -> usize {
        self.state.lock().seen.len()
    }

    /// How many connections have carried requests.
    pub fn connections(&self) -> usize {
        self.state.lock().connections.iter().filter(|connection| connection.used).count()
    }

    /// Sends bytes on the connection of the nth request.
    pub fn send(&self, nth: usize, bytes: Vec<u8>) -> Result<()> {
        self.command(nth, Command::Send(bytes))
    }

    /// Closes the connection of the nth request.
    pub fn close(&self, nth: usize) -> Result<()> {
        self.command(nth, Command::Close)
    }

    fn command(&self, nth: usize, command: Command) -> Result<()> {
        let state = self.state.lock();
        let seen = state.seen.get(nth.wrapping_sub(1)).context("no such request has arrived")?;
        // The connection may have ended; the caller's answer tells.
        let _ = state.connections[seen.connection].commands.send(command);
        Ok(())
    }

    /// Waits until the gate has closed the connection of the nth request.
    pub async fn gone(&self, nth: usize) -> Result<()> {
        self.until("the gate to close", |state| {
            let connection = state.seen.get(nth - 1)?.connection;
            state.connections[connection].gone.then_some(())
        })
        .await
    }

    /// Closes every connection and waits until that is done.
    pub async fn drop_all(&self) -> Result<()> {
        for connection in &self.state.lock().connections {
            let _ = connection.commands.send(Command::Close);
        }
        self.until("connections to close", |state| {
            let closed = |connection: &Connection| connection.commands.is_closed();
            state.connections.iter().all(closed).then_some(())
        })
        .await
    }

    /// Reads bodies from now on.
    pub fn read(&self) {
        self.change(|state| state.reads = true);
    }

    /// What health checks get from now on.
    pub fn set_health(&self, status: u16) {
        self.state.lock().health = status;
    }

    /// Waits for so many more health checks. When the second comes, the gate has judged the answer to the first.
    pub async fn probes(&self, count: usize) -> Result<()> {
        let wanted = self.state.lock().probes + count;
        self.until("health checks", |state| (state.probes >= wanted).then_some(())).await
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state.lock());
        self.changed.send_replace(());
        changed
    }
}

async fn accept(upstream: Arc<Upstream>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let _ = tcp.set_nodelay(true);
        let stream: Box<dyn Stream> = match &tls {
            None => Box::new(tcp),
            Some(tls) => match tls.accept(tcp).await {
                Ok(stream) => Box::new(stream),
                Err(_) => continue,
            },
        };
        let (read, write) = tokio::io::split(stream);
        let (commands, queue) = unbounded_channel();
        let index = upstream.change(|state| {
            state.connections.push(Connection { commands, used: false, gone: false });
            state.connections.len() - 1
        });
        let (stop, stopped) = watch::channel(());
        tokio::spawn(answer(upstream.clone(), write, queue, stop));
        tokio::spawn(request::serve(upstream.clone(), index, read, stopped));
    }
}

/// Writes what is commanded; ends the reader with itself, so that a closed connection is really closed.
async fn answer(
    upstream: Arc<Upstream>,
    mut write: WriteHalf<Box<dyn Stream>>,
    mut queue: UnboundedReceiver<Command>,
    stop: watch::Sender<()>,
) {
    while let Some(Command::Send(bytes)) = queue.recv().await {
        if write.write_all(&bytes).await.is_err() || write.flush().await.is_err() {
            break;
        }
    }
    // The gate may have closed before.
    let _ = write.shutdown().await;
    drop(stop);
    drop(queue);
    upstream.change(|_| ());
}
