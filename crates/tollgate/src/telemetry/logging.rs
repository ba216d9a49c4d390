//! The process's own log, on standard error.

use std::io::{self, IsTerminal, Stderr, Write};

use tracing_subscriber::EnvFilter;

use super::line;
use super::structlog::Structlog;

/// Starts the log as `TOLLGATE_LOG` says: a filter such as `info` or `tollgate=debug`, with `json:` before it for one
/// JSON object a line, or `structlog:` for one with the members that structlog gives it.
///
/// # Errors
/// A filter that cannot be read, or a log that was started before.
pub fn start(setting: Option<&str>, default: &str) -> anyhow::Result<()> {
    let setting = setting.filter(|setting| !setting.is_empty()).unwrap_or(default);
    let (form, filter) = match (setting.strip_prefix("json:"), setting.strip_prefix("structlog:")) {
        (Some(filter), _) => (Form::Json, filter),
        (None, Some(filter)) => (Form::Structlog, filter),
        (None, None) => (Form::Text, setting),
    };
    let filter = EnvFilter::try_new(filter).map_err(|error| anyhow::anyhow!("`TOLLGATE_LOG`: {error}"))?;
    // A line that cannot be written would be reported on standard error, by a call that panics where nobody reads that
    // any more: in the middle of a request.
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    let log = log.with_writer(move || Lines { to: std::io::stderr(), json: form != Form::Text });
    let started = match form {
        Form::Json => log.json().flatten_event(true).try_init(),
        Form::Structlog => log.event_format(Structlog).try_init(),
        Form::Text => log.with_target(false).with_ansi(colours()).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

/// How a line is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    Structlog,
}

/// Standard error, for lines with a bound.
struct Lines {
    to: Stderr,
    json: bool,
}

impl Write for Lines {
    /// Takes one whole line, which is how the log gives them.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match (line.len() > line::MAX, self.json) {
            (false, _) => self.to.write_all(line)?,
            (true, true) => self.to.write_all(&line::json(line))?,
            (true, false) => self.to.write_all(&line::text(line))?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Colours are for a terminal whose owner did not say no (<https://no-color.org>).
fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
