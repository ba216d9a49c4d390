//! The listeners of the control plane.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::admin::{self, Bootstrap, Control, Identity, Listening, Settings};
use crate::config::process::Process;
use crate::gateway::listener::Listener;
use crate::state::Gate;

/// Listeners of the control plane, bound.
#[derive(Debug)]
pub(super) struct ControlPlane {
    admin: Option<(Listening, SocketAddr)>,
    probes: Option<(Listening, SocketAddr)>,
    auth_api: Option<(Listening, SocketAddr)>,
}

/// Where the listeners of the control plane listen; absent for those that the file does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The whole admin API.
    pub admin: Option<SocketAddr>,
    /// Health, readiness and metrics.
    pub probes: Option<SocketAddr>,
    /// The auth-service contract.
    pub auth_api: Option<SocketAddr>,
}

impl ControlPlane {
    /// Binds them; to be called within the runtime that serves them.
    pub(super) fn bind(process: &Process) -> anyhow::Result<Self> {
        let plain = |address: Option<SocketAddr>| address.map(|address| bind(address, None)).transpose();
        let admin = process.admin.as_ref().map(|admin| bind(admin.address, admin.tls.as_ref()));
        Ok(Self {
            admin: admin.transpose()?,
            probes: plain(process.probes)?,
            auth_api: plain(process.auth_api)?,
        })
    }

    /// Where they listen.
    pub(super) fn addresses(&self) -> Addresses {
        let address = |bound: &Option<(Listening, SocketAddr)>| bound.as_ref().map(|(_, address)| *address);
        Addresses {
            admin: address(&self.admin),
            probes: address(&self.probes),
            auth_api: address(&self.auth_api),
        }
    }

    /// The admin listener's certificate, where it has one.
    pub(super) fn admin_tls(&self) -> Option<Arc<Identity>> {
        self.admin.as_ref().and_then(|(listening, _)| listening.tls.clone())
    }

    /// Serves them, by tasks among these.
    pub(super) fn serve(
        self,
        tasks: &mut JoinSet<()>,
        gate: &Arc<Gate>,
        listeners: &[Arc<Listener>],
        bootstrap: Option<Bootstrap>,
    ) {
        let listeners = listeners.to_vec();
        let settings = Settings {
            bootstrap,
            hosts: gate.process.admin.as_ref().map(|admin| admin.hosts.clone()).unwrap_or_default(),
            callers: gate.process.callers.clone().unwrap_or_else(admin::loopback),
            connections: Box::new(move || listeners.iter().map(|listener| listener.open()).sum()),
        };
        let control = Control::new(gate.clone(), settings);
        let routers = [admin::admin(&control), admin::probes(&control), admin::auth_api(&control)];
        for (listening, router) in [self.admin, self.probes, self.auth_api].into_iter().zip(routers) {
            if let Some((listening, address)) = listening {
                tracing::debug!(%address, "a listener of the control plane");
                tasks.spawn(listening.serve(router));
            }
        }
    }
}

fn bind(
    address: SocketAddr,
    files: Option<&crate::config::process::ListenerTls>,
) -> anyhow::Result<(Listening, SocketAddr)> {
    let tls = files.map(|files| Identity::open(files.clone())).transpose()?.map(Arc::new);
    let listen = || -> std::io::Result<TcpListener> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket)
    };
    let socket = listen().with_context(|| format!("cannot listen on {address}"))?;
    let address = socket.local_addr()?;
    Ok((Listening { socket, tls }, address))
}
