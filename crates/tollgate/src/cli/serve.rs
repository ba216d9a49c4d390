//! `tollgate serve`: the gate, until a signal ends it.

use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::Outcome;
use super::check::ConfigFile;
use super::output::{self, Output};
use super::stop::StopSignals;
use crate::admin::Bootstrap;
use crate::config;
use crate::reload::{self, Hangup};
use crate::server::{Server, Stopped};
use crate::state::clock::Clock;
use crate::telemetry::{AccessLog, Telemetry, logging};

/// Serve the routes of a configuration file
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    file: ConfigFile,
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
        if let Some(address) = server.control_addresses().admin {
            tracing::info!(%address, "admin listener");
        }
        stop.wait();
        reload.abort();
        tracing::info!("stopping: open requests may end");
        if Server::stop_shared(server) == Stopped::Cut {
            tracing::warn!("requests were still open when the drain time was over; they were cut");
        }
        Ok(Outcome::Done)
    }
}
