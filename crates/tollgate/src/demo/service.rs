//! The demonstration's model service: it has learnt one example, and it leaves the keys to the gate.

use std::fmt::Write;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_models::service::{Service, Settings};
use tollgate_models::store::Place;

/// Who may train, name and remove models.
pub const TRAINS: &str = "service_a";
/// Who may ask the models, besides.
pub const PREDICTS: &str = "service_c";

/// A running service.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<io::Result<()>>,
}

/// Starts the service on a free port, its database in a folder of this directory, and teaches it the example.
///
/// # Errors
/// Where the database, a thread or a port cannot be had.
pub fn start(
    runtime: &Runtime,
    directory: &Path,
    mut stopping: watch::Receiver<bool>,
) -> anyhow::Result<Running> {
    let mut settings = Settings::new(Place::Folder(directory.join("models")));
    // One thread learns; the others are the gate's.
    settings.workers = NonZeroUsize::MIN;
    let service = runtime.block_on(Service::open(settings)).context("the demo's model service")?;
    runtime.block_on(service.learn_example()).context("the demo's model service")?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    let task = runtime.spawn(service.serve(listener, async move {
        // Without its sender, too, it is time to stop.
        let _ = stopping.wait_for(|stop| *stop).await;
    }));
    Ok(Running { address, task })
}

impl Running {
    /// Waits until it has ended; it was told to.
    pub async fn ended(self) {
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the model service ended"),
            Err(error) => tracing::error!(%error, "the model service broke"),
        }
    }
}

/// What the configuration says of it: who trains may all, who predicts may ask and read.
pub fn routes() -> String {
    let both: &str = &format!("{TRAINS}, {PREDICTS}");
    let mut text = String::new();
    for (name, path, methods, allowed) in [
        ("train", "/api/**", "GET, POST, PUT, DELETE", TRAINS),
        ("predict", "/api/v1/ml/$predict", "POST", both),
        ("ask", "/api/v1/models/**", "GET, POST", both),
        ("name", "/api/v1/models/**", "PUT, DELETE", TRAINS),
        ("infer", "/v2/models/**", "GET, POST", both),
        ("jobs", "/api/v1/jobs/**", "GET", both),
        ("cancel", "/api/v1/jobs/**", "POST, DELETE", TRAINS),
        ("results", "/api/v1/artifacts/**", "GET", both),
        ("change", "/api/v1/artifacts/**", "POST, PUT, DELETE", TRAINS),
    ] {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "  {name}:\n    match: {{ path: {path}, methods: [{methods}] }}\n    upstream: models\n    \
             accept: [jwt, hawk, api_key]\n    allow: [{allowed}]\n"
        );
    }
    for (name, path) in [("docs", "/docs"), ("document", "/openapi.json")] {
        let _ = write!(
            text,
            "  {name}:\n    match: {{ path: {path}, methods: [GET] }}\n    upstream: models\n    accept: [public]\n"
        );
    }
    text
}
