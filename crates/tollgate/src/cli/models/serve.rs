//! `tollgate models serve`: the model service, until a signal ends it.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use http::HeaderName;
use tokio::runtime::Builder;
use tollgate_models::service::{
    ARTIFACTS_BYTES, BODY_MAX, BadKeys, Dialect, JOBS_KEPT, Keys, MEMORY, QUEUE_BYTES, QUEUE_MAX, Service,
    Settings,
};
use tollgate_models::store::Place;
use ulid::Ulid;

use crate::cli::Outcome;
use crate::cli::output::Output;
use crate::cli::stop::StopSignals;
use crate::telemetry::logging;

/// Serve configurations, training, predictions, artifacts and jobs over HTTP
///
/// Who may call is said by `CHAPKIT_API_KEYS` (a comma-separated list) or `CHAPKIT_API_KEY_FILE` (a key a line); with
/// `--dialect servicekit` the names begin with `SERVICEKIT_`. Behind a gate, `--no-auth` leaves that to the gate.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen; without it `HOST` and `PORT` of the environment say so [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The folder of the database [default: $XDG_DATA_HOME/tollgate/models]
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    data: Option<PathBuf>,
    /// A PostgreSQL database in place of the folder: `postgres://USER:PASSWORD@HOST/DATABASE`
    #[arg(long, value_name = "URL", env = "TOLLGATE_MODELS_STORE", hide_env_values = true)]
    store: Option<String>,
    /// How the service speaks
    #[arg(long, value_enum, default_value_t = Speaks::Chapkit)]
    dialect: Speaks,
    /// The header that has the key
    #[arg(long, value_name = "NAME", default_value = "X-API-Key", value_parser = header)]
    header: HeaderName,
    /// Take everybody's calls: for a service that only a gate can reach
    #[arg(long)]
    no_auth: bool,
    /// Threads that train and predict [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// How many jobs may wait; half of them may be one consumer's
    #[arg(long, value_name = "N", default_value_t = QUEUE_MAX)]
    queue: usize,
    /// How many ended jobs are remembered; what they made stays
    #[arg(long, value_name = "N", default_value_t = JOBS_KEPT)]
    keep_jobs: usize,
    /// The largest body in bytes
    #[arg(long, value_name = "BYTES", default_value_t = BODY_MAX)]
    max_body: usize,
    /// Bytes of memory for bodies and what is read of them, all together; one may take half
    #[arg(long, value_name = "BYTES", default_value_t = MEMORY)]
    max_memory: usize,
    /// Bytes of all requests of jobs that wait
    #[arg(long, value_name = "BYTES", default_value_t = QUEUE_BYTES)]
    max_queue_bytes: u64,
    /// Bytes of all artifacts; beyond them none is kept until some are removed
    #[arg(long, value_name = "BYTES", default_value_t = ARTIFACTS_BYTES)]
    max_artifacts_bytes: u64,
    /// Count identifiers up from this one, so that a walk-through finds those that it names
    #[arg(long, value_name = "ULID")]
    ids_after: Option<Ulid>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Speaks {
    /// As chapkit did until October 2025
    Chapkit,
    /// As chapkit on servicekit does since
    Servicekit,
}

