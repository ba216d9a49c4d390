//! Lines of the log as Python's structlog writes them, for whoever reads the log of a model service by its members.

use std::fmt::{self, Debug};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::registry::LookupSpan;

/// One JSON object a line: what happened as `event`, its members, then `level`, `logger`, `timestamp`, `filename`, `lineno`
/// and `func_name`, which is the module: functions are not known.
pub struct Structlog;

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N>
    for Structlog
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut members = Members::default();
        event.record(&mut members);
        let Members { mut named, message } = members;
        // What has no name of its own is told by its message.
        named.entry("event").or_insert(message.into());
        let facts = event.metadata();
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let file = facts.file().and_then(|path| path.rsplit('/').next());
        let module = facts.module_path().and_then(|path| path.rsplit("::").next());
        let common = [
            ("level", facts.level().as_str().to_ascii_lowercase().replace("warn", "warning").into()),
            ("logger", facts.target().into()),
            ("timestamp", time.into()),
            ("filename", file.into()),
            ("lineno", facts.line().into()),
            ("func_name", module.into()),
        ];
        named.extend(common.map(|(name, value): (_, Value)| (name.to_owned(), value)));
        writeln!(writer, "{}", Value::Object(named))
    }
}

/// The members of one line.
#[derive(Default)]
struct Members {
    named: Map<String, Value>,
    message: String,
}

impl Members {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.named.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Members {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            _ => self.put(field, format!("{value:?}")),
        }
    }
}
