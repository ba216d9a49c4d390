//! What lives as long as the process and is shared by every thread.

pub mod clock;
pub mod room;
pub mod upstreams;

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::{HashMap, HashMapExt};
use tokio_util::sync::CancellationToken;
use tollgate_core::Now;
use tollgate_core::authn::{Memory, hawk, jwt};
use tollgate_core::consumer::Name;
use tollgate_core::directory::Known;
use tollgate_core::limit::Limiter;
use tollgate_core::snapshot::Snapshot;

use self::clock::Clock;
use self::room::Room;
use self::upstreams::UpstreamState;
use crate::auth_service::Reporter;
use crate::config::process::Process;
use crate::decisions::Decisions;
use crate::directory::Directory;
use crate::ledger::Ledger;
use crate::quotas::Quotas;
use crate::shared::Shared;
use crate::telemetry::Telemetry;

/// Verified tokens kept at once.
const PROOFS: usize = 100_000;
/// Unexpired Hawk nonces of one credential.
const NONCES_PER_CREDENTIAL: usize = 100_000;
/// Rates that are partly used at once, of consumers and credentials; as many of addresses.
const LIMITED: usize = 500_000;

/// The gate's process-wide state. What runs is keyed by stable names and survives a reload.
#[derive(Debug)]
pub struct Gate {
    /// Settings fixed at start.
    pub process: Process,
    /// Verified tokens and seen nonces.
    pub memory: Memory,
    /// Both clocks.
    pub clock: Clock,
    /// Who is behind credentials of the store.
    pub directory: Arc<Directory>,
    /// Who tells the auth service of calls, where there is one that wants to know.
    pub reporter: Option<Reporter>,
    /// What was used of every limit.
    pub limiter: Arc<Limiter>,
    /// What was used of quotas, as the store keeps it.
    pub quotas: Arc<Quotas>,
    /// What it shares with other gates, where it is one of a fleet.
    pub shared: Option<Arc<Shared>>,
    /// Where admitted calls are taken down.
    pub ledger: Arc<Ledger>,
    /// Room for bodies that are held whole.
    pub bodies: Room,
    /// What was lately refused, or would have been.
    pub decisions: Decisions,
    /// Counters and the access log.
    pub telemetry: Telemetry,
    /// Cancelled when the gate stops taking connections.
    pub drain: CancellationToken,
    live: ArcSwap<Live>,
}

/// One snapshot and the running state of its upstreams.
#[derive(Debug)]
pub struct Live {
    /// What requests are judged by.
    pub snapshot: Snapshot,
    /// Health, load and TLS settings by upstream name.
    pub upstreams: HashMap<Name, Arc<UpstreamState>>,
}

impl Gate {
    /// Starts with one snapshot.
    ///
    /// # Errors
    /// Where an upstream's TLS settings cannot be used.
    pub fn new(
        process: Process,
        snapshot: Snapshot,
        directory: Arc<Directory>,
        shared: Option<Arc<Shared>>,
        ledger: Arc<Ledger>,
        clock: Clock,
        telemetry: Telemetry,
    ) -> anyhow::Result<Arc<Self>> {
        let live = Live::new(snapshot, &HashMap::new())?;
        let limiter = Arc::new(Limiter::new(LIMITED));
        let gate = Arc::new(Self {
            bodies: Room::new(process.bounds.held_bodies),
            process,
            memory: Memory {
                proofs: jwt::Proofs::new(PROOFS),
                nonces: hawk::Nonces::new(NONCES_PER_CREDENTIAL),
            },
            quotas: Arc::new(Quotas::new(limiter.clone(), directory.clone(), clock.clone())),
            limiter,
            decisions: Decisions::telling(shared.as_ref().and_then(|shared| shared.hears_decisions())),
            shared,
            ledger,
            clock,
            telemetry,
            drain: CancellationToken::new(),
            live: ArcSwap::from_pointee(live),
            reporter: directory.reporter(),
            directory,
        });
        gate.directory.serve(&gate);
        Ok(gate)
    }

    /// Whom a request from this address may be from at this moment.
    pub fn known<'a>(&'a self, live: &'a Live, client: IpAddr, now: Now) -> Known<'a> {
        Known::new(&live.snapshot.credentials, Some(&self.directory.known), client, now)
    }

    /// The state that a request beginning now is served from.
    pub fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// Serves all later requests from another snapshot; those under way keep theirs.
    ///
    /// # Errors
    /// Where an upstream's TLS settings cannot be used; nothing has changed then.
    pub fn install(&self, snapshot: Snapshot) -> anyhow::Result<Arc<Live>> {
        let live = Arc::new(Live::new(snapshot, &self.live().upstreams)?);
        self.live.store(live.clone());
        // Tiers are part of what was made for them.
        self.directory.forget_all();
        Ok(live)
    }
}

impl Live {
    fn new(snapshot: Snapshot, running: &HashMap<Name, Arc<UpstreamState>>) -> anyhow::Result<Self> {
        let mut upstreams = HashMap::with_capacity(snapshot.upstreams.len());
        for upstream in &snapshot.upstreams {
            let state = UpstreamState::new(upstream, running.get(&upstream.name).map(Arc::as_ref))?;
            upstreams.insert(upstream.name.clone(), Arc::new(state));
        }
        Ok(Self { snapshot, upstreams })
    }
}
