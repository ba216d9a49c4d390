//! A gate with listeners of the control plane, in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tempfile::TempDir;
use tollgate::admin::Bootstrap;
use tollgate::config::{self, source::Source};
use tollgate::server::{Addresses, Server, Stopped};
use tollgate::state::clock::{Clock, Manual};
use tollgate::telemetry::Telemetry;

pub const ADMIN_KEY: &str = "bootstrap-key-of-the-tests";

const REST: &str = "listen: 127.0.0.1:0
workers: 1
data_dir: data
upstreams: { model: { targets: [http://127.0.0.1:1] } }
routes: { x: { match: { path: /x }, upstream: model, accept: [api_key, jwt] } }
consumers:
  shop:
    credentials:
      - jwt: { key: shop, secret: { env: SECRET } }
      - api_key: { env: SHOP_KEY }
";

/// A running gate.
pub struct Gate {
    server: Server,
    clock: Arc<Manual>,
    folder: TempDir,
    /// What the admin listener shows where it has TLS, in PEM.
    pub certificate: String,
}

impl Gate {
    /// Starts a gate with these listeners of the control plane.
    pub async fn start(listeners: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = certificate();
        std::fs::write(folder.path().join("admin.crt"), &certificate).unwrap();
        std::fs::write(folder.path().join("admin.key"), key).unwrap();
        std::fs::write(folder.path().join("listeners"), listeners).unwrap();
        let clock = Manual::at(Duration::from_secs(1_800_000_000));
        let server = serve(folder.path(), &clock).await;
        Self { server, clock, folder, certificate }
    }

    /// Stops the gate and starts another one on what it left, some time later.
    pub async fn restart(self, later: Duration) -> Self {
        let Self { server, clock, folder, certificate } = self;
        tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
        clock.advance(later);
        let server = serve(folder.path(), &clock).await;
        Self { server, clock, folder, certificate }
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Where the data plane listens.
    pub fn data(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    /// Where the control plane listens.
    pub fn addresses(&self) -> Addresses {
        self.server.control_addresses()
    }

    /// Ends it with nothing left to do, and hands over what it wrote.
    pub async fn stop(self) -> TempDir {
        let stopped = tokio::task::spawn_blocking(move || self.server.stop()).await.unwrap();
        assert_eq!(stopped, Stopped::Clean);
        self.folder
    }
}

/// A client that keeps no connection for later: the gate it was with may be gone then.
pub fn client() -> Client {
    Client::builder().pool_max_idle_per_host(0).build().unwrap()
}

/// A certificate for `gate.test` and its key, in PEM.
pub fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["gate.test".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

async fn serve(folder: &Path, clock: &Arc<Manual>) -> Server {
    let listeners = std::fs::read_to_string(folder.join("listeners")).unwrap();
    let source = Source::new("tollgate.yaml", format!("{listeners}{REST}"), folder);
    let env = |name: &str| Some(format!("the {name} of a consumer, which is long enough"));
    let compiled = config::compile(&source, &env).map_err(|problems| problems.render(false)).unwrap();
    let clock = Clock::Manual(clock.clone());
    let start = move || {
        let bootstrap = Bootstrap::new(ADMIN_KEY).unwrap();
        Server::start_with(compiled, clock, Telemetry::default(), Some(bootstrap)).unwrap()
    };
    // The gate has runtimes of its own, which may not be started or ended within one of ours.
    tokio::task::spawn_blocking(start).await.unwrap()
}
