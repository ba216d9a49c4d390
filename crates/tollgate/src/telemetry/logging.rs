//! The process's own log, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts the log as `TOLLGATE_LOG` says: a filter such as `info` or `tollgate=debug`, with `json:` before it for one
/// JSON object a line.
///
/// # Errors
/// A filter that cannot be read, or a log that was started before.
pub fn start(setting: Option<&str>, default: &str) -> anyhow::Result<()> {
    let setting = setting.filter(|setting| !setting.is_empty()).unwrap_or(default);
    let (json, filter) = match setting.strip_prefix("json:") {
        Some(filter) => (true, filter),
        None => (false, setting),
    };
    let filter = EnvFilter::try_new(filter).map_err(|error| anyhow::anyhow!("`TOLLGATE_LOG`: {error}"))?;
    // A line that cannot be written would be reported on standard error, by a call that panics where nobody reads that
    // any more: in the middle of a request.
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    let log = log.with_writer(std::io::stderr);
    let started = match json {
        true => log.json().flatten_event(true).try_init(),
        false => log.with_target(false).with_ansi(colours()).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

/// Colours are for a terminal whose owner did not say no (<https://no-color.org>).
fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
