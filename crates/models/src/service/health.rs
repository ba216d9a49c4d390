//! How the service is, and what it runs on.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::app::App;
use super::jobs;
use super::problem::Problem;

/// `GET /health`: whether the database answers. Only the newer dialect says it by the status too.
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response {
    let (state, healthy) = state(&app).await;
    let status = match healthy || !app.settings.dialect.is_new() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer::json(status, &state)
}

async fn state(app: &App) -> (Value, bool) {
    match app.store.check().await {
        Ok(()) => (json!({ "status": "healthy", "checks": { "database": { "state": "healthy" } } }), true),
        Err(error) => {
            tracing::error!(event = "database.error", %error, "the store does not answer");
            let check = json!({ "state": "unhealthy", "message": "the database does not answer" });
            (json!({ "status": "unhealthy", "checks": { "database": check } }), false)
        }
    }
}

/// `GET /health/$stream`: the same each `poll_interval` seconds.
pub(crate) async fn stream(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let every = jobs::interval(&app, &uri, 1.0)?;
    let stopping = app.stopping.subscribe();
    let events =
        stream::unfold((app, stopping, Duration::ZERO), move |(app, mut stopping, wait)| async move {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return None,
            }
            let (state, _) = state(&app).await;
            let event = Event::default().data(state.to_string());
            Some((Ok::<_, std::convert::Infallible>(event), (app, stopping, every)))
        });
    Ok(Sse::new(events).into_response())
}

/// `GET /api/v1/system`: the machine and the time.
pub(crate) async fn system(State(_): State<Arc<App>>) -> Answer {
    let zone = TimeZone::system();
    let now = Timestamp::now();
    let system = json!({
        "current_time": answer::job_time(now),
        "timezone": zone.to_offset_info(now).abbreviation(),
        // Clients of the original read it; there is no Python here.
        "python_version": "none",
        "runtime": format!("tollgate {}", env!("CARGO_PKG_VERSION")),
        "platform": format!("{}-{}", kernel(), std::env::consts::ARCH),
        "hostname": first_line("/proc/sys/kernel/hostname").unwrap_or_else(|| "localhost".to_owned()),
    });
    Ok(answer::json(StatusCode::OK, &system))
}

fn kernel() -> String {
    let release = first_line("/proc/sys/kernel/osrelease");
    release.map_or_else(|| std::env::consts::OS.to_owned(), |release| format!("Linux-{release}"))
}

fn first_line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().next().map(str::to_owned).filter(|line| !line.is_empty())
}

/// `GET /api/v1/system/apps`: there are none.
pub(crate) async fn apps() -> Answer {
    Ok(answer::json(StatusCode::OK, &json!([])))
}

/// `GET /api/v1/system/apps/$schema`.
pub(crate) async fn apps_schema() -> Answer {
    Ok(answer::json(
        StatusCode::OK,
        &json!({ "type": "array", "items": { "type": "object" }, "maxItems": 0 }),
    ))
}

/// `GET /api/v1/info`: what the service is.
pub(crate) async fn info(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let version = env!("CARGO_PKG_VERSION");
    let mut info = json!({
        "display_name": "Model service",
        "version": version,
        "summary": "Trains models on tables and predicts with them",
        "description": "Configurations, training, predictions, artifacts and jobs over HTTP",
        "contact": null,
        "license_info": { "name": "Apache-2.0" },
    });
    if app.settings.dialect.is_new() {
        info = json!({
            "id": "model-service",
            "display_name": "Model service",
            "version": version,
            "description": "Configurations, training, predictions, artifacts and jobs over HTTP",
            "model_metadata": {
                "author": "Tollgate", "author_note": null, "author_assessed_status": "gray",
                "contact_email": null, "organization": null, "organization_logo_url": null,
                "citation_info": null, "repository_url": null, "documentation_url": null,
            },
            "git_revision": null,
            "period_type": "any",
            "min_prediction_periods": 0,
            "max_prediction_periods": 100,
            "allow_free_additional_continuous_covariates": true,
            "required_covariates": [],
            "requires_geo": false,
            "target": "disease_cases",
            "hpo_search_space": null,
        });
    }
    Ok(answer::json(StatusCode::OK, &info))
}
