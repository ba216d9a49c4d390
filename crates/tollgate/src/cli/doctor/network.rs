//! What is reached over the network: ports, the admin listener, Redis, upstreams; and whether the clocks agree.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use jiff::Timestamp;
use tollgate_core::credential::api_key_text::{self, Environment};
use tollgate_core::denial::{Denial, DirectoryFailure};
use tollgate_core::snapshot::Snapshot;

use super::Findings;
use crate::auth_service::AuthService;
use crate::cli::client::Access;
use crate::cli::offline::runtime;
use crate::config::process::Process;
use crate::keys::random;
use crate::shared::{Unfit, probe};

/// How long anybody may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Seconds by which clocks may differ before signatures with a time are refused; half of it deserves a look.
const SKEW: i64 = 60;

/// The Redis of the gate's fleet, asked as the gate asks it.
pub fn shared(process: &Process, findings: &mut Findings) -> anyhow::Result<()> {
    const WHAT: &str = "shared state";
    let Some(settings) = &process.shared else { return Ok(()) };
    let address = settings.address();
    let Err(error) = runtime()?.block_on(probe(settings)) else {
        findings.fine(WHAT, format!("Redis answers at {address}"));
        return Ok(());
    };
    let mend = match error {
        Unfit::Away(_) | Unfit::Settings(_) => {
            "start it, and see that `shared` has its address, and for TLS its `roots`"
        }
        Unfit::Password(_) => {
            "put user and password into the URL, and let that user use every command on `tollgate:*`"
        }
        Unfit::Unable(_) => "use a primary of Redis 6 or newer",
    };
    findings.fail(WHAT, format!("Redis at {address}: {error}"), mend);
    Ok(())
}

/// The external auth service, asked about a key that nobody has, as the gate asks it.
pub fn auth_service(process: &Process, findings: &mut Findings) -> anyhow::Result<()> {
    const WHAT: &str = "auth service";
    let Some(settings) = &process.auth_service else { return Ok(()) };
    let url = &settings.url;
    // Made anew each time: whatever the service remembers of it is of no use to anybody.
    let key = api_key_text::make(Environment::Dev, random()?);
    let asked = runtime()?.block_on(async {
        let service = AuthService::new(settings)?;
        anyhow::Ok(service.validate(key.as_bytes(), Ipv4Addr::LOCALHOST.into()).await)
    });
    match asked? {
        Ok(None) => findings.fine(WHAT, format!("{url} answers, and refuses a key that nobody has")),
        Ok(Some(_)) => findings.fail(
            WHAT,
            format!("{url} accepts a key that nobody has"),
            "whoever calls gets in; point `auth_service` at the real service",
        ),
        Err(Denial::Directory(DirectoryFailure::Throttled { retry_after })) => findings.warn(
            WHAT,
            format!("{url} answers 429: ask again in {retry_after} s"),
            "let it answer more questions of the gate",
        ),
        Err(denial) => findings.fail(
            WHAT,
            format!("{url} gives no verdict: {}", denial.code()),
            "start it, and see that `auth_service.url` has its address and that it speaks the contract",
        ),
    }
    Ok(())
}

/// Whether the listeners' ports are free, or a running gate's.
pub fn ports(process: &Process, running: bool, findings: &mut Findings) {
    const WHAT: &str = "ports";
    let control = process.admin.as_ref().map(|admin| admin.address).into_iter();
    let control = control.chain(process.probes).chain(process.auth_api);
    let addresses = process.listen.iter().map(|listener| listener.address).chain(control);
    for address in addresses.filter(|address| address.port() != 0) {
        match TcpListener::bind(address) {
            Ok(_) if running => findings.warn(
                WHAT,
                format!("{address} is free, and the running gate should have it"),
                "the file has changed since that gate started; start it anew",
            ),
            Ok(_) => findings.fine(WHAT, format!("{address} is free")),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && running => {
                findings.fine(WHAT, format!("{address} is in use, as a gate is running"));
            }
            Err(error) => {
                let mend = match error.kind() {
                    std::io::ErrorKind::AddrInUse => "end the other program, or set another address",
                    std::io::ErrorKind::PermissionDenied => {
                        "ports below 1024 need the capability `CAP_NET_BIND_SERVICE`; or set another port"
                    }
                    std::io::ErrorKind::AddrNotAvailable => "set an address of this machine",
                    _ => "set another address",
                };
                findings.fail(WHAT, format!("{address}: {error}"), mend);
            }
        }
    }
}

/// Whether the admin listener of a running gate answers; gives that gate's time.
pub fn admin(process: &Process, running: bool, findings: &mut Findings) -> anyhow::Result<Option<Timestamp>> {
    const WHAT: &str = "admin listener";
    let Some(listener) = &process.admin else {
        let mend = "add `admin: { listen: 127.0.0.1:8081 }`; without it no key can be made or revoked";
        findings.warn(WHAT, "the file has none", mend);
        return Ok(None);
    };
    let address = listener.address;
    if !running || address.port() == 0 {
        let why = if running { "its port was chosen at its start" } else { "no gate is running" };
        findings.fine(WHAT, format!("not asked: {why}"));
        return Ok(None);
    }
    match Access::at(address, listener.tls.as_ref().map(|tls| tls.cert.clone())).stranger()?.health() {
        Ok((status, date)) if status.is_success() => {
            findings.fine(WHAT, format!("{address} answers"));
            Ok(date.and_then(|seconds| Timestamp::from_second(seconds).ok()))
        }
        Ok((status, _)) => {
            findings.fail(WHAT, format!("{address} answers {status}"), "see what else listens there");
            Ok(None)
        }
        Err(error) => {
            findings.fail(WHAT, format!("{error:#}"), "see the gate's log; start it anew");
            Ok(None)
        }
    }
}

/// Whether the model servers' ports can be reached.
pub fn upstreams(snapshot: &Snapshot, findings: &mut Findings) {
    for upstream in &snapshot.upstreams {
        for target in &upstream.targets {
            let host = target.authority.host();
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            let what = format!("upstream `{}`", upstream.name);
            match connect(bare, target.port) {
                Ok(_) => findings.fine(&what, format!("{host}:{} can be reached", target.port)),
                Err(error) => {
                    let detail = format!("{host}:{}: {error}", target.port);
                    findings.warn(&what, detail, "start the model server, or correct the target");
                }
            }
        }
    }
}

/// Whether this machine's clock agrees with another one.
pub fn clock(theirs: Option<Timestamp>, findings: &mut Findings) {
    const WHAT: &str = "clock";
    let Some(theirs) = theirs else {
        findings.fine(WHAT, "compared with nothing: no database server and no running gate to ask");
        return;
    };
    let ahead = Timestamp::now().as_second() - theirs.as_second();
    let side = if ahead < 0 { "behind" } else { "ahead" };
    let detail = format!("{} s {side}", ahead.abs());
    let mend = "let both machines set their clocks by NTP; tokens and signatures have times";
    match ahead.abs() {
        0..=2 => findings.fine(WHAT, "this machine's agrees with the other one"),
        3..=30 => findings.fine(WHAT, detail),
        far if far < SKEW => findings.warn(WHAT, detail, mend),
        _ => findings.fail(WHAT, detail, mend),
    }
}

/// Connects to the first address of a name that answers.
fn connect(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match connect_to(&address) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn connect_to(address: &SocketAddr) -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(address, PATIENCE)
}
