//! Counters and gauges in the text format of Prometheus (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::atomic::Ordering::Relaxed;

use axum::http::StatusCode;
use parking_lot::Mutex;
use tollgate_ledger::shipper::Shipped;
use tollgate_ledger::sink::Fault;

use super::Control;

/// Calls of the control plane by path, method and status.
#[derive(Debug, Default)]
pub struct Calls(Mutex<BTreeMap<(String, String, u16), u64>>);

impl Calls {
    /// Counts one call. Paths are those of the document, and unknown methods share a word, so that nobody fills memory.
    pub fn add(&self, path: &str, method: &str, status: StatusCode) {
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method);
        let method = if known { method } else { "other" };
        *self.0.lock().entry((path.to_owned(), method.to_owned(), status.as_u16())).or_default() += 1;
    }
}

/// Everything that is counted.
pub fn text(control: &Control) -> String {
    let mut text = Text::default();
    let gate = &control.gate;
    calls(&mut text, control);
    text.family("tollgate_connections", "gauge", "Connections of callers that are open.");
    text.sample(&[], (control.settings.connections)());
    text.family("tollgate_limiter_entries", "gauge", "Rates, slots and counters of limits that are in use.");
    text.sample(&[], gate.limiter.len());
    text.family("tollgate_directory_entries", "gauge", "Credentials of the store that are remembered.");
    text.sample(&[], gate.directory.known.len());
    text.family("tollgate_directory_loads_total", "counter", "Credentials that were looked up in the store.");
    text.sample(&[], gate.directory.loads.load(Relaxed));
    text.family("tollgate_store_up", "gauge", "Whether the store answered when it was asked last.");
    text.sample(&[], u8::from(!gate.directory.is_away()));
    shared(&mut text, control);
    text.family(
        "tollgate_journal_healthy",
        "gauge",
        "Whether calls can be taken down; where not, they are refused.",
    );
    text.sample(&[], u8::from(gate.ledger.is_healthy()));
    text.family("tollgate_journal_bytes", "gauge", "Bytes of the journal's files.");
    text.sample(&[], gate.ledger.journal.bytes());
    sink(&mut text, control);
    text.family("tollgate_upstream_healthy", "gauge", "Targets of an upstream that count as healthy.");
    let live = gate.live();
    let upstreams: BTreeMap<&str, usize> = live
        .upstreams
        .iter()
        .map(|(name, state)| {
            (name.as_str(), state.targets.iter().filter(|target| target.is_healthy()).count())
        })
        .collect();
    for (name, healthy) in upstreams {
        text.sample(&[("upstream", name)], healthy);
    }
    text.family("tollgate_access_log_dropped_total", "counter", "Lines that the access log had no room for.");
    text.sample(&[], gate.telemetry.access_log.as_ref().map_or(0, |log| log.dropped()));
    text.family("tollgate_admin_calls_total", "counter", "Calls of the control plane.");
    for ((path, method, status), count) in control.calls.0.lock().iter() {
        text.sample(&[("path", path), ("method", method), ("status", &status.to_string())], count);
    }
    text.family(
        "tollgate_admin_throttled_addresses",
        "gauge",
        "Addresses that sent wrong admin keys lately.",
    );
    text.sample(&[], control.failures.entries());
    text.family("tollgate_uptime_seconds", "gauge", "Time since the process began to serve.");
    text.sample(&[], gate.clock.now().monotonic.as_secs());
    text.family("tollgate_build_info", "gauge", "Which program this is.");
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.out
}

/// Requests, refusals, and doubts of what models report.
fn calls(text: &mut Text, control: &Control) {
    let counts = control.gate.telemetry.counters.sum();
    text.family("tollgate_requests_total", "counter", "Requests of the data plane that have ended.");
    for ((route, outcome, class), count) in &counts.requests {
        let status = class.map_or_else(|| "none".to_owned(), |class| format!("{class}xx"));
        text.sample(&[("route", route), ("outcome", outcome), ("status", &status)], count);
    }
    text.family("tollgate_refusals_total", "counter", "Refused requests of the data plane.");
    for (code, count) in &counts.refusals {
        text.sample(&[("code", code)], count);
    }
    text.family(
        "tollgate_meter_doubts_total",
        "counter",
        "Calls whose model reported numbers that cannot be true, or a type that its answer is not, and whose rows were guessed.",
    );
    for ((route, reason), count) in &counts.doubts {
        text.sample(&[("route", route), ("reason", reason)], count);
    }
}

