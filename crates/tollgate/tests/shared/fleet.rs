//! Several nodes in this process, without listeners.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tollgate::config::{self, source::Source};
use tollgate::shared::{Settings, Shared};
use tollgate::state::clock::Clock;
use tollgate_core::access;
use tollgate_core::admission::shared::Progress;
use tollgate_core::admission::{Admission, Refused};
use tollgate_core::limit::{Cost, Limiter, Unit};
use tollgate_core::route::Route;
use tollgate_secrets::Secret;

use crate::server::Redis;

/// Nodes of one fleet, on a runtime of their own.
pub struct Fleet {
    pub nodes: Vec<Node>,
    pub runtime: Runtime,
}

/// One of them.
#[derive(Clone)]
pub struct Node {
    pub shared: Arc<Shared>,
    limiter: Arc<Limiter>,
    clock: Clock,
}

impl Fleet {
    /// Starts nodes and waits until all know of each other.
    pub fn start(redis: &Redis, count: u32) -> Self {
        let fleet = Self::start_alone(redis, count, &[Some([7; 32]); 8]);
        fleet.wait_until(|node| node.shared.is_up() && node.shared.nodes() == count);
        fleet
    }

    /// Starts nodes, each with its fleet key, and waits for nothing.
    pub fn start_alone(redis: &Redis, count: u32, keys: &[Option<[u8; 32]>]) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let node = |key: &Option<[u8; 32]>| {
            let (url, key) = (Secret::new(redis.url()), key.map(Secret::new));
            let settings = Settings { url, key, nodes: 1, roots: redis.roots() };
            let clock = Clock::system();
            let shared = Shared::start(&settings, clock.clone(), runtime.handle()).unwrap();
            Node { shared, limiter: Arc::new(Limiter::new(1000)), clock }
        };
        let nodes = keys.iter().take(count.try_into().unwrap()).map(node).collect();
        Self { nodes, runtime }
    }

    /// Waits until something holds of every node.
    pub fn wait_until(&self, holds: impl Fn(&Node) -> bool) {
        let wait = async {
            while !self.nodes.iter().all(&holds) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), wait).await }).unwrap();
    }
}

impl Node {
    /// One call of a stranger; what it holds, where it is admitted.
    pub async fn call(&self, route: &Arc<Route>) -> Result<Admission, Box<Refused>> {
        self.call_of(route, Cost::request()).await
    }

    /// The same of a call of so much.
    pub async fn call_of(&self, route: &Arc<Route>, cost: Cost) -> Result<Admission, Box<Refused>> {
        let permit = access::decide(route, None).unwrap();
        let client: IpAddr = [192, 0, 2, 1].into();
        match self.shared.begin(&self.limiter, permit, client, cost, self.clock.now())? {
            Progress::Admitted(admission) => Ok(admission),
            Progress::Ask(asking) => self.shared.reserve(*asking).await,
        }
    }

    /// A call that is thought to use so many tokens, and in truth uses others.
    pub async fn tokens(&self, route: &Arc<Route>, estimate: u64, truth: u64) {
        let tokens = |tokens| Cost::request().with(Unit::Tokens, tokens);
        let (_, reservation) = self.call_of(route, tokens(estimate)).await.unwrap().into_parts();
        let mut reservation = reservation.unwrap();
        reservation.commit();
        reservation.settle(&tokens(truth), self.clock.now());
    }

    /// How many of `calls` in turn are admitted, and count.
    pub async fn admitted(&self, route: &Arc<Route>, calls: usize) -> usize {
        let mut admitted = 0;
        for _ in 0..calls {
            if let Ok(admission) = self.call(route).await {
                let (_, reservation) = admission.into_parts();
                reservation.unwrap().commit();
                admitted += 1;
            }
        }
        admitted
    }

    /// Questions about rates that calls have waited for.
    pub fn questions(&self) -> u64 {
        self.shared.counts().questions.load(Relaxed)
    }
}

/// A public route with these limits.
pub fn route(limits: &str) -> Arc<Route> {
    let text = format!(
        "upstreams: {{ model: {{ targets: [http://127.0.0.1:9] }} }}\nroutes:\n  r:\n    match: {{ path: /r }}\n    \
         upstream: model\n    accept: [public]\n    meters: [tokens]\n    limits: [{limits}]\n"
    );
    let compiled = config::compile(&Source::new("test.yaml", text, "."), &|_| None).unwrap();
    compiled.snapshot.routes.iter().next().unwrap().clone()
}
