//! The demonstration: a gate before three real models and a model service, with fresh keys, in one process.

pub mod keys;
pub mod service;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_core::credential::api_key_text::{self, Environment};
use tollgate_models::demo::{self as models, Model};

use self::keys::ServiceKeys;
use self::service::Running;
use crate::admin::Bootstrap;
use crate::config::{self, Watched, source::Source};
use crate::reload::{self, Hangup};
use crate::server::{Server, Stopped};
use crate::state::clock::Clock;
use crate::telemetry::Telemetry;

/// The consumers, and the models that each may call.
pub const SERVICES: [(&str, &[Model]); 3] = [
    ("service_a", &[Model::Sentiment, Model::Regression]),
    ("service_b", &[Model::Classification]),
    ("service_c", &[Model::Sentiment, Model::Classification]),
];

/// The configuration's name in the demonstration's directory.
const FILE: &str = "tollgate.yaml";

/// Where the demonstration listens; a taken port falls to a free one.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The gate's.
    pub gate: u16,
    /// The admin listener's.
    pub admin: u16,
}

/// A running demonstration.
#[derive(Debug)]
pub struct Demo {
    server: Arc<Server>,
    reload: JoinHandle<()>,
    models: Runtime,
    service: Running,
    stop_models: watch::Sender<bool>,
    /// The consumers' keys, in the order of [`SERVICES`].
    pub keys: Vec<ServiceKeys>,
    /// The key of the admin API.
    pub admin_key: String,
    directory: Directory,
}

impl Demo {
    /// Makes keys, starts the models and the gate.
    ///
    /// # Errors
    /// Where no port, thread or temporary directory can be had.
    pub fn start(ports: Ports) -> anyhow::Result<Self> {
        let directory = Directory::create()?;
        let keys = keys::generate(&directory.0)?;
        let models =
            Builder::new_multi_thread().worker_threads(1).thread_name("models").enable_all().build()?;
        let (stop_models, stopping) = watch::channel(false);
        let mut upstreams = Vec::new();
        for model in Model::all() {
            upstreams.push((model, start_model(&models, model, stopping.clone())?));
        }
        let service = service::start(&models, &directory.0, stopping)?;
        let text =
            configuration(&upstreams, service.address, free_port(ports.gate)?, free_port(ports.admin)?);
        std::fs::write(directory.0.join(FILE), &text).context("the demo's configuration")?;
        let file = Watched::look(directory.0.join(FILE));
        let source = Source::new(FILE, text, &directory.0);
        let compiled = config::compile(&source, &|_| None)
            .map_err(|problems| anyhow::anyhow!(problems.render(false)))?;
        let watched = std::iter::once(file).chain(compiled.watched.clone()).collect();
        let admin_key = api_key_text::make(Environment::Dev, crate::keys::random()?);
        let bootstrap = Some(Bootstrap::new(&admin_key)?);
        let (clock, telemetry) = (Clock::system(), Telemetry::default());
        let server = Arc::new(Server::start_with(compiled, clock, telemetry, bootstrap)?);
        let reload = reload::start(&server, directory.0.join(FILE), watched, Hangup::Ignore)?;
        Ok(Self { server, reload, models, service, stop_models, keys, admin_key, directory })
    }

    /// The gate's address.
    pub fn gate(&self) -> SocketAddr {
        self.server.addresses().first().copied().unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// The running gate.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Where the configuration lies until the end, beside the keys.
    pub fn configuration_file(&self) -> PathBuf {
        self.directory.0.join(FILE)
    }

    /// Answers what is open, then ends gate and models and removes the keys.
    pub fn stop(self) -> Stopped {
        self.reload.abort();
        let stopped = Server::stop_shared(self.server);
        // A model that has stopped listening is no loss: nobody is left to call it.
        let _ = self.stop_models.send(true);
        let ended = self.service.ended();
        self.models.block_on(async {
            // Its database is removed with the directory: nothing is lost where it takes longer.
            let _ = tokio::time::timeout(Duration::from_secs(2), ended).await;
        });
        self.models.shutdown_timeout(Duration::from_millis(500));
        stopped
    }
}

fn start_model(
    runtime: &Runtime,
    model: Model,
    mut stopping: watch::Receiver<bool>,
) -> anyhow::Result<SocketAddr> {
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    runtime.spawn(async move {
        let stopped = async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        if let Err(error) = models::serve(listener, model, stopped).await {
            tracing::error!(%error, model = model.name(), "the model ended");
        }
    });
    Ok(address)
}

/// The wished port if it is free, else 0 for any.
fn free_port(wished: u16) -> anyhow::Result<u16> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, wished)) {
        Ok(_) => Ok(wished),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Ok(0),
        Err(error) => Err(error).with_context(|| format!("port {wished} cannot be used")),
    }
}

/// The demonstration's file: what a user would write.
fn configuration(upstreams: &[(Model, SocketAddr)], service: SocketAddr, port: u16, admin: u16) -> String {
    let mut text =
        format!("listen: 127.0.0.1:{port}\nadmin: {{ listen: 127.0.0.1:{admin} }}\n\nupstreams:\n");
    for (model, address) in upstreams {
        let name = model.name();
        text +=
            &format!("  {name}: {{ targets: [http://{address}], health: {{ path: /health, every: 5s }} }}\n");
    }
    text += &format!("  models: {{ targets: [http://{service}], health: {{ path: /health, every: 5s }} }}\n");
    text += "\nroutes:\n";
    for (model, _) in upstreams {
        let name = model.name();
        let allowed: Vec<&str> = SERVICES
            .iter()
            .filter(|(_, models)| models.contains(model))
            .map(|(service, _)| *service)
            .collect();
        text += &format!(
            "  {name}:\n    match: {{ path: /predict/{name}, methods: [POST] }}\n    upstream: {name}\n    \
             rewrite: /predict\n    accept: [jwt, hawk, api_key]\n    allow: [{}]\n    body: 1MiB\n",
            allowed.join(", ")
        );
    }
    text += &service::routes();
    text += "\nconsumers:\n";
    for (service, _) in SERVICES {
        text += &format!(
            "  {service}:\n    credentials:\n      \
             - jwt: {{ key: iss_{service}, algorithm: RS256, public_key: {{ file: {service}-public.pem }} }}\n      \
             - hawk: {{ id: {service}_id, key: {{ file: {service}-hawk.key }}, algorithm: sha256 }}\n      \
             - api_key: {{ file: {service}-api.key }}\n"
        );
    }
    text
}

/// A directory of this process alone, removed at the end.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn create() -> anyhow::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let suffix = hex::encode(crate::keys::random::<8>()?);
        let path = std::env::temp_dir().join(format!("tollgate-demo-{suffix}"));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .context("a temporary directory for the demo's keys")?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is in the temporary directory of the system, readable for its owner alone.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
