//! What the nodes of a fleet share through one Redis: rates, nonces, answers of an external auth service, refusals, and the
//! word that something changed.
//!
//! Redis holds nothing that cannot be lost. It answers within [`link::ANSWER`] or counts as away, and then every node goes
//! on by itself; what that means for each kind of state stands with it. The data plane waits for it in two places only: a
//! limited call that no lease pays, and a Hawk request.

mod answers;
mod errands;
mod link;
mod news;
mod nodes;
mod nonces;
mod probe;
mod rates;
mod told;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aws_lc_rs::hmac;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tollgate_core::limit::fleet::Fleet;
use tollgate_secrets::Secret;

use crate::state::clock::Clock;
use crate::tls;

use self::link::Link;
use self::told::Telling;

pub use self::link::Away;
pub use self::probe::{Unfit, probe};

/// Before every key and channel, so that others may use the same Redis.
const PREFIX: &str = "tollgate:";

/// Keys of which a node remembers how much they are used.
const KEYS: usize = 100_000;

/// Which Redis, and what a node knows of its fleet before that answers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `redis://…` or `rediss://…`, with the password if there is one.
    pub url: Secret,
    /// What answers of an external auth service, and refusals, are authenticated with; without it none are shared.
    pub key: Option<Secret>,
    /// How many nodes there are as long as Redis was never heard.
    pub nodes: u32,
    /// The only roots to trust over TLS, in PEM; without them the system's.
    pub roots: Option<Vec<u8>>,
}

/// Why settings cannot be used. The URL is not repeated, as it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It is no URL of a Redis.
    #[error(
        "expected `redis://HOST:PORT` or `rediss://HOST:PORT`, with `USER:PASSWORD@` before the host where it asks for one"
    )]
    Url,
    /// Roots are given, and there is no TLS.
    #[error("roots are trusted over TLS alone, and the URL is not `rediss://…`")]
    Roots,
    /// The key is short enough to be guessed.
    #[error("a fleet key has at least 32 bytes")]
    Key,
}

/// This node's side of what its fleet shares; one per process.
pub struct Shared {
    link: Link,
    fleet: Arc<Fleet>,
    clock: Clock,
    key: Option<hmac::Key>,
    node: Box<str>,
    counts: Counts,
    telling: Telling,
    /// Something waits to be told.
    errands: Notify,
    /// Something changed here that others are to look at.
    changed: Notify,
    /// How often others said that something changed, or may have done so unheard.
    news: watch::Sender<u64>,
    /// Ends the tasks, before Redis is told that this node leaves.
    stop: CancellationToken,
}

/// What this node asked its fleet, and how often it had to do without.
#[derive(Debug, Default)]
pub struct Counts {
    /// Times that Redis was lost.
    pub lost: AtomicU64,
    /// Questions about rates, for which a call waited.
    pub questions: AtomicU64,
    /// Leases that were asked for.
    pub leases: AtomicU64,
    /// Hawk nonces that were asked about.
    pub nonces: AtomicU64,
    /// Verdicts of the auth service that were asked for.
    pub verdicts: AtomicU64,
    /// Those that another gate had.
    pub verdicts_found: AtomicU64,
    /// Entries in the place of verdicts that no gate with the fleet key wrote.
    pub verdicts_forged: AtomicU64,
    /// Calls whose rates this node judged by its own share.
    pub limited_alone: AtomicU64,
    /// Hawk requests whose nonce this node alone remembers.
    pub nonces_alone: AtomicU64,
}

impl Settings {
    /// Looks whether they can be used; nothing is asked for that.
    ///
    /// # Errors
    /// [`SettingsError`] names the first that cannot.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.open().map(drop)?;
        if self.key.as_ref().is_some_and(|key| key.len() < 32) { Err(SettingsError::Key) } else { Ok(()) }
    }

    /// Where it is, without user and password.
    pub fn address(&self) -> String {
        self.open().map(|client| client.get_connection_info().addr().to_string()).unwrap_or_default()
    }

    /// Whether the URL holds a password.
    pub fn has_password(&self) -> bool {
        self.open().is_ok_and(|client| client.get_connection_info().redis_settings().password().is_some())
    }

    fn open(&self) -> Result<redis::Client, SettingsError> {
        // The crate takes whatever is installed.
        tls::install_provider();
        let url = self.url.expose_text().map(str::trim).ok_or(SettingsError::Url)?;
        // The crate knows more schemes, such as sockets of this machine, which no fleet has in common.
        if !["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(SettingsError::Url);
        }
        let Some(roots) = &self.roots else {
            return redis::Client::open(url).map_err(|_| SettingsError::Url);
        };
        if !url.starts_with("rediss://") {
            return Err(SettingsError::Roots);
        }
        let certificates = redis::TlsCertificates { client_tls: None, root_cert: Some(roots.clone()) };
        redis::Client::build_with_tls(url, certificates).map_err(|_| SettingsError::Url)
    }
}

impl Shared {
    /// Joins the fleet; the tasks run on `control`, which ends them. It does not wait for Redis.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn start(settings: &Settings, clock: Clock, control: &Handle) -> anyhow::Result<Arc<Self>> {
        settings.check()?;
        let fleet = Arc::new(Fleet::new(KEYS));
        fleet.set_nodes(settings.nodes);
        let news = watch::Sender::new(0);
        let (telling, to_tell) = Telling::new();
        let key = settings.key.as_ref().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.expose()));
        let shared = Arc::new(Self {
            link: Link::new(settings.open()?, news.clone())?,
            fleet,
            clock,
            key,
            node: hex::encode(crate::keys::random::<8>()?).into(),
            counts: Counts::default(),
            telling,
            errands: Notify::new(),
            changed: Notify::new(),
            news,
            stop: CancellationToken::new(),
        });
        control.spawn(shared.clone().keep());
        control.spawn(shared.clone().run_errands());
        control.spawn(shared.clone().tell());
        control.spawn(shared.clone().tell_decisions(to_tell));
        Ok(shared)
    }

    /// Whether Redis answers.
    pub fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// How many nodes the fleet has; while Redis is away, as last heard.
    pub fn nodes(&self) -> u32 {
        self.fleet.nodes()
    }

    /// What it asked, and how often it had to do without.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Leaves the fleet: gives up leases and tells Redis, where that answers.
    pub async fn leave(&self) {
        self.stop.cancel();
        self.fleet.give_up();
        self.run_errands_once().await;
        self.sign_off().await;
    }

    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("up", &self.is_up())
            .field("nodes", &self.nodes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
