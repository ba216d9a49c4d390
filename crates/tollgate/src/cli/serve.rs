//! `tollgate serve`: the gate, until a signal ends it.

use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::Outcome;
use super::check::ConfigFile;
use super::output::{self, Output};
use super::stop::StopSignals;
use crate::admin::Bootstrap;
use crate::config::process::Process;
use crate::config::{self, Compiled};
use crate::reload::{self, Hangup};
use crate::role::Role;
use crate::role::worker::FeedWorker;
use crate::server::{Addresses, Server, Stopped};
use crate::state::clock::Clock;
use crate::telemetry::{AccessLog, Telemetry, logging};

/// Serve the routes of a configuration file
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    file: ConfigFile,
    /// What the process is there for
    #[arg(long, value_enum, default_value_t = Role::All)]
    role: Role,
    /// Where one JSON line per request goes
    #[arg(long, value_enum, default_value_t = AccessLogTo::Off)]
    access_log: AccessLogTo,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AccessLogTo {
    /// Nowhere
    Off,
    /// Standard output
    Stdout,
}

impl Serve {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        logging::start(std::env::var("TOLLGATE_LOG").ok().as_deref(), "info")?;
        let stop = StopSignals::watch()?;
        let compiled = match config::load(&self.file.path) {
            Ok(compiled) => compiled,
            Err(problems) => {
                output.refusal(&problems.render(false));
                return Ok(Outcome::Refused);
            }
        };
        for warning in &compiled.warnings {
            tracing::warn!("{warning}");
        }
        let misfits = self.role.misfits(&compiled.process);
        if !misfits.is_empty() {
            output.refusal(&misfits.join("\n"));
            return Ok(Outcome::Refused);
        }
        if self.role == Role::Worker {
            return work(&compiled.process, stop);
        }
        let compiled = Compiled { process: self.role.of(compiled.process), ..compiled };
        let watched = compiled.watched.clone();
        let access_log = match self.access_log {
            AccessLogTo::Off => None,
            AccessLogTo::Stdout => Some(AccessLog::start(output::lines())?),
        };
        let telemetry = Telemetry { access_log, ..Telemetry::default() };
        let bootstrap = std::env::var("TOLLGATE_ADMIN_KEY")
            .ok()
            .filter(|key| !key.is_empty())
            .map(|key| Bootstrap::new(&key))
            .transpose()?;
        let server = Arc::new(Server::start_with(compiled, Clock::system(), telemetry, bootstrap)?);
        let (live, source) = (server.gate().live(), reload::source(&self.file.path));
        server.control().block_on(server.reserve(&source, &live.snapshot))?;
        let reload = reload::start(&server, self.file.path, watched, Hangup::Load)?;
        for address in server.addresses() {
            tracing::info!(%address, "serving");
        }
        let Addresses { admin, probes, auth_api } = server.control_addresses();
        for (address, name) in [(admin, "admin listener"), (probes, "probes"), (auth_api, "auth API")] {
            if let Some(address) = address {
                tracing::info!(%address, "{name}");
            }
        }
        stop.wait();
        reload.abort();
        tracing::info!("stopping: open requests may end");
        match Server::stop_shared(server) {
            Stopped::Clean => Ok(Outcome::Done),
            Stopped::Cut => {
                tracing::warn!("requests were still open when the drain time was over; they were cut");
                Ok(Outcome::Done)
            }
            Stopped::Unshipped => Ok(Outcome::Refused),
        }
    }
}

/// Books what gates deliver, until a signal ends it.
fn work(process: &Process, stop: StopSignals) -> anyhow::Result<Outcome> {
    let worker = FeedWorker::start(process)?;
    match worker.probes {
        Some(address) => tracing::info!(%address, "probes"),
        None => tracing::warn!("nobody can ask how the worker does: the file has no `probes`"),
    }
    stop.wait();
    tracing::info!("stopping: what is being booked is finished");
    worker.stop(process.drain)?;
    Ok(Outcome::Done)
}