impl Serve {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        logging::start(Some(&log_setting()), "info")?;
        let stop = StopSignals::watch()?;
        let listen = self.address()?;
        let settings = self.settings()?;
        let runtime = Builder::new_multi_thread().thread_name("models").enable_all().build()?;
        let (keys, place) = (settings.keys.as_ref().map(Keys::count), settings.place.clone());
        let service = runtime.block_on(Service::open(settings))?;
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(listen))
            .with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        match &place {
            Place::Folder(folder) => tracing::info!(folder = %folder.display(), "the database"),
            Place::Postgres(_) => tracing::info!("the database is PostgreSQL"),
        }
        if keys.is_none() && !address.ip().is_loopback() {
            output.warning("the service takes everybody's calls, from other machines too");
        }
        tracing::info!(%address, "serving");
        let (ended, stopping) = tokio::sync::oneshot::channel();
        let served = runtime.spawn(service.serve(listener, async move {
            // Without its sender, too, it is time to stop.
            let _ = stopping.await;
        }));
        stop.wait();
        tracing::info!("stopping: running jobs are interrupted, waiting ones stay for the next start");
        let _ = ended.send(());
        runtime.block_on(served)??;
        Ok(Outcome::Done)
    }

    fn settings(self) -> anyhow::Result<Settings> {
        let dialect = match self.dialect {
            Speaks::Chapkit => Dialect::Chapkit,
            Speaks::Servicekit => Dialect::Servicekit,
        };
        let keys = if self.no_auth { None } else { Some(keys(dialect)?) };
        let place = match self.store {
            Some(url) => Place::Postgres(url),
            None => Place::Folder(self.data.map_or_else(folder, Ok)?),
        };
        let mut settings = Settings::new(place);
        settings.dialect = dialect;
        settings.keys = keys;
        settings.header = self.header;
        settings.workers = self.workers.unwrap_or(settings.workers);
        settings.queue = self.queue;
        settings.jobs_kept = self.keep_jobs;
        settings.body_max = self.max_body;
        settings.memory = self.max_memory;
        settings.queue_bytes = self.max_queue_bytes;
        settings.artifacts_bytes = self.max_artifacts_bytes;
        settings.ids_after = self.ids_after;
        Ok(settings)
    }

    /// Where to listen, by the option or as the original's variables say it.
    fn address(&self) -> anyhow::Result<SocketAddr> {
        if let Some(address) = self.listen {
            return Ok(address);
        }
        let host = variable("HOST").unwrap_or_else(|| "127.0.0.1".to_owned());
        let port = variable("PORT").unwrap_or_else(|| "8000".to_owned());
        let text = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        text.parse().with_context(|| format!("`HOST` and `PORT` make no address: `{text}`"))
    }
}

/// The keys of the environment: a file before a list, of the dialect's own name before the other one.
fn keys(dialect: Dialect) -> anyhow::Result<Keys> {
    let prefixes = match dialect {
        Dialect::Chapkit => ["CHAPKIT", "SERVICEKIT"],
        Dialect::Servicekit => ["SERVICEKIT", "CHAPKIT"],
    };
    for prefix in prefixes {
        let file = format!("{prefix}_API_KEY_FILE");
        if let Some(path) = variable(&file) {
            let keys = Keys::from_file(Path::new(&path)).with_context(|| format!("`{file}`"))?;
            tracing::info!(event = "auth.loaded_from_file", file = path, count = keys.count(), "keys");
            return Ok(keys);
        }
        let list = format!("{prefix}_API_KEYS");
        if let Some(keys) = variable(&list).and_then(|keys| Keys::from_list(&keys).ok()) {
            tracing::info!(event = "auth.loaded_from_env", env_var = list, count = keys.count(), "keys");
            return Ok(keys);
        }
    }
    bail!(
        "{} Set `{}_API_KEYS`, or say `--no-auth` where only a gate can reach the service",
        BadKeys::None,
        prefixes[0]
    )
}

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Where data of users lies (XDG Base Directory Specification).
fn folder() -> anyhow::Result<PathBuf> {
    let data = match variable("XDG_DATA_HOME") {
        Some(data) => PathBuf::from(data),
        None => PathBuf::from(variable("HOME").context("there is no `HOME`; say `--data DIR`")?)
            .join(".local/share"),
    };
    Ok(data.join("tollgate/models"))
}

/// How to log: as the program's own variable says, else as the original's do.
fn log_setting() -> String {
    variable("TOLLGATE_LOG").unwrap_or_else(|| {
        let level = variable("LOG_LEVEL").unwrap_or_else(|| "info".to_owned()).to_ascii_lowercase();
        let level = match level.as_str() {
            "warning" => "warn",
            "critical" | "fatal" => "error",
            level => level,
        };
        let json = variable("LOG_FORMAT").is_some_and(|form| form.eq_ignore_ascii_case("json"));
        if json { format!("structlog:{level}") } else { level.to_owned() }
    })
}

fn header(text: &str) -> Result<HeaderName, String> {
    text.parse().map_err(|_| format!("`{text}` is no name of a header"))
}
