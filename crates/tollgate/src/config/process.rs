//! What a file says about the process rather than about requests; fixed from start to end.

mod changes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use tollgate_ledger::sink::SinkAddress;
use tollgate_secrets::Secret;

use crate::role::Role;
use crate::shared;

/// Settings that a reload does not change.
#[derive(Debug, Clone)]
pub struct Process {
    /// What the process is there for; the command line says so, not the file.
    pub role: Role,
    /// Listeners of the data plane, at least one; none in the role `admin`.
    pub listen: Vec<Listener>,
    /// The admin listener, if there is one.
    pub admin: Option<Admin>,
    /// A listener for health, readiness and metrics alone, if there is one.
    pub probes: Option<SocketAddr>,
    /// A listener for the auth-service contract alone, if there is one.
    pub auth_api: Option<SocketAddr>,
    /// Networks that report usage without a key; absent means loopback.
    pub callers: Option<Vec<IpNet>>,
    /// Data plane threads; absent means one per core that this process may use.
    pub workers: Option<usize>,
    /// How long open requests may take after a request to stop.
    pub drain: Duration,
    /// Journal and embedded store.
    pub data_dir: PathBuf,
    /// Where accounts, consumers and credentials are kept.
    pub store: StorePlace,
    /// How much of it is remembered.
    pub directory: Directory,
    /// Who judges API keys, if that is not the store.
    pub auth_service: Option<AuthService>,
    /// The Redis of its fleet, if it is in one.
    pub shared: Option<shared::Settings>,
    /// How what was used is recorded.
    pub ledger: Ledger,
    /// Bounds of what callers may send.
    pub bounds: Bounds,
}

/// Where the store is.
#[derive(Debug, Clone)]
pub enum StorePlace {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A database of PostgreSQL; its URL may hold a password.
    Postgres(Secret),
}

impl StorePlace {
    /// The URL that opens it, a password included.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => url.expose_text().unwrap_or_default().to_owned(),
        }
    }
}

/// An external auth service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthService {
    /// Its base URL, without a credential.
    pub url: String,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long a verdict holds.
    pub cache: Duration,
    /// Whether calls are charged before they are sent.
    pub debit: bool,
    /// Whether calls are reported after they ended.
    pub report: bool,
    /// How the gate names itself there.
    pub service_id: String,
}

/// How what was used is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// Where events go.
    pub sink: SinkAddress,
    /// Whether the journal is on the disk before a call goes on, which survives the end of the machine too.
    pub sync_always: bool,
    /// How long events are kept in the store.
    pub keep: Duration,
    /// Bytes of the journal's files.
    pub max_bytes: u64,
}

/// The cache of who is behind a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directory {
    /// Credentials that are remembered at once.
    pub max: usize,
    /// How long they serve while the store is away.
    pub stale: Duration,
    /// Whether answers that are under way end when their credential is revoked.
    pub cut: bool,
}

/// The admin listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens; port 0 asks for a free one.
    pub address: SocketAddr,
    /// Certificate files, for TLS.
    pub tls: Option<ListenerTls>,
    /// Names that it is called by, beside loopback names and its own address.
    pub hosts: Vec<String>,
}

/// One listener of the data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; port 0 asks for a free one.
    pub address: SocketAddr,
    /// Certificate files, for TLS.
    pub tls: Option<ListenerTls>,
    /// Peers whose `X-Forwarded-*` is believed and who are exempt from the connection cap per address.
    pub trusted_proxies: Vec<IpNet>,
    /// Caps of open connections.
    pub connections: Connections,
}

/// Files of a TLS listener, read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// PEM of the chain, leaf first.
    pub cert: PathBuf,
    /// PEM of the private key.
    pub key: PathBuf,
    /// PEM of the roots that client certificates must chain to; absent means that none is asked for.
    pub client_ca: Option<PathBuf>,
}

/// Caps of open connections on one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// From one address (one /64 of IPv6).
    pub per_address: usize,
    /// In all.
    pub total: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self { per_address: 256, total: 20_000 }
    }
}

/// Bounds of what callers may send; all have defaults that suit a gate on the open internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Header fields in a request or response.
    pub header_fields: usize,
    /// Bytes of one header field.
    pub header_bytes: usize,
    /// Bytes of a whole head.
    pub head_bytes: usize,
    /// Bytes of the request target.
    pub target_bytes: usize,
    /// From the first byte of a head, or from the connection's start, to the head's end.
    pub head_timeout: Duration,
    /// Bytes per second that a body must keep up while it is waited for.
    pub body_rate: u64,
    /// How long a body may come more slowly, all its pauses together.
    pub body_grace: Duration,
    /// Bytes of all bodies that are held whole at once, in the whole process.
    pub held_bodies: u64,
    /// Between two requests of a connection.
    pub idle: Duration,
    /// How long a caller may not read.
    pub write_stall: Duration,
    /// From accept to the end of the TLS handshake.
    pub tls_handshake: Duration,
    /// Requests read ahead on one HTTP/1.1 connection.
    pub pipeline: usize,
    /// HTTP/2 streams open at once on one connection.
    pub h2_streams: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            header_fields: 100,
            header_bytes: 16 * 1024,
            head_bytes: 64 * 1024,
            target_bytes: 8 * 1024,
            head_timeout: Duration::from_secs(10),
            body_rate: 1024,
            body_grace: Duration::from_secs(5),
            held_bodies: 64 * 1024 * 1024,
            idle: Duration::from_secs(60),
            write_stall: Duration::from_secs(30),
            tls_handshake: Duration::from_secs(5),
            pipeline: 16,
            h2_streams: 100,
        }
    }
}
