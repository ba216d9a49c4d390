//! What is counted, and `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::app::App;

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) train_jobs: AtomicU64,
    pub(crate) predict_jobs: AtomicU64,
    /// Predictions that were answered at once.
    pub(crate) inferences: AtomicU64,
    /// Requests by the first digit of their status.
    statuses: [AtomicU64; 6],
    micros: AtomicU64,
}

impl Counters {
    /// Counts one more.
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, status: u16, micros: u64) {
        if let Some(counter) = self.statuses.get(usize::from(status / 100)) {
            Self::add(counter);
        }
        self.micros.fetch_add(micros, Relaxed);
    }
}

/// `GET /metrics`: the text format of Prometheus, version 0.0.4.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let counters = &app.counters;
    let mut out = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, rows: &[(String, String)]| {
        out.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        for (labels, value) in rows {
            out.push_str(&format!("{name}{labels} {value}\n"));
        }
    };
    let one = |value: u64| vec![(String::new(), value.to_string())];
    metric(
        "ml_train_jobs_total",
        "counter",
        "Training jobs submitted",
        &one(counters.train_jobs.load(Relaxed)),
    );
    metric(
        "ml_predict_jobs_total",
        "counter",
        "Prediction jobs submitted",
        &one(counters.predict_jobs.load(Relaxed)),
    );
    metric(
        "ml_inferences_total",
        "counter",
        "Predictions answered at once",
        &one(counters.inferences.load(Relaxed)),
    );
    metric("ml_jobs_waiting", "gauge", "Jobs that wait for a thread", &one(app.queue.waiting() as u64));
    let statuses = counters.statuses.iter().enumerate().skip(1);
    let rows: Vec<_> = statuses
        .map(|(digit, count)| (format!("{{status=\"{digit}xx\"}}"), count.load(Relaxed).to_string()))
        .collect();
    metric("http_server_requests_total", "counter", "Requests answered", &rows);
    let seconds = counters.micros.load(Relaxed) as f64 / 1e6;
    let total = vec![(String::new(), format!("{seconds}"))];
    metric("http_server_duration_seconds_total", "counter", "Time spent answering", &total);
    metric(
        "target_info",
        "gauge",
        "The program",
        &[(
            format!("{{service_name=\"tollgate-models\",service_version=\"{}\"}}", env!("CARGO_PKG_VERSION")),
            "1".to_owned(),
        )],
    );
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out)
}