/// The way of usage events to where they are kept.
fn sink(text: &mut Text, control: &Control) {
    let now = crate::directory::timestamp(control.gate.clock.now());
    let ledger = &control.gate.ledger;
    let shipped = match ledger.counters() {
        Some(counters) => counters.read(now),
        // Nothing ships before the store was reached.
        None => Shipped { lag_events: ledger.waiting(), ..Shipped::default() },
    };
    text.family("tollgate_ledger_events_total", "counter", "Usage events that the sink has acknowledged.");
    text.sample(&[], shipped.events);
    text.family(
        "tollgate_ledger_failures_total",
        "counter",
        "Batches that the sink did not take, by sink and by whose fault.",
    );
    let sink = control.gate.process.ledger.sink.kind();
    for (fault, failures) in Fault::ALL.iter().zip(shipped.failures) {
        text.sample(&[("sink", sink), ("fault", fault.as_str())], failures);
    }
    text.family("tollgate_ledger_lag_events", "gauge", "Usage events that wait in the journal.");
    text.sample(&[], shipped.lag_events);
    text.family("tollgate_ledger_lag_seconds", "gauge", "How long ago the oldest of them began.");
    text.sample(&[], shipped.lag_seconds);
    text.family("tollgate_ledger_lag_bytes", "gauge", "About how many bytes they have.");
    text.sample(&[], shipped.lag_bytes);
    text.family(
        "tollgate_journal_damage_total",
        "counter",
        "Damages found in the journal; each is an alarm.",
    );
    text.sample(&[], shipped.findings);
    text.family(
        "tollgate_ledger_alarms_total",
        "counter",
        "Alarms that the store raised about what it was to book.",
    );
    text.sample(&[], shipped.alarms);
}

/// How a fleet's Redis does, where there is one.
fn shared(text: &mut Text, control: &Control) {
    let Some(shared) = &control.gate.shared else { return };
    text.family("tollgate_shared_up", "gauge", "Whether the fleet's Redis answers.");
    text.sample(&[], u8::from(shared.is_up()));
    text.family("tollgate_shared_nodes", "gauge", "Nodes of the fleet that are known to live.");
    text.sample(&[], shared.nodes());
    let counts = shared.counts();
    text.family("tollgate_shared_lost_total", "counter", "Times that the fleet's Redis was lost.");
    text.sample(&[], counts.lost.load(Relaxed));
    text.family("tollgate_shared_questions_total", "counter", "Questions to the fleet's Redis.");
    for (what, count) in [
        ("rates", &counts.questions),
        ("leases", &counts.leases),
        ("nonces", &counts.nonces),
        ("verdicts", &counts.verdicts),
    ] {
        text.sample(&[("what", what)], count.load(Relaxed));
    }
    text.family("tollgate_shared_alone_total", "counter", "Calls that this node judged without the fleet.");
    for (what, count) in [("rates", &counts.limited_alone), ("nonces", &counts.nonces_alone)] {
        text.sample(&[("what", what)], count.load(Relaxed));
    }
    let help = "Verdicts of the auth service that another gate had asked for.";
    text.family("tollgate_shared_verdicts_found_total", "counter", help);
    text.sample(&[], counts.verdicts_found.load(Relaxed));
    let help = "Entries in the place of verdicts that no gate with the fleet key wrote.";
    text.family("tollgate_shared_verdicts_forged_total", "counter", help);
    text.sample(&[], counts.verdicts_forged.load(Relaxed));
}

/// Samples below the family that was named last.
#[derive(Debug, Default)]
pub struct Text {
    /// The page.
    pub out: String,
    name: String,
}

impl Text {
    /// Begins a family of samples.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        name.clone_into(&mut self.name);
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// Adds a sample to the family.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let name = std::mem::take(&mut self.name);
        match labels.is_empty() {
            true => self.line(format_args!("{name} {value}\n")),
            false => self.line(format_args!("{name}{{{}}} {value}\n", labels.join(","))),
        }
        self.name = name;
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = self.out.write_fmt(line);
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
